"""Floors: is a candidate's accuracy in a language at least what was asked for, below it, or not proven either way?"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from leanglot.decide.evidence import examine
from leanglot.decide.scores import Scale, split_by_language
from leanglot.decide.wording import names
from leanglot.results.gate import Floor, FloorKind
from leanglot.results.predictions import Predictions

_ROUNDING: Final = 1e-9  # 4 of 5 meet a floor of 0.8, whatever floating point says
_RIGHT_OR_WRONG: Final = Scale(binary=True, fraction=True, span=1.0)


def hold_floors(answers: Predictions, floors: Mapping[str, float], alpha: float) -> dict[str, Floor]:
    """Holds the accuracy of each language against the lowest one asked for.

    The interval of the accuracy is the one that a verdict would give of the drop from a baseline that is always right:
    Wilson's score interval (1927), joined by the exact one-sided bound, and by what groups allow.

    Args:
        answers: The candidate's answers.
        floors: Lowest accuracy by language, each of which has an example.
        alpha: Error level of the interval.
    """
    always_right = np.ones(len(answers), dtype=np.bool_)
    scores = split_by_language(always_right, answers.correct, answers.language, answers.group)
    found = {}
    for tag, minimum in floors.items():
        evidence = examine(scores[tag], _RIGHT_OR_WRONG, alpha, np.random.default_rng([0, *tag.encode()]))
        interval = evidence.interval
        low, high = (None, None) if interval is None else (1 - interval.high, 1 - interval.low)
        kind = _floor_kind(evidence.candidate, low, minimum)
        reason = _floor_reason(kind, evidence.candidate, low, minimum, evidence.gap)
        found[tag] = Floor(minimum=minimum, kind=kind, accuracy=evidence.candidate, low=low, high=high, reason=reason)
    return found


def _floor_kind(accuracy: float, low: float | None, minimum: float) -> FloorKind:
    if accuracy < minimum - _ROUNDING:
        return "below"
    return "met" if low is not None and low >= minimum - _ROUNDING else "unproven"


def _floor_reason(kind: FloorKind, accuracy: float, low: float | None, minimum: float, gap: str | None) -> str:
    right, floor = f"{100 * accuracy:.1f}%", f"{100 * minimum:g}%"
    if kind == "below":
        return f"{_apart(accuracy, minimum)} right is below the floor of {floor}."
    if low is None:
        return f"{right} right, at or above the floor of {floor}, but not proven: {gap}."
    least = _apart(low, minimum)
    if kind == "met":
        return f"{right} right, and {least} at the least that the data allow: the floor of {floor} is met."
    return f"{right} right, but the data allow as little as {least}, below the floor of {floor}."


def _apart(share: float, minimum: float) -> str:
    """A share in percent with enough digits to tell it from the floor."""
    for decimals in range(1, 10):
        text = f"{100 * share:.{decimals}f}%"
        if text != f"{100 * minimum:.{decimals}f}%":
            return text
    return f"{100 * share:g}%"


def floor_sentences(floors: Mapping[str, Floor], quality: str = "accuracy") -> list[str]:
    """What came of all floors together, in a sentence or two; none where none was asked for.

    Args:
        floors: By language.
        quality: What they are floors of, in a word.
    """
    if not floors:
        return []
    below = [tag for tag, floor in floors.items() if floor.kind == "below"]
    unproven = [tag for tag, floor in floors.items() if floor.kind == "unproven"]
    told = []
    if below:
        told.append(f"Below the lowest {quality} asked for: {names(below)}.")
    if unproven:
        told.append(f"Not proven to reach the lowest {quality} asked for: {names(unproven)}.")
    return told or [f"Every lowest {quality} asked for is reached."]
