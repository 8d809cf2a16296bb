"""Words and numbers that all reports share: clean names, languages, intervals, chances, what is still needed."""

import re
import unicodedata
from collections.abc import Hashable, Iterable
from datetime import datetime
from typing import Final, TypeVar

from leanglot.charts.labels import language_name
from leanglot.charts.quantities import ABSENT, count, points, ratio
from leanglot.results.records import Goal, LanguageResult, Verdict
from leanglot.results.terms import Terms

GOAL_WORD: Final[dict[Goal, str]] = {
    "balanced": "Balanced",
    "speed": "Speed",
    "size": "Size",
    "accuracy": "Accuracy",
    "cost": "Cost",
}
_HIDDEN: Final = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
Told = TypeVar("Told", bound=Hashable)
_JOINERS: Final = frozenset("\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}")


def goal_word(goal: Goal, terms: Terms) -> str:
    """What a goal is called; that of quality is called after what the run measures."""
    return terms.heading if goal == "accuracy" else GOAL_WORD[goal]


def plain(text: str) -> str:
    """A text from outside on one line, without control characters, terminal codes or direction overrides."""
    kept = (" " if _is_hidden(character) else character for character in text)
    return re.sub(r"\s+", " ", "".join(kept)).strip()


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN and character not in _JOINERS


def language(tag: str) -> str:
    """A language's English name with its tag, such as ``Thai (th)``."""
    name = language_name(tag)
    return name if name == tag else f"{name} ({tag})"


def in_points(fraction: float | None, *, signed: bool = False) -> str:
    """A difference with its unit, such as ``2.3 points`` or ``1.0 point``."""
    if fraction is None:
        return ABSENT
    shown = points(fraction, signed=signed)
    return f"{shown} point{'' if shown.lstrip('+') == '1.0' else 's'}"


def interval(low: float | None, high: float | None) -> str:
    """Both ends in percentage points, such as ``-0.4 to +1.2`` with true minus signs."""
    return ABSENT if low is None or high is None else f"{points(low)} to {points(high)}"


def chance(p_value: float | None) -> str:
    """A p-value with three decimals; smaller ones as ``< 0.001``."""
    if p_value is None:
        return ABSENT
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def speed(speedup: float | None) -> str:
    """A speed-up in words; a slow-down is called one."""
    if speedup is None:
        return ABSENT
    shown = f"{ratio(speedup)} as fast"
    return f"{shown}, slower" if speedup < 0.995 else shown


def more_examples(result: LanguageResult | Verdict | None) -> str:
    """What would settle the language's verdict: a rounded number of examples, or that none can be named."""
    if result is None or result.verdict is None:
        return ABSENT
    if result.verdict != "inconclusive" or result.samples_needed == 0:
        return "settled"
    if result.samples_needed is None:
        return "cannot be said"
    return f"about {rounded(result.samples_needed)} more"


def rounded(number: int) -> str:
    """A planned number of examples with three significant digits: more would pretend."""
    return count(round(number, -max(0, len(str(number)) - 3)))


def moment(time: datetime) -> str:
    """A time in UTC to the minute; one without a zone is UTC already."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def concerned(pairs: Iterable[tuple[Told, str]]) -> dict[Told, tuple[str, ...]]:
    """What is told, once each and in the order in which it comes up, with the names of all whom it concerns."""
    names: dict[Told, dict[str, None]] = {}
    for told, name in pairs:
        names.setdefault(told, {})[name] = None
    return {told: tuple(whose) for told, whose in names.items()}


def plural(number: int, noun: str) -> str:
    """A number with its noun, such as ``1 language`` or ``24 languages``."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """A time in the units that people use for one of its length."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
