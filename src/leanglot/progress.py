"""What a run tells while it works: which candidate is in which stage, and how far."""

from collections.abc import Sequence
from typing import Literal, Protocol

Stage = Literal[
    "waiting",
    "making",
    "evaluating",
    "weighing",
    "cold start",
    "timing",
    "repairing",
    "searching",
    "teacher",
    "training",
    "done",
    "kept",
    "failed",
    "dropped",
    "cut",
]


class Observer(Protocol):
    """Whoever watches a run; the terminal's progress display is one."""

    def plan(self, candidates: Sequence[str]) -> None:
        """The names of the candidates, before the first one starts; a repair may add some."""
        ...

    def enter(self, candidate: str, stage: Stage, total: int = 1) -> None:
        """A candidate enters a stage of so many steps."""
        ...

    def advance(self, candidate: str, steps: int = 1) -> None:
        """So many steps of the candidate's stage are done."""
        ...

    def tell(self, candidate: str, text: str) -> None:
        """A few words on how the candidate's stage goes, such as a loss."""
        ...


class Silent:
    """An observer that shows nothing."""

    def plan(self, candidates: Sequence[str]) -> None:
        """See `Observer`."""

    def enter(self, candidate: str, stage: Stage, total: int = 1) -> None:
        """See `Observer`."""

    def advance(self, candidate: str, steps: int = 1) -> None:
        """See `Observer`."""

    def tell(self, candidate: str, text: str) -> None:
        """See `Observer`."""


class Telling:
    """Tells an observer how the making of one candidate goes.

    Args:
        observer: Whoever watches.
        candidate: Its name.
    """

    def __init__(self, observer: Observer, candidate: str) -> None:
        self._observer, self._candidate = observer, candidate
        self._stage: tuple[Stage, int] | None = None
        self._done = 0

    def measured(self, done: int, total: int) -> None:
        """So many of all texts are done that importance is measured on."""
        self._reach("making", done, total)

    def answered(self, done: int, total: int) -> None:
        """So many of all texts have the teacher's answer."""
        self._reach("teacher", done, total)

    def trained(self, done: int, total: int, loss: float) -> None:
        """So many of all steps are done, at that loss on average."""
        self._reach("training", done, total)
        self._observer.tell(self._candidate, f"loss {loss:.3f}" if done < total else "")

    def _reach(self, stage: Stage, done: int, total: int) -> None:
        if self._stage != (stage, total) or done < self._done:
            self._observer.enter(self._candidate, stage, total)
            self._stage, self._done = (stage, total), 0
        self._observer.advance(self._candidate, done - self._done)
        self._done = done
