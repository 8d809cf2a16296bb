"""The ledger of peers: leanglot's quantized candidate beside what others offer, on two shapes, in turns, in one run.

Run it with ``python benchmarks/peers.py``; ``--help`` shows the options. Every engine is used as its own documentation
shows, with the number of threads that suits it best. One that is missing or fails is a row with its reason.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from peer_engines import ENGINES, OURS, REFERENCE, Engine, chosen_engines
from peer_goals import judge_goals
from peer_process import PeerError, answer_apart, prepare_apart
from peer_records import Ledger, Row, ShapeLedger
from peer_shapes import SHAPES, Shape, Workload, balanced, make_shape, make_workload
from peer_tables import render
from peer_timing import FULL, QUICK, Effort, compare, latencies, paces, run_batches, search_threads, throughputs

from leanglot.measure.neighbours import NeighbourWatch
from leanglot.results.environment import available_cores, read_environment

if TYPE_CHECKING:
    from leanglot.runtimes.base import Predictor

RESULTS: Final = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does.

    Attributes:
        engines: What is measured; the reference and leanglot's candidate among them.
        left_out: What is not, because it must be asked for by name.
        effort: How much is measured.
        budget: Most threads of an engine.
        tell: Told what is being done.
    """

    engines: Sequence[Engine]
    left_out: Sequence[Engine]
    effort: Effort
    budget: int
    tell: Callable[[str], None]


def main() -> None:
    """Measure, print, and with ``--write`` keep."""
    options = _options()
    for name in ("torchao", "torch.utils._pytree"):  # they complain of kernels for other processors and of each other
        logging.getLogger(name).setLevel(logging.ERROR)
    effort = QUICK if options.quick else FULL
    left_out = [engine for engine in ENGINES if engine.only_named is not None and not options.engines]
    plan = Plan(chosen_engines(options.engines), left_out, effort, options.cores or available_cores(), _teller())
    names = SHAPES if options.shape == "all" else (options.shape,)
    ledgers = []
    with _work_folder(options.work) as work:
        for name in names:
            plan.tell(f"{name}: the model and the texts")
            folder = work / name
            folder.mkdir(parents=True, exist_ok=True)
            shape = make_shape(name, folder)
            ledgers.append(measure_shape(shape, _demo_workload(shape, effort), folder, plan))
    ledger = Ledger(
        created_at=datetime.now(UTC),
        environment=read_environment(plan.budget),
        rounds=effort.rounds,
        calls=effort.calls,
        shapes=tuple(ledgers),
    )
    sys.stdout.write(render(ledger))
    if options.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "peers.md").write_text(render(ledger), encoding="utf-8")
        (RESULTS / "peers.json").write_text(ledger.model_dump_json(indent=1) + "\n", encoding="utf-8")


def measure_shape(shape: Shape, work: Workload, folder: Path, plan: Plan) -> ShapeLedger:
    """Make, load, time and compare all engines on one shape.

    Args:
        shape: The model.
        work: The token sequences.
        folder: Where engines' folders are made; those of an earlier run in it are used again, leanglot's excepted.
        plan: Engines and effort.
    """
    rows = {engine.name: _blank(engine) for engine in plan.engines}
    engines: dict[str, Predictor] = {}
    disturbed = []
    for engine in plan.engines:
        try:
            rows[engine.name] = _made(rows[engine.name], engine, shape, work, folder, plan.tell)
            plan.tell(f"{shape.name}: {engine.name}: loading, and trying numbers of threads")
            with NeighbourWatch() as trying:
                engines[engine.name], rows[engine.name] = _opened(rows[engine.name], engine, folder, work, plan.budget)
            if trying.warnings():
                disturbed.append(engine.name)
            plan.tell(f"{shape.name}: {engine.name}: fresh processes")
            rows[engine.name] = _started(rows[engine.name], engine, folder, work, plan.effort)
        except Exception as error:  # noqa: BLE001 - whatever an engine raises becomes the reason in its row
            rows[engine.name] = _failed(rows[engine.name], error)
    with NeighbourWatch() as watch:
        _time_all(rows, engines, shape, work, plan)
    plan.tell(f"{shape.name}: comparing answers")
    _compare_all(rows, engines, work)
    return ShapeLedger(
        shape=shape.name,
        about=shape.about,
        trained=shape.trained,
        rows=(*rows.values(), *(_blank(engine, engine.only_named) for engine in plan.left_out)),
        goals=judge_goals(list(rows.values()), trained=shape.trained),
        neighbours=watch.share,
        warnings=(*watch.warnings(), *_doubtful_threads(disturbed)),
    )


def _blank(engine: Engine, reason: str | None = None) -> Row:
    versions = {name: _version(name) for name in engine.packages}
    return Row(engine=engine.name, how=engine.how, versions=versions, reason=reason)


