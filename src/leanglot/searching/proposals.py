"""What a search tries next: unfinished work, the ladder, a training that fits in, then what the sampler asks for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
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
        """What to try next; None where nothing is left, or nothing that there is time for.

        Args:
            tried: What was tried.
            left_s: Seconds left.
        """
        for each in tried:
            if each.state in {"started", "cut"} and self.expected(each.levels, tried) <= left_s:
                return each.levels, each.origin
        new = self.untried(tried)

        def fits(levels: Levels) -> bool:
            return new(levels) and self.expected(levels, tried) <= left_s

        for rung in filter(fits, ladder(self.space)):
            return rung, "ladder"
        if (student := self.student(tried, left_s)) is not None:
            return student, "training"
        seed = (self.seed + len(tried)) % 2**32
        point = suggest(self.space, tried, fits, seed, priced=self.priced)
        return None if point is None else (point, "sampler")

    def least_expected(self, tried: Sequence[Tried]) -> float | None:
        """Seconds that the quickest recipe that may still be tried will take; None where there is none."""
        new = self.untried(tried)
        unfinished = [each.levels for each in tried if each.state in {"started", "cut"}]
        expected = [self.expected(levels, tried) for levels in (*filter(new, self.space.points()), *unfinished)]
        return min(expected, default=None)

    def untried(self, tried: Sequence[Tried]) -> Callable[[Levels], bool]:
        """Tells of a point whether it can be made, is new, and is no deeper cut of one that lost too much."""
        known = {recipe_key(candidate_from(each)) for each in tried}
        lost = [each.levels for each in tried if self._lost_too_much(each)]

        def new(levels: Levels) -> bool:
            key = _key(levels, self.space.depth)
            return key is not None and key not in known and not any(map(levels.cuts_at_least, lost))

        return new

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


@cache
def _key(levels: Levels, depth: int) -> str | None:
    """The key of the recipe at a point; None where no engine carries it out."""
    candidate = candidate_of(levels, depth)
    return None if candidate is None else recipe_key(candidate)
