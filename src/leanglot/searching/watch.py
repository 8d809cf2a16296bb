"""Watches a search: tells what is tried, the best so far and the time left, and stops work that outlasts the budget."""

from collections.abc import Sequence
from typing import Final

from leanglot.progress import Observer, Stage
from leanglot.report.format import duration
from leanglot.searching.clock import Clock
from leanglot.stages import AbandonedError

ROW: Final = "search"
_FINISHED: Final[frozenset[Stage]] = frozenset({"done", "kept", "failed", "dropped", "cut"})


class Watch:
    """An observer that passes on what it is told, with a line for the search itself, and holds the budget.

    Args:
        observer: Whoever watches.
        clock: The budget.
    """

    def __init__(self, observer: Observer, clock: Clock) -> None:
        self._observer, self._clock = observer, clock
        self._shown = 0
        self._bounded = False
        observer.enter(ROW, "searching", max(1, round(clock.budget_s)))

    def bound(self, *, bounded: bool) -> None:
        """Have work stopped at the end of the budget from now on, or not."""
        self._bounded = bounded

    def plan(self, candidates: Sequence[str]) -> None:
        """See `Observer`."""
        self._observer.plan(candidates)

    def enter(self, candidate: str, stage: Stage, total: int = 1) -> None:
        """See `Observer`.

        Raises:
            AbandonedError: The budget is at its end, and more work is about to begin.
        """
        if stage not in _FINISHED:
            self._hold()
        self._observer.enter(candidate, stage, total)
        self._pass_time()

    def advance(self, candidate: str, steps: int = 1) -> None:
        """See `Observer`.

        Raises:
            AbandonedError: The budget is at its end.
        """
        self._hold()
        self._observer.advance(candidate, steps)
        self._pass_time()

    def tell(self, candidate: str, text: str) -> None:
        """See `Observer`."""
        self._observer.tell(candidate, text)

    def sum_up(self, name: str, found: str, best: str) -> None:
        """Tell what became of a candidate, which is the best so far, and how much time is left.

        Args:
            name: The candidate.
            found: What became of it.
            best: The best so far.
        """
        left = f"{duration(max(0.0, self._clock.left))} left"
        self._observer.tell(name, f"{found}; best so far: {best}; {left}")
        self._observer.tell(ROW, f"best so far: {best}")
        self._pass_time()

    def end(self) -> None:
        """The search is over."""
        self._observer.enter(ROW, "done")

    def _hold(self) -> None:
        if self._bounded and self._clock.left <= 0:
            raise AbandonedError("cut", f"The budget of {duration(self._clock.budget_s)} ended while it was at work.")

    def _pass_time(self) -> None:
        passed = int(min(self._clock.spent, self._clock.budget_s))
        if passed > self._shown:
            self._observer.advance(ROW, passed - self._shown)
            self._shown = passed