def _made(row: Row, engine: Engine, shape: Shape, work: Workload, folder: Path, tell: Callable[[str], None]) -> Row:
    """The row with what is on disk."""
    from leanglot.measure.weight import folder_size

    target, stamp = folder / engine.name, folder / f"{engine.name}.seconds"
    if engine.name == OURS or not stamp.is_file():
        tell(f"{shape.name}: {engine.name}: making it")
        _clear(target)
        calibration = folder / "calibration.json"
        calibration.write_text(json.dumps(work.calibration), encoding="utf-8")
        stamp.write_text(str(prepare_apart(engine, shape.folder, target, calibration)), encoding="ascii")
    return row.model_copy(
        update={
            "making_s": float(stamp.read_text(encoding="ascii")),
            "size_bytes": folder_size(target),
            "tokenizer_bytes": (target / "tokenizer.json").stat().st_size,
        }
    )


def _opened(row: Row, engine: Engine, folder: Path, work: Workload, budget: int) -> "tuple[Predictor, Row]":
    """The engine with the number of threads that suits it, and the row that tells it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predictor, threads, found = search_threads(
            lambda count: engine.open_predictor(folder / engine.name, count), budget, work
        )
    run_batches(predictor, work.mixed)  # an engine that cannot take them fails here, alone
    return predictor, row.model_copy(update={"threads": threads, "threads_ms": found})


def _doubtful_threads(names: Sequence[str]) -> list[str]:
    told = f"Other processes were busy while numbers of threads were tried for {', '.join(names)}."
    return [told] if names else []


def _started(row: Row, engine: Engine, folder: Path, work: Workload, effort: Effort) -> Row:
    """The row with cold start and memory; the first process only fills the system's file cache."""
    threads = row.threads or 1
    answers = [answer_apart(engine, folder / engine.name, threads, work.first_text) for _ in range(effort.cold_starts)]
    seconds, memory = zip(*answers, strict=True)
    return row.model_copy(update={"cold_start_s": median(seconds), "peak_rss_bytes": int(median(memory))})


def _time_all(rows: dict[str, Row], engines: "dict[str, Predictor]", shape: Shape, work: Workload, plan: Plan) -> None:
    """Latency and throughput into the rows; without the reference and leanglot's candidate there are no ratios."""
    if not {REFERENCE, OURS} <= engines.keys():
        for name in engines:
            rows[name] = _failed(rows[name], PeerError(f"not timed: {REFERENCE} or {OURS} is missing"))
        return
    plan.tell(f"{shape.name}: timing {len(engines)} engines in turns")
    by_length = {length: paces(times) for length, times in latencies(engines, work, plan.effort).items()}
    plan.tell(f"{shape.name}: throughput in turns")
    rates = paces(throughputs(engines, work, plan.effort), lambda seconds: work.mixed_texts / seconds)
    for name in engines:
        latency = {length: found[name] for length, found in by_length.items()}
        rows[name] = rows[name].model_copy(update={"latency": latency, "throughput": rates[name]})


def _compare_all(rows: dict[str, Row], engines: "dict[str, Predictor]", work: Workload) -> None:
    if REFERENCE not in engines:
        return
    reference = run_batches(engines[REFERENCE], work.judged)
    for name, predictor in engines.items():
        try:
            agreement = compare(run_batches(predictor, work.judged), reference, work.judged_labels)
            rows[name] = rows[name].model_copy(update={"agreement": agreement})
        except Exception as error:  # noqa: BLE001 - whatever an engine raises becomes the reason in its row
            rows[name] = _failed(rows[name], error)


def _failed(row: Row, error: Exception) -> Row:
    words = " ".join(str(error).split())[:300]
    reason = words if isinstance(error, PeerError) else f"{type(error).__name__}: {words}"
    return row.model_copy(update={"reason": reason if row.reason is None else f"{row.reason}; {reason}"})


def _demo_workload(shape: Shape, effort: Effort) -> Workload:
    """The demo's sentences as tokens; both shapes have its tokenizer."""
    from tokenizers import Tokenizer

    from leanglot.data.demo import demo_data

    data = demo_data()
    tokenizer = Tokenizer.from_file(str(shape.folder / "tokenizer.json"))
    tokenizer.no_padding()
    names: dict[str, str] = json.loads((shape.folder / "config.json").read_text(encoding="utf-8"))["id2label"]
    labels = [names[key] for key in sorted(names, key=int)] if shape.trained else []
    return make_workload(tokenizer, data.train.texts, balanced(data.test, effort.per_language), labels)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=(*SHAPES, "all"), default="all")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, processes and texts")
    parser.add_argument(
        "--engines",
        nargs="+",
        default=[],
        choices=[engine.name for engine in ENGINES],
        metavar="NAME",
        help=f"of {', '.join(engine.name for engine in ENGINES)}; {REFERENCE} and {OURS} are always measured",
    )
    parser.add_argument("--cores", type=int, help="most threads of an engine; all physical cores without it")
    parser.add_argument("--write", action="store_true", help="keep the ledger in benchmarks/results/")
    parser.add_argument(
        "--work", type=Path, help="a folder for what is made, used again next time; else a temporary one"
    )
    return parser.parse_args()


@contextmanager
def _work_folder(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        yield chosen
        return
    with tempfile.TemporaryDirectory(prefix="leanglot-peers-") as folder:
        yield Path(folder)


def _teller() -> Callable[[str], None]:
    started = time.monotonic()

    def tell(what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - started:5.0f} s  {what}\n")

    return tell


def _clear(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
