"""A short search for the number of threads with which an artifact answers a single text fastest."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from leanglot.errors import ConfigError
from leanglot.measure.calls import random_rows, settle, timed_call
from leanglot.results.measures import ThreadSearch
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.classifier import Classifier

_LENGTHS: Final = (8, 16, 32)
_ROWS_PER_LENGTH: Final = 2
_FEWEST_ROUNDS: Final = 2
_NEARLY_EQUAL: Final = 1.05


@dataclass(slots=True)
class _Runner:
    """One number of threads: what answers with it, and its milliseconds per call."""

    count: int
    classifier: Classifier
    times: list[float] = field(default_factory=list)

    @property
    def p50_ms(self) -> float:
        return float(np.median(self.times))


def search_threads(
    open_with: Callable[[int], Classifier], most: int, *, rounds: int = 6, budget_s: float = 1.5, seed: int = 0
) -> ThreadSearch:
    """Times one text at a time with 1, 2, 4, … and ``most`` threads, each in turns with the best so far, and chooses.

    More threads are not always faster: they wait for each other in small products, and share the cores' caches.

    Args:
        open_with: Loads the artifact with so many threads. Two of them are open at once, so that they can take turns.
        most: Largest number of threads, usually the physical cores.
        rounds: How often each number has its turn; in each it answers rows of 8, 16 and 32 random tokens twice.
        budget_s: Seconds per number of threads after which, from the second round on, no further round starts.
        seed: Seed of the tokens.

    Returns:
        The medians. Within 5% of the fastest, the smallest number wins: the cores it leaves free are worth more.

    Raises:
        ConfigError: ``most`` is below 1.
    """
    if most < 1:
        raise ConfigError(f"The number of threads is {most}.", "Allowed are whole numbers from 1 on.")
    first, *others = thread_counts(most)
    best = _Runner(first, open_with(first))
    rows = random_rows(best.classifier, _LENGTHS, _ROWS_PER_LENGTH, seed)
    _warm_up(best, rows)
    if not others:
        _take_turns([best], rows, rounds, budget_s)
    p50_ms: dict[int, float] = {}
    for count in others:
        rival = _Runner(count, open_with(count))
        _warm_up(rival, rows)
        best.times.clear()  # what a neighbour did during an earlier duel is no part of this one
        _take_turns([best, rival], rows, rounds, budget_s)
        p50_ms |= {runner.count: runner.p50_ms for runner in (best, rival)}
        best = rival if choose({best.count: best.p50_ms, count: rival.p50_ms}).best == count else best
    return ThreadSearch(p50_ms=dict(sorted((p50_ms | {best.count: best.p50_ms}).items())), best=best.count)


def _warm_up(runner: _Runner, rows: Sequence[TokenIds]) -> None:
    for row in rows:
        timed_call(runner.classifier, row)


def _take_turns(runners: Sequence[_Runner], rows: Sequence[TokenIds], rounds: int, budget_s: float) -> None:
    """Have each answer all rows in each round, until the rounds or the seconds are over."""
    started = time.monotonic()
    for turn in range(rounds):
        if turn >= _FEWEST_ROUNDS and time.monotonic() - started > budget_s * len(runners):
            break
        for runner in runners:
            if len(runners) > 1:
                settle(runner.classifier, rows[0])
            runner.times += [timed_call(runner.classifier, row) for row in rows]


def choose(p50_ms: dict[int, float]) -> ThreadSearch:
    """The smallest number of threads whose median is within 5% of the fastest.

    Args:
        p50_ms: Median latency by number of threads; not empty.
    """
    bound = min(p50_ms.values()) * _NEARLY_EQUAL
    return ThreadSearch(p50_ms=p50_ms, best=min(count for count, median in p50_ms.items() if median <= bound))


def thread_counts(most: int) -> list[int]:
    """The powers of two below ``most``, and ``most``."""
    return [*(2**power for power in range(most.bit_length()) if 2**power < most), most]
