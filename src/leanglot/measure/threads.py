"""A short search for the number of threads with which an artifact answers a single text fastest."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

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


class Timing(Protocol):
    """An artifact with some number of threads, ready to be timed."""

    def warm_up(self) -> float:
        """Answer for the first times; returns the milliseconds of the fastest of these calls."""
        ...

    def settle(self) -> None:
        """Let another engine's threads stop spinning, and wake this one's."""
        ...

    def times(self) -> list[float]:
        """Milliseconds of each of the calls that are compared, every time the same."""
        ...


@dataclass(frozen=True, slots=True)
class Turns:
    """How long is searched.

    Attributes:
        rounds: How often each number of threads has its turn.
        budget_s: Seconds per number of threads after which, from the second round on, no further round starts.
        hopeless: A number that is so many times as slow as the best in its first calls gets no turn.
    """

    rounds: int = 6
    budget_s: float = 1.5
    hopeless: float = math.inf


@dataclass(slots=True)
class _Runner:
    """One number of threads: what answers with it, and its milliseconds per call."""

    count: int
    timing: Timing
    times: list[float] = field(default_factory=list)

    @property
    def p50_ms(self) -> float:
        return float(np.median(self.times))


def find_fastest(open_with: Callable[[int], Timing], most: int, turns: Turns) -> ThreadSearch:
    """Times 1, 2, 4, … and ``most`` threads, each in turns with the best so far, and chooses.

    Args:
        open_with: Loads the artifact with so many threads. Two of them are open at once, so that they can take turns.
        most: Largest number of threads, usually the physical cores.
        turns: How long is searched.

    Returns:
        The medians; of a number that got no turn, its fastest first call. Within 5% of the fastest, the smallest number
        wins: the cores it leaves free are worth more.

    Raises:
        ConfigError: ``most`` is below 1.
    """
    if most < 1:
        raise ConfigError(f"The number of threads is {most}.", "Allowed are whole numbers from 1 on.")
    first, *others = thread_counts(most)
    best = _Runner(first, open_with(first))
    fastest_ms = best.timing.warm_up()
    p50_ms: dict[int, float] = {}
    for count in others:
        rival = _Runner(count, open_with(count))
        first_ms = rival.timing.warm_up()
        if first_ms > turns.hopeless * fastest_ms:
            p50_ms[count] = first_ms
            continue
        best.times.clear()  # what a neighbour did during an earlier duel is no part of this one
        _take_turns([best, rival], turns)
        p50_ms |= {runner.count: runner.p50_ms for runner in (best, rival)}
        if choose({best.count: best.p50_ms, count: rival.p50_ms}).best == count:
            best, fastest_ms = rival, first_ms
    if not best.times:
        _take_turns([best], turns)
    return ThreadSearch(p50_ms=dict(sorted((p50_ms | {best.count: best.p50_ms}).items())), best=best.count)


def _take_turns(runners: Sequence[_Runner], turns: Turns) -> None:
    """Have each make all its calls in each round, until the rounds or the seconds are over."""
    started = time.monotonic()
    for turn in range(turns.rounds):
        if turn >= _FEWEST_ROUNDS and time.monotonic() - started > turns.budget_s * len(runners):
            break
        for runner in runners:
            if len(runners) > 1:
                runner.timing.settle()
            runner.times += runner.timing.times()


@dataclass(frozen=True, slots=True)
class _SingleTexts:
    """A classifier that answers rows of random tokens, one at a time."""

    classifier: Classifier
    rows: Sequence[TokenIds]

    def warm_up(self) -> float:
        return min(self.times())

    def settle(self) -> None:
        settle(self.classifier, self.rows[0])

    def times(self) -> list[float]:
        return [timed_call(self.classifier, row) for row in self.rows]


def search_threads(
    open_with: Callable[[int], Classifier], most: int, *, rounds: int = 6, budget_s: float = 1.5, seed: int = 0
) -> ThreadSearch:
    """Finds the number of threads with which a classifier answers one text fastest; see `find_fastest`.

    More threads are not always faster: they wait for each other in small products, and share the cores' caches.

    Args:
        open_with: Loads the artifact with so many threads.
        most: Largest number of threads, usually the physical cores.
        rounds: How often each number has its turn; in each it answers rows of 8, 16 and 32 random tokens twice.
        budget_s: See `Turns`.
        seed: Seed of the tokens.

    Raises:
        ConfigError: ``most`` is below 1.
    """

    def timing(count: int) -> Timing:
        classifier = open_with(count)
        return _SingleTexts(classifier, random_rows(classifier, _LENGTHS, _ROWS_PER_LENGTH, seed))

    return find_fastest(timing, most, Turns(rounds, budget_s))


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
