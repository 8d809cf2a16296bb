"""What a pruned model has to keep in every language, and which languages have too few examples to say."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.decide.verdict import SMALLEST_MARGIN, judge
from leanglot.errors import ConfigError, DataError
from leanglot.results.sparsity import open_question
from leanglot.results.verdicts import Verdict

MEAN: Final = "mean"
"""Stands in the place of a language where only the mean over them counts."""

_EXACT: Final = 1e-9  # a drop of exactly the allowed one is within, whatever its last bit


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a pruned model has to keep.

    Attributes:
        languages: Language tag per judged example.
        baseline: Whether the unpruned model answers each right, shape (examples,).
        groups: Cluster id per example; None for independent examples.
        max_drop: Largest drop of the accuracy allowed; 0.01 is one point.
        worst_language: Whether every language has to keep within it, or only their mean.
        alpha: Error level of the verdicts.

    Raises:
        ConfigError: The drop is no share between 0 and 1.
        DataError: The columns differ in length, or there are no examples.
    """

    languages: Sequence[str]
    baseline: NDArray[np.bool_]
    groups: Sequence[str] | None = None
    max_drop: float = 0.01
    worst_language: bool = True
    alpha: float = 0.05

    def __post_init__(self) -> None:
        check_drop(self.max_drop)
        if not self.languages or len(self.languages) != len(self.baseline):
            raise DataError(f"There are {len(self.baseline)} answers and {len(self.languages)} language tags.")

    @property
    def examples(self) -> dict[str, int]:
        """Number of examples by language, in the order of the tags."""
        tags, counts = np.unique(np.asarray(self.languages), return_counts=True)
        return {str(tag): int(count) for tag, count in zip(tags, counts, strict=True)}

    @property
    def undecided(self) -> tuple[str, ...]:
        """Languages with too few examples; see `undecided_languages`."""
        return undecided_languages(self.examples, self.max_drop, worst_language=self.worst_language)

    @property
    def open_question(self) -> str:
        """These languages, with their numbers of examples."""
        return open_question(self.undecided, self.examples)

    def accuracies(self, correct: NDArray[np.bool_]) -> dict[str, float]:
        """Accuracy by language; `correct` has the shape (examples,)."""
        tags = np.asarray(self.languages)
        return {tag: float(correct[tags == tag].mean()) for tag in self.examples}

    def judge(self, correct: NDArray[np.bool_]) -> dict[str, Verdict]:
        """The verdict by language against the unpruned model; `correct` has the shape (examples,)."""
        return judge(self.baseline, correct, list(self.languages), self.max_drop, self.alpha, self.groups)

    def mean(self, accuracy: Mapping[str, float]) -> float:
        """The mean accuracy over the languages that can be decided, of which there is at least one."""
        undecided = set(self.undecided)
        decided = [value for tag, value in accuracy.items() if tag not in undecided]
        return math.fsum(decided) / len(decided)

    def exceeded(self, correct: NDArray[np.bool_], verdicts: Mapping[str, Verdict]) -> tuple[str, ...]:
        """The languages that lose too much, the worst first, or `MEAN`.

        A language that cannot be decided is among them only where it is proven harmed.

        Args:
            correct: Whether each example is answered right, shape (examples,).
            verdicts: By language.
        """
        before, after = self.accuracies(self.baseline), self.accuracies(correct)
        if not self.worst_language:
            return (MEAN,) if self.mean(before) - self.mean(after) > self.max_drop + _EXACT else ()
        drops, undecided = {tag: before[tag] - after[tag] for tag in before}, set(self.undecided)
        over = {
            tag
            for tag, drop in drops.items()
            if (verdicts[tag].verdict == "harmed" if tag in undecided else drop > self.max_drop + _EXACT)
        }
        return tuple(sorted(over, key=lambda tag: (-drops[tag], tag)))


def check_drop(max_drop: float) -> None:
    """Refuses an allowed drop that is no share.

    Raises:
        ConfigError: It is not between 0 and 1.
    """
    if not SMALLEST_MARGIN <= max_drop < 1:
        raise ConfigError(
            f"The allowed drop is {max_drop:g}.", "It is a share above 0 and below 1: --max-drop 0.01 is one point."
        )


def undecided_languages(examples: Mapping[str, int], max_drop: float, *, worst_language: bool) -> tuple[str, ...]:
    """Languages in which a single answer would decide the search by chance.

    Where each language counts, these are the languages of fewer than ``1 / max_drop`` examples. Where the mean over m
    languages counts, one answer of n moves it by ``1 / (n * m)``; what is left out makes m smaller, so that the rest is
    looked at again.

    Args:
        examples: Number by language.
        max_drop: Largest drop allowed.
        worst_language: Whether each language counts, or their mean.
    """
    decided = dict(examples)
    while decided:
        counted = 1 if worst_language else len(decided)
        kept = {tag: number for tag, number in decided.items() if number * counted * max_drop >= 1 - _EXACT}
        if len(kept) == len(decided):
            break
        decided = kept
    return tuple(tag for tag in examples if tag not in decided)
