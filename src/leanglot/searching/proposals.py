"""What a search tries next: unfinished work, the ladder, a training that fits in, then what the sampler asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from leanglot.config import CandidateConfig
from leanglot.report.format import duration
from leanglot.results.searching import Levels, Origin, Tried
from leanglot.searching.clock import expected_seconds, training_seconds
from leanglot.searching.ladder import EPOCHS, ladder, students
from leanglot.searching.recipes import Space, candidate_of, recipe_key
from leanglot.searching.study import suggest

_TRAINING_SHARE: Final = 0.75
"""Largest share of the time left that one training may be expected to take."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """Knows the space and what may be tried in it.

    Attributes:
        space: What can be tried.
        max_drop: Largest drop that is allowed.
        baseline_s: Seconds that measuring the baseline took.
        per_second: Examples that the baseline answers in a second.
        lessons: Number of training examples; 0 where nothing is trained.
        seed: Seed of the sampler.
        priced: Whether the cost of a month is an objective.
    """

    space: Space
    max_drop: float
    baseline_s: float
    per_second: float
    lessons: int
    seed: int
    priced: bool

    def following(self, tried: Sequence[Tried], left_s: float) -> tuple[Levels, Origin] | None:
        """What to try next, whether there is time for it or not; None where nothing is left.

        Args:
            tried: What was tried.
            left_s: Seconds left.
        """
        for each in tried:
            if each.state in {"started", "cut"} and (
                not each.levels.student or self.expected(each.levels, tried) <= left_s
            ):
                return each.levels, each.origin
        for rung in ladder(self.space):
            if self.fits(rung, tried):
                return rung, "ladder"
        if (student := self.student(tried, left_s)) is not None:
            return student, "training"
        seed = (self.seed + len(tried)) % 2**32
        point = suggest(self.space, tried, lambda levels: self.fits(levels, tried), seed, priced=self.priced)
        return None if point is None else (point, "sampler")

    def fits(self, levels: Levels, tried: Sequence[Tried]) -> bool:
        """Whether a point may be tried: it can be made, is new, and is no deeper cut of one that lost too much."""
        candidate = candidate_of(levels, self.space.depth)
        if candidate is None or recipe_key(candidate) in {recipe_key(candidate_from(each)) for each in tried}:
            return False
        return not any(self._lost_too_much(each) and levels.cuts_at_least(each.levels) for each in tried)

    def _lost_too_much(self, tried: Tried) -> bool:
        part = tried.part
        return tried.state == "dropped" and part is not None and max(part.harm, part.accuracy_drop) > self.max_drop

    def student(self, tried: Sequence[Tried], left_s: float) -> Levels | None:
        """A training that fits into a part of the time left, with as many epochs as do; None where none does."""
        done = {(each.levels.student, each.levels.ffn) for each in tried}
        for student in students(self.space) if self.lessons else ():
            for epochs in EPOCHS:
                levels = student.model_copy(update={"epochs": epochs})
                fits = self.expected(levels, tried) <= _TRAINING_SHARE * left_s
                if fits and (levels.student, levels.ffn) not in done:
                    return levels
        return None

    def expected(self, levels: Levels, tried: Sequence[Tried]) -> float:
        """Seconds that a point of the space will take, as far as is known."""
        measuring = expected_seconds(levels, tried, self.baseline_s)
        if not levels.student or not self.lessons:
            return measuring
        return measuring + training_seconds(levels, self.space.depth, self.lessons, self.per_second, tried)

    def training_note(self, tried: Sequence[Tried], left_s: float) -> str | None:
        """Why no student was trained; None where one was, or nothing could be."""
        candidates = students(self.space)
        if not self.lessons or not candidates or any(each.levels.student for each in tried):
            return None
        least = candidates[0].model_copy(update={"epochs": EPOCHS[-1]})
        return (
            f"No student was trained: {EPOCHS[-1]} epochs of {least.student} layers were expected to take "
            f"{duration(self.expected(least, tried))}, and {duration(max(0.0, left_s))} were left."
        )


def candidate_from(tried: Tried) -> CandidateConfig:
    """The candidate that was tried."""
    return CandidateConfig(name=tried.name, runtime=tried.runtime, recipe=tried.recipe)
