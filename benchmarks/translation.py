"""What translation costs: transformers, ONNX Runtime, OpenVINO and CTranslate2 on Marian's base shape, and on a model.

Run it with ``python benchmarks/translation.py``; ``--help`` shows the options.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from translation_engines import ENGINES, REFERENCE, Engine, Work, make, peak_memory
from translation_records import Part, Row, render
from translation_shapes import BASE, QUICK, make_shape

from leanglot.data.parallel_reading import read_parallel
from leanglot.measure.neighbours import NeighbourWatch
from leanglot.measure.weight import folder_size
from leanglot.models.translation_model import load_translation_model
from leanglot.results.environment import available_cores, read_environment
from leanglot.runtimes.loading import load_translator
from leanglot.runtimes.seq2seq import SourceRow
from leanglot.runtimes.translation_text import TranslationText
from leanglot.runtimes.translator import Translator

RESULTS: Final = Path(__file__).parent / "results"
TOKENS: Final = 30
BATCH: Final = 16
_PAUSE_S: Final = 0.02
_PATIENCE: Final = 1.5  # an engine that needs so many times as long as the reference takes part in every eighth round
_EIGHTH: Final = 8


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: rounds of one sentence, rounds of a batch, and numbers of threads to try."""

    ones: int
    batches: int
    threads: tuple[int, ...]


FULL: Final = Effort(132, 9, tuple(sorted({1, available_cores()})))
SHORT: Final = Effort(2, 2, (1,))


@dataclass(frozen=True, slots=True)
class Runner:
    """An engine that is ready, and how it searches."""

    engine: Engine
    translator: Translator
    work: Work

    def time(self, rows: Sequence[SourceRow]) -> float:
        """Milliseconds of one batch; the processor rests before, since engines keep their threads spinning."""
        time.sleep(_PAUSE_S)
        started = time.perf_counter()
        self.translator.engine.generate(rows, self.work.decoding(cache=self.engine.cache))
        return (time.perf_counter() - started) * 1e3


def main() -> None:
    """Measure, print, and with ``--write`` keep."""
    options = _options()
    started, effort = time.monotonic(), SHORT if options.quick else FULL
    engines = [one for one in ENGINES if not options.engines or one.name in (REFERENCE, *options.engines)]
    parts = []
    with _work_folder(options.work) as folder:
        if options.model is None or options.base:
            name = QUICK if options.quick else BASE
            shape = make_shape(name, folder / name / "model")
            about = f"Random weights, sources of {TOKENS} tokens, translations of {TOKENS} tokens exactly."
            parts.append(measure(name, about, shape, _random_work(shape), folder / name, engines, effort))
        if options.model is not None:
            work, about = _real_work(options.model, options.data, effort.ones)
            inside = folder / "trained"
            parts.append(measure(options.model.name, about, options.model, work, inside, engines, effort))
    environment = read_environment(available_cores())
    page = render(parts, environment, f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", time.monotonic() - started)
    sys.stdout.write(page)
    if options.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "translation.md").write_text(page, encoding="utf-8")


def measure(
    title: str, about: str, model: Path, work: Work, folder: Path, engines: Sequence[Engine], effort: Effort
) -> Part:
    """Make, load, and time all engines on one model."""
    rows = {engine.name: Row(engine.name) for engine in engines}
    runners: dict[int, list[Runner]] = {1: [], BATCH: []}
    for engine in engines:
        row = rows[engine.name]
        _tell(f"{title}: {engine.name}: making, loading, fresh processes")
        try:
            target = folder / engine.folder
            make(model, engine, target)
            row.size_bytes = folder_size(target)
            own = {count: _fastest(engine, target, work, count, effort.threads) for count in (1, BATCH)}
            row.threads = {count: threads for count, (_, threads) in own.items()}
            row.peak_rss = {
                count: peak_memory(target, threads, work, cache=engine.cache, count=count)
                for count, threads in row.threads.items()
            }
            for count, (runner, _) in own.items():
                runners[count].append(runner)
        except Exception as error:  # noqa: BLE001 - whatever an engine raises becomes the reason in its row
            row.reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    with NeighbourWatch() as watch:
        _tell(f"{title}: {effort.ones} rounds of one sentence, {effort.batches} of {BATCH}")
        _rounds(runners[1], effort.ones, lambda turn: [work.rows[turn % len(work.rows)]], lambda name: rows[name].one)
        batch = work.rows[:BATCH]
        _rounds(runners[BATCH], effort.batches, lambda _turn: batch, lambda name: rows[name].batch)
    if work.forced is None:
        _compare(runners[BATCH], rows, work)
    return Part(title, about, [*rows.values()], BATCH, watch.warnings())


