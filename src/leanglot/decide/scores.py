"""Paired per-example scores as callers hand them over: checked, and split by language."""

import math
import numbers
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leanglot.errors import DataError

LARGEST_SCORE: Final = 1e100
"""Beyond it, squares of scores are no numbers any more."""


@dataclass(frozen=True)
class PairedScores:
    """The scores of one language, paired by position.

    Attributes:
        baseline: Scores of the baseline, shape ``(n,)``, finite.
        candidate: Scores of the candidate on the same examples, shape ``(n,)``, finite.
        groups: Number of each example's group, from 0 without gaps, shape ``(n,)``; None where every example
            stands for itself, be it that no groups were given or that all have one member.
    """

    baseline: NDArray[np.float64]
    candidate: NDArray[np.float64]
    groups: NDArray[np.int64] | None

    @property
    def differences(self) -> NDArray[np.float64]:
        """Baseline minus candidate of each example; positive is a loss."""
        return self.baseline - self.candidate


@dataclass(frozen=True)
class Scale:
    """What kind of numbers the scores are, over all languages together.

    Attributes:
        binary: All scores are 0 or 1.
        fraction: All scores lie between 0 and 1, so that drops are told in points.
        span: Largest difference two scores can have: 1 for fractions, else the range observed; None when all
            scores are one and the same number and tell nothing of their range.
    """

    binary: bool
    fraction: bool
    span: float | None


def split_by_language(
    baseline: ArrayLike, candidate: ArrayLike, languages: ArrayLike, groups: ArrayLike | None
) -> dict[str, PairedScores]:
    """Checks the scores and splits them by language.

    Args:
        baseline: One score per example.
        candidate: One score per example, in the same order.
        languages: One language tag per example.
        groups: One group id per example, scoped within its language; None for independent examples.

    Returns:
        The scores by tag, in the order of the tags.

    Raises:
        DataError: No examples, unequal lengths, a score that is no finite number, a missing tag or group id.
    """
    tags = _tags(languages)
    ids = None if groups is None else _flat("groups", _as_they_are(groups))
    old, new = _scores("baseline", baseline, tags), _scores("candidate", candidate, tags)
    lengths = {"baseline": old.size, "candidate": new.size, "languages": len(tags)}
    if ids is not None:
        lengths["groups"] = ids.size
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(
            f"The inputs have unequal lengths: {told}.", "Pass one value per example, all in the same order."
        )
    if not tags:
        raise DataError("There are no examples to judge.", "Pass at least one score per model, with its language.")
    numbers_of = None if ids is None else _group_numbers(ids, tags)
    positions: dict[str, list[int]] = {}
    for position, tag in enumerate(tags):
        positions.setdefault(tag, []).append(position)
    return {
        tag: PairedScores(old[rows], new[rows], None if numbers_of is None else _within(numbers_of[rows]))
        for tag, rows in sorted(positions.items())
    }


def scale_of(scores: Mapping[str, PairedScores]) -> Scale:
    """Finds the scale of the scores; one for all languages, since it belongs to the metric."""
    values = np.concatenate([part for pair in scores.values() for part in (pair.baseline, pair.candidate)])
    low, high = float(values.min()), float(values.max())
    fraction = low >= 0 and high <= 1
    return Scale(
        binary=bool(np.isin(values, (0.0, 1.0)).all()),
        fraction=fraction,
        span=1.0 if fraction else (high - low or None),
    )


def _as_they_are(values: ArrayLike) -> ArrayLike:
    """Lists without the common type that numpy would find for them: it makes the name "nan" of a missing one."""
    return np.asarray(values, dtype=object) if isinstance(values, list | tuple) else values


def _flat(name: str, values: ArrayLike) -> NDArray[np.generic]:
    array = np.asarray(values)
    if np.ma.is_masked(values):
        raise DataError(f"{name} has masked values.", "Leave such examples out of all inputs.")
    if array.ndim != 1:
        raise DataError(
            f"{name} has {array.ndim} dimensions instead of one.",
            "Pass a flat list with one value per example.",
        )
    return array


def _tags(languages: ArrayLike) -> list[str]:
    tags: list[str] = []
    for position, tag in enumerate(_flat("languages", _as_they_are(languages)).tolist()):
        if not isinstance(tag, str) or not tag:
            raise DataError(
                f"The language at position {position} is {tag!r}.",
                "Pass a language tag such as 'de' for every example.",
            )
        tags.append(tag)
    return tags


def _scores(name: str, values: ArrayLike, tags: list[str]) -> NDArray[np.float64]:
    array = _flat(name, values)
    if array.dtype.kind not in "biuf":
        array = _flat(name, _as_they_are(values))
    hint = "Every example needs a finite number from both models; leave an example out of both, or score it 0."

    def fault(position: int) -> DataError:
        where = f" ({tags[position]})" if position < len(tags) else ""
        return DataError(f"The {name} score at position {position}{where} is {array[position]!r}.", hint)

    if array.dtype.kind not in "biuf" and array.size:
        for position, value in enumerate(array.tolist() if array.dtype.kind == "O" else array):
            if not isinstance(value, numbers.Real) or not _fits(value):
                raise fault(position)
    result = array.astype(np.float64)
    broken = np.flatnonzero(~(np.abs(result) <= LARGEST_SCORE))
    if broken.size:
        raise fault(int(broken[0]))
    return result


def _fits(value: numbers.Real) -> bool:
    try:
        return abs(float(value)) <= LARGEST_SCORE
    except OverflowError:
        return False


def _group_numbers(ids: NDArray[np.generic], tags: list[str]) -> NDArray[np.int64]:
    """Numbers the groups; the same id in two languages is two groups."""
    known: dict[tuple[str, object], int] = {}
    result = np.empty(ids.size, dtype=np.int64)
    for position, (tag, group) in enumerate(zip(tags, ids.tolist(), strict=True)):
        if _is_missing(group):
            raise DataError(
                f"The group at position {position} ({tag}) is {group!r}.",
                "Give every example a group id; an example that stands for itself gets one of its own.",
            )
        result[position] = known.setdefault((tag, group), len(known))
    return result


def _is_missing(group: object) -> bool:
    if group is None or group == "" or (isinstance(group, float) and math.isnan(group)):
        return True
    try:
        return not bool(operator.eq(group, group))  # not-a-time values differ from themselves
    except TypeError:
        return True  # pandas' NA refuses to be compared


def _within(groups: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Renumbers one language's groups from 0; None where each has one member."""
    distinct, renumbered = np.unique(groups, return_inverse=True)
    return None if distinct.size == groups.size else renumbered.astype(np.int64)
