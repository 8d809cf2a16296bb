"""Finds how far a model can be pruned so that every language keeps within the allowed drop: bisection over probes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leanglot.results.sparsity import UNITS, KindResult, Outcome, Probe, SearchKind
from leanglot.results.verdicts import Verdict
from leanglot.tune.requirement import Requirement
from leanglot.tune.sparsity_wording import reason


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the model answered at one sparsity.

    Attributes:
        correct: Whether each example is answered right, shape (examples,).
        actual: The share that was removed or set to zero.
    """

    correct: NDArray[np.bool_]
    actual: float


Try = Callable[[float], Attempt]
"""Prunes the model to a sparsity and has it answer the judged examples."""


def search(kind: SearchKind, levels: Sequence[float], attempt: Try, requirement: Requirement) -> KindResult:
    """Find the highest sparsity that keeps within the allowed drop.

    The quarters of the levels are tried first, so that the whole course is seen, then the gap between the highest
    level that keeps within and the next one that does not is halved until nothing lies between them. This finds the
    highest of all levels where more sparsity hurts more; where the probes contradict that, `notes_on` says so.
    Whatever the course, the level found keeps within, the next above it was tried, and none that was tried above it
    keeps within. Of 100 levels at most 8 are tried.

    Languages that `Requirement.undecided` names do not stop the search unless they are proven harmed.

    Args:
        kind: What is pruned.
        levels: Sparsities that may be tried, ascending.
        attempt: Tries one.
        requirement: What has to be kept.

    Returns:
        What was found, with the verdicts on it. They are given on the examples that chose it: no independent test.

    Raises:
        DataError: The examples cannot be judged.
    """
    if len(requirement.undecided) == len(requirement.examples):
        why = f"Nothing was tried, since no language has enough examples: {requirement.open_question}."
        return KindResult(kind=kind, outcome="none", sparsity=None, reason=why)
    if not levels:
        why = f"Nothing was tried, since the model has no {UNITS[kind]} that could be left out."
        return KindResult(kind=kind, outcome="none", sparsity=None, reason=why)
    course = _Course(kind, tuple(levels), attempt, requirement)
    for position in _quarters(len(levels)):
        course.probe(position)
    while (between := course.between()) is not None:
        course.probe(between)
    return course.result()


@dataclass(slots=True)
class _Course:
    """The probes of one kind so far, by the position of their level."""

    kind: SearchKind
    levels: tuple[float, ...]
    attempt: Try
    requirement: Requirement
    probes: dict[int, Probe] = field(default_factory=dict)
    verdicts: dict[int, dict[str, Verdict]] = field(default_factory=dict)

    def probe(self, position: int) -> None:
        tried, sparsity = self.attempt(self.levels[position]), self.levels[position]
        accuracy, verdicts = self.requirement.accuracies(tried.correct), self.requirement.judge(tried.correct)
        exceeded = self.requirement.exceeded(tried.correct, verdicts)
        self.verdicts[position] = verdicts
        self.probes[position] = Probe(
            kind=self.kind,
            sparsity=sparsity,
            actual=tried.actual,
            accuracy=accuracy,
            macro_accuracy=self.requirement.mean(accuracy),
            within=not exceeded,
            exceeded=exceeded,
        )

    def bracket(self) -> tuple[int, int]:
        """Positions of the highest level within and of the next above that is not; -1 and the number where none is."""
        low = max((position for position, probe in self.probes.items() if probe.within), default=-1)
        above = (position for position, probe in self.probes.items() if position > low and not probe.within)
        return low, min(above, default=len(self.levels))

    def between(self) -> int | None:
        """The position half-way in the bracket; None where nothing lies between its ends."""
        low, high = self.bracket()
        return (low + high) // 2 if high - low > 1 else None

    def result(self) -> KindResult:
        low, high = self.bracket()
        outcome: Outcome = "none" if low < 0 else "all" if high == len(self.levels) else "found"
        return KindResult(
            kind=self.kind,
            outcome=outcome,
            sparsity=None if low < 0 else self.levels[low],
            reason=reason(self.requirement, self.kind, self.probes.get(low), self.probes.get(high)),
            verdicts=self.verdicts.get(low, {}),
            probes=tuple(self.probes[position] for position in sorted(self.probes)),
        )


def _quarters(count: int) -> list[int]:
    """Positions at a quarter, a half and three quarters of the way to full sparsity, which lies one past the last."""
    places = (round((count + 1) * share) for share in (0.25, 0.5, 0.75))
    return sorted({min(place, count) - 1 for place in places if place > 0})