def _fastest(engine: Engine, folder: Path, work: Work, count: int, threads: Sequence[int]) -> tuple[Runner, int]:
    """The engine with the number of threads that translates so many sentences fastest."""
    found: dict[int, tuple[float, Runner]] = {}
    for tried in threads:
        runner = Runner(engine, load_translator(folder, tried), work)
        runner.time(work.rows[:count])
        found[tried] = median(runner.time(work.rows[:count]) for _ in range(3)), runner
    best = min(found, key=lambda tried: found[tried][0])
    return found[best][1], best


def _rounds(
    runners: Sequence[Runner],
    rounds: int,
    rows_of: Callable[[int], Sequence[SourceRow]],
    times_of: Callable[[str], dict[int, float]],
) -> None:
    """Every engine once per round, in an order that moves on; much slower ones than the reference in every eighth."""
    slow: set[str] = set()
    for turn in range(-1, rounds):  # the first warms up
        start = turn % len(runners) if runners else 0
        spent = {}
        for runner in (*runners[start:], *runners[:start]):
            if runner.engine.name in slow and turn % _EIGHTH:
                continue
            spent[runner.engine.name] = runner.time(rows_of(turn))
            if turn >= 0:
                times_of(runner.engine.name)[turn] = spent[runner.engine.name]
        if turn < 0:
            limit = _PATIENCE * spent.get(REFERENCE, float("inf"))
            slow = {name for name, needed in spent.items() if needed > limit}


def _compare(runners: Sequence[Runner], rows: dict[str, Row], work: Work) -> None:
    """Share of sources that each translates as the reference does."""
    found = {
        runner.engine.name: [
            answer.ids.tolist()
            for start in range(0, len(work.rows), BATCH)
            for answer in runner.translator.engine.generate(
                work.rows[start : start + BATCH], work.decoding(cache=runner.engine.cache)
            )
        ]
        for runner in runners
    }
    for name, answers in found.items():
        if REFERENCE in found:
            pairs = zip(answers, found[REFERENCE], strict=True)
            rows[name].agrees = float(np.mean([one == other for one, other in pairs]))


def _random_work(model: Path) -> Work:
    loaded = load_translation_model(model)
    rng = np.random.default_rng(0)
    pieces = sorted(set(loaded.tokenizer.get_vocab().values()) - set(loaded.tokenizer.get_added_tokens_decoder()))
    start = (loaded.facts.decoder_start_id,)
    rows = [
        SourceRow(np.append(rng.choice(pieces, TOKENS - 1), loaded.facts.eos_id).astype(np.int64), start)
        for _ in range(BATCH)
    ]
    return Work(tuple(rows), TOKENS)


def _real_work(model: Path, data: Path | None, most: int) -> tuple[Work, str]:
    """Test sentences of every pair in turn; the translations end by themselves."""
    if data is None:
        sys.exit("--model needs --data: parallel sentences to translate.")
    loaded = load_translation_model(model)
    examples, _ = read_parallel(data)
    rng = np.random.default_rng(0)
    chosen = [rng.permutation(places)[: -(-most // len(examples.by_pair()))] for places in examples.by_pair().values()]
    some = examples.subset(rng.permutation(np.concatenate(chosen))[: max(most, BATCH)])
    text = TranslationText(loaded.tokenizer, loaded.target_tokenizer, loaded.facts, loaded.max_length)
    rows = text.encode(some.sources, some.pairs).rows
    length = median(len(row) for row in rows)
    about = f"{len(rows)} test sentences over {len(examples.by_pair())} pairs, {length:.0f} tokens at the median."
    return Work(rows, None, most=loaded.facts.max_target), about


@contextmanager
def _work_folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="translation-") as folder:
        yield Path(folder)


def _tell(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="folder of a trained model, which is measured as well")
    parser.add_argument("--data", type=Path, help="parallel sentences for it")
    parser.add_argument("--base", action="store_true", help="with --model: measure the base shape too")
    parser.add_argument("--engines", nargs="+", help="only these, beside transformers")
    parser.add_argument("--quick", action="store_true", help="a tiny shape and few rounds: whether it runs")
    parser.add_argument("--work", type=Path, help="keep what is made here, and use it again")
    parser.add_argument("--write", action="store_true", help="keep the page in benchmarks/results/translation.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
