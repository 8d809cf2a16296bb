"""A short search for the number of threads with which an artifact translates one sentence fastest."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from leanglot.errors import ConfigError
from leanglot.languages import pair_tag
from leanglot.measure.calls import pause
from leanglot.measure.threads import choose, thread_counts
from leanglot.results.measures import ThreadSearch
from leanglot.runtimes.seq2seq import SourceRow
from leanglot.runtimes.translation_text import TranslationText
from leanglot.runtimes.translator import Translator

_LENGTHS: Final = (8, 16, 32)
_FEWEST_ROUNDS: Final = 2
_SHORTEST: Final = 2
_HOPELESS: Final = 4.0


@dataclass(slots=True)
class _Runner:
    """One number of threads: what translates with it, and its milliseconds per sentence."""

    count: int
    translator: Translator
    times: list[float] = field(default_factory=list)

    @property
    def p50_ms(self) -> float:
        return float(np.median(self.times))

    def time(self, row: SourceRow) -> float:
        """Milliseconds of one greedy translation of as many tokens as its source has."""
        own = self.translator.decoding
        most = min(max(len(row), _SHORTEST), own.max_tokens)
        decoding = replace(own, beam=1, max_tokens=most, forced=most)
        started = time.perf_counter_ns()
        self.translator.engine.generate([row], decoding)
        return (time.perf_counter_ns() - started) / 1e6


def fit_threads(
    open_with: Callable[[int], Translator],
    rows: Sequence[SourceRow],
    most: int,
    *,
    rounds: int = 6,
    budget_s: float = 1.5,
) -> ThreadSearch:
    """Times one sentence at a time with 1, 2, 4, … and ``most`` threads, each in turns with the best so far.

    A decoder multiplies with one row per step: more threads often wait for each other longer than they compute.

    Args:
        open_with: Loads the artifact with so many threads. Two of them are open at once, so that they can take turns.
        rows: Tokenized sentences; not empty.
        most: Largest number of threads, usually the physical cores.
        rounds: How often each number has its turn; in each it translates all rows.
        budget_s: Seconds per number of threads after which, from the second round on, no further round starts.

    Returns:
        The medians; of a number that was four times as slow in its first two calls, the faster of those. Within 5% of
        the fastest, the smallest number wins: the cores it leaves free are worth more.

    Raises:
        ConfigError: ``most`` is below 1.
    """
    if most < 1:
        raise ConfigError(f"The number of threads is {most}.", "Allowed are whole numbers from 1 on.")
    first, *others = thread_counts(most)
    best = _Runner(first, open_with(first))
    fastest_ms = _warm_up(best, rows[0])
    p50_ms: dict[int, float] = {}
    for count in others:
        rival = _Runner(count, open_with(count))
        first_ms = _warm_up(rival, rows[0])
        if first_ms > _HOPELESS * fastest_ms:
            p50_ms[count] = first_ms
            continue
        best.times.clear()  # what a neighbour did during an earlier duel is no part of this one
        _take_turns([best, rival], rows, rounds, budget_s)
        p50_ms |= {runner.count: runner.p50_ms for runner in (best, rival)}
        if choose({best.count: best.p50_ms, count: rival.p50_ms}).best == count:
            best, fastest_ms = rival, first_ms
    if not best.times:
        _take_turns([best], rows, rounds, budget_s)
    return ThreadSearch(p50_ms=dict(sorted((p50_ms | {best.count: best.p50_ms}).items())), best=best.count)


def _warm_up(runner: _Runner, row: SourceRow) -> float:
    """Milliseconds of the faster of a first and a second call."""
    return min(runner.time(row) for _ in range(2))


def _take_turns(runners: Sequence[_Runner], rows: Sequence[SourceRow], rounds: int, budget_s: float) -> None:
    """Have each translate all rows in each round, until the rounds or the seconds are over."""
    started = time.monotonic()
    for turn in range(rounds):
        if turn >= _FEWEST_ROUNDS and time.monotonic() - started > budget_s * len(runners):
            break
        for runner in runners:
            if len(runners) > 1:
                pause()
                runner.time(rows[0])
            runner.times += [runner.time(row) for row in rows]


def sample_rows(text: TranslationText, seed: int = 0) -> tuple[SourceRow, ...]:
    """Sentences of random pieces, about 8, 16 and 32 tokens long, of a pair that the model knows.

    Args:
        text: The model's tokenizers.
        seed: Seed of the pieces.
    """
    rng = np.random.default_rng(seed)
    special = set(text.tokenizer.get_added_tokens_decoder())
    pieces = sorted(set(text.tokenizer.get_vocab().values()) - special)
    texts = [text.tokenizer.decode(rng.choice(pieces, min(length, text.max_length)).tolist()) for length in _LENGTHS]
    return text.encode([each or "a" for each in texts], [_some_pair(text)] * len(texts)).rows


def _some_pair(text: TranslationText) -> str:
    """A pair that the model knows."""
    if text.facts.pairs:
        return text.facts.pairs[0]
    first, second, *_ = (*sorted(text.facts.codes), "en", "de")
    return pair_tag(first, second)
