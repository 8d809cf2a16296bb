"""Checks the fields of one entry of a prediction log: each gives its value, or the reason why the entry is broken."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

from leanglot.languages import canonical_or_none
from leanglot.monitor.events import UNDETERMINED

Fault = Literal[
    "json", "utf8", "too_long", "missing", "type", "kind", "time", "language", "confidence", "chrf", "latency", "count"
]
"""Why an entry cannot be used; `FAULT_WORDS` says it in words."""

FAULT_WORDS: Final[Mapping[Fault, str]] = {
    "json": "no JSON object",
    "utf8": "no valid UTF-8",
    "too_long": "longer than 1 MB",
    "missing": "neither a prediction nor an id with a label",
    "type": "a field of the wrong type",
    "kind": "an unknown kind",
    "time": "no usable time: seconds since 1970 or ISO 8601, not in the future, and the first line needs one",
    "language": "an unknown language tag",
    "confidence": "a confidence outside 0 to 1",
    "chrf": "a chrf outside 0 to 1",
    "latency": "a latency below 0 or infinite",
    "count": "tokens, unknown or characters below 0 or no whole number",
}
# Single precision sums to a little more than 1.
_ONE: Final = 1 + 1e-6
_MOST: Final = 1e15


class BrokenRow(ValueError):  # noqa: N818 - it is no error of ours: the row is
    """An entry cannot be used.

    Args:
        fault: Why.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


def needed(value: str | None) -> str:
    """A text that must be there and not empty."""
    if not value:
        raise BrokenRow("missing")
    return value


def text_of(value: object) -> str | None:
    """A text that can be stored; None where it is absent."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise BrokenRow("type")
    if not value.isascii() and _has_surrogates(value):
        raise BrokenRow("utf8")
    return value


def _has_surrogates(text: str) -> bool:
    """Whether half a character stands in it, which JSON can write and no file can hold."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def identifier_of(value: object) -> str | None:
    """An identifier, which may be a number."""
    return str(value) if type(value) is int and abs(value) < _MOST else text_of(value)


def label_of(row: Mapping[str, object]) -> str | None:
    """The right label of an entry, under either of its names; or what the chrF of a translation says in its place."""
    label = row.get("label")
    if label is None and row.get("ground_truth") is None and row.get("chrf") is not None:
        return quality_label(_fraction(row["chrf"], "chrf"))
    return text_of(row.get("ground_truth") if label is None else label) or None


def quality_label(chrf: float) -> str:
    """How a translation's chrF, as a fraction, stands in place of a right label; `chrf_of` reads it."""
    return f"{chrf:.6f}"


def chrf_of(label: str) -> float | None:
    """The chrF that a label tells, as a fraction; None where it tells none."""
    try:
        chrf = float(label)
    except ValueError:
        return None
    return chrf if 0 <= chrf <= 1 else None


def language_of(value: object) -> str:
    """The canonical tag of a language; ``und`` where it is absent."""
    if value is None:
        return UNDETERMINED
    if not isinstance(value, str):
        raise BrokenRow("type")
    tag = canonical_or_none(value)
    if tag is None:
        raise BrokenRow("language")
    return tag


def confidence_of(value: object) -> float:
    """A probability; NaN where it is absent."""
    return math.nan if value is None else _fraction(value, "confidence")


def _fraction(value: object, fault: Fault) -> float:
    if type(value) is not float and type(value) is not int:
        raise BrokenRow("type")
    if not 0 <= value <= _ONE:
        raise BrokenRow(fault)
    return min(float(value), 1.0)


def latency_of(value: object) -> float:
    """Milliseconds; NaN where they are absent."""
    if value is None:
        return math.nan
    if type(value) is not float and type(value) is not int:
        raise BrokenRow("type")
    if not 0 <= value < _MOST:
        raise BrokenRow("latency")
    return float(value)


def count_of(value: object) -> int:
    """A number of things; -1 where it is absent."""
    if value is None:
        return -1
    if type(value) is not int and type(value) is not float:
        raise BrokenRow("type")
    if not 0 <= value < _MOST or value != int(value):
        raise BrokenRow("count")
    return int(value)


def script_of(value: object) -> str | None:
    """A code of ISO 15924; None where it is absent."""
    if value is None:
        return None
    if not isinstance(value, str) or not _is_script(value):
        raise BrokenRow("type")
    return value


@lru_cache(maxsize=1024)
def _is_script(text: str) -> bool:
    return re.fullmatch("[A-Z][a-z]{3}", text) is not None


def seconds_of(value: object, latest: float) -> float:
    """Seconds since 1970 of a number or of a time in ISO 8601; one without a zone is UTC.

    Args:
        value: What stands in the field.
        latest: Last second that is believed.
    """
    if type(value) is float or type(value) is int:
        seconds = float(value) if abs(value) < _MOST else math.inf
    elif isinstance(value, str):
        seconds = _parsed(value)
    else:
        raise BrokenRow("time")
    if not 0 <= seconds <= latest:
        raise BrokenRow("time")
    return seconds


@lru_cache(maxsize=16)
def _parsed(text: str) -> float:
    try:
        time = datetime.fromisoformat(text)
        return (time.replace(tzinfo=UTC) if time.tzinfo is None else time).timestamp()
    except (ValueError, OverflowError):
        raise BrokenRow("time") from None


_CHECKS: Final[Mapping[str, Callable[[object], object]]] = {
    **dict.fromkeys(("prediction", "label", "ground_truth", "variant", "text", "served", "shadow"), text_of),
    "id": identifier_of,
    "language": language_of,
    "confidence": confidence_of,
    "latency_ms": latency_of,
    **dict.fromkeys(("tokens", "unknown", "characters", "output_characters"), count_of),
    "script": script_of,
}


def wrong_field(row: Mapping[str, object], fault: Fault) -> str | None:
    """The first field of an entry that is broken for a reason; None where it is no single one."""
    for name, check in _CHECKS.items():
        try:
            check(row.get(name))
        except BrokenRow as broken:
            if broken.fault == fault:
                return name
    return None
