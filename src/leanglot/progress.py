"""What a run tells while it works: which candidate is in which stage, and how far."""

from collections.abc import Sequence
from typing import Literal, Protocol

Stage = Literal[
    "waiting", "making", "evaluating", "weighing", "cold start", "timing", "repairing", "done", "kept", "failed"
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


class Silent:
    """An observer that shows nothing."""

    def plan(self, candidates: Sequence[str]) -> None:
        """See `Observer`."""

    def enter(self, candidate: str, stage: Stage, total: int = 1) -> None:
        """See `Observer`."""

    def advance(self, candidate: str, steps: int = 1) -> None:
        """See `Observer`."""


def tell_measured(observer: Observer, candidate: str, done: int, total: int) -> None:
    """So many of all texts are done that a candidate's importance is measured on while it is made."""
    observer.enter(candidate, "making", total)
    observer.advance(candidate, done)
