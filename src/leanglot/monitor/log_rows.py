"""Checks the entries of a prediction log one by one and gathers what can be used as columns."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal, NamedTuple

import numpy as np

from leanglot.data.scripts import main_script
from leanglot.languages import canonical_or_none
from leanglot.monitor.events import UNDETERMINED, Events, LateLabel, Reading, ShadowAnswer
from leanglot.monitor.moments import LATEST

Fault = Literal[
    "json", "utf8", "too_long", "missing", "type", "kind", "time", "language", "confidence", "latency", "count"
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
    "latency": "a latency below 0 or infinite",
    "count": "tokens, unknown or characters below 0 or no whole number",
}
BROKEN: Final = "broken_lines"
WITHOUT_TIME: Final = "lines_without_time"
FIELDS: Final = (
    *("kind", "time", "timestamp", "id", "language", "prediction", "confidence", "latency_ms", "variant", "tokens"),
    *("unknown", "characters", "script", "label", "ground_truth", "text", "served", "shadow"),
)

# Single precision sums to a little more than 1.
_ONE: Final = 1 + 1e-6
_MOST: Final = 1e15


class _BrokenRow(ValueError):  # noqa: N818 - it is no error of ours: the row is
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


class _Prediction(NamedTuple):
    """One row of `Events`, in the order of its columns."""

    time: float
    language: str
    prediction: str
    confidence: float
    latency_ms: float
    label: str | None
    id: str | None
    variant: str
    tokens: int
    unknown: int
    characters: int
    script: str | None


@dataclass(frozen=True, slots=True)
class FaultNote:
    """Where entries could not be used for one reason.

    Attributes:
        fault: The reason.
        count: How many.
        where: Place of the first one.
    """

    fault: Fault
    count: int
    where: str


class LogRows:
    """What one look at one or more logs gives.

    Args:
        latest: Seconds since 1970; a time after it is broken, since the monitor's clock never goes back.
    """

    def __init__(self, latest: float = LATEST) -> None:
        self._latest = latest
        self._predictions: list[_Prediction] = []
        self._labels: list[LateLabel] = []
        self._shadows: list[ShadowAnswer] = []
        self._faults: Counter[Fault] = Counter()
        self._first: dict[Fault, str] = {}
        self._counters: Counter[str] = Counter()
        self._sources: set[str] = set()
        self._source, self._unit = "", "byte"
        self.newest: float | None = None

    def begin(self, source: str, unit: Literal["byte", "row"], newest: float | None) -> None:
        """Say which file the next entries are from.

        Args:
            source: Its name.
            unit: What positions in it count.
            newest: Time of its entry before, which an entry without a time takes; None where there is none.
        """
        self._source, self._unit, self.newest = source, unit, newest

    def take(self, row: object, position: int) -> None:
        """Check an entry and keep it, or count it as broken.

        Args:
            row: A JSON value or a row of a table; None in a field means that it is absent.
            position: Where it stands in its file.
        """
        if not isinstance(row, dict):
            self.skip("json", position)
            return
        try:
            self._sort(row)
        except _BrokenRow as broken:
            self.skip(broken.fault, position)

    def skip(self, fault: Fault, position: int) -> None:
        """Count an entry as broken."""
        self._faults[fault] += 1
        self._first.setdefault(fault, f"{self._source}, {self._unit} {position:,}")

    def count(self, counter: str) -> None:
        """Count something else that the reader of the log is told of."""
        self._counters[counter] += 1

    def faults(self) -> tuple[FaultNote, ...]:
        """What was broken, by reason."""
        return tuple(FaultNote(fault, count, self._first[fault]) for fault, count in self._faults.items())

    def reading(self) -> Reading:
        """All that was taken; predictions of several files in the order of their times."""
        rows = self._predictions
        if len(self._sources) > 1:
            rows = sorted(rows, key=lambda row: row.time)
        counters = {BROKEN: self._faults.total(), **self._counters}
        counters |= {f"broken_{fault}": count for fault, count in self._faults.items()}
        return Reading(
            events=_columns(rows),
            labels=tuple(self._labels),
            shadows=tuple(self._shadows),
            counters=tuple((name, count) for name, count in counters.items() if count),
        )

    def _sort(self, row: dict[str, object]) -> None:
        """Tell predictions, labels that come later and shadow answers apart."""
        kind = row.get("kind")
        if kind == "prediction" or (kind is None and row.get("prediction") is not None):
            self._add_prediction(row)
        elif kind == "label" or (kind is None and _label(row) is not None and row.get("id") is not None):
            self._labels.append(LateLabel(_needed(_identifier(row.get("id"))), _needed(_label(row))))
        elif kind == "shadow":
            answer = ShadowAnswer(
                id=_identifier(row.get("id")),
                language=_language_of(row.get("language")),
                served=_needed(_text(row.get("served"))),
                shadow=_needed(_text(row.get("shadow"))),
                label=_label(row),
            )
            self._shadows.append(answer)
        else:
            raise _BrokenRow("missing" if kind is None else "kind")

    def _add_prediction(self, row: dict[str, object]) -> None:
        get = row.get
        stamp = get("timestamp") if get("time") is None else get("time")
        characters, script = _count(get("characters")), _script(get("script"))
        if (text := get("text")) is not None:
            if not isinstance(text, str):
                raise _BrokenRow("type")
            characters = len(text) if characters < 0 else characters
            script = main_script(text) if script is None else script
        found = _Prediction(
            self._time(stamp),
            _language_of(get("language")),
            _needed(_text(get("prediction"))),
            _confidence(get("confidence")),
            _latency(get("latency_ms")),
            _label(row),
            _identifier(get("id")),
            _text(get("variant")) or "",
            _count(get("tokens")),
            _count(get("unknown")),
            characters,
            script,
        )
        # Nothing of a broken row may stay behind, so these come last.
        if stamp is None:
            self.count(WITHOUT_TIME)
        self.newest = found.time
        self._predictions.append(found)
        self._sources.add(self._source)

    def _time(self, value: object) -> float:
        """Seconds since 1970; the time before stands for one that was not logged."""
        if value is None:
            if self.newest is None:
                raise _BrokenRow("time")
            return self.newest
        if type(value) is float or type(value) is int:
            seconds = float(value) if abs(value) < _MOST else math.inf
        elif isinstance(value, str):
            seconds = _seconds_of(value)
        else:
            raise _BrokenRow("time")
        if not 0 <= seconds <= self._latest:
            raise _BrokenRow("time")
        return seconds


def _columns(rows: list[_Prediction]) -> Events:
    columns = list(zip(*rows, strict=True)) or [()] * len(_Prediction._fields)
    time, language, prediction, confidence, latency, label, identifier, variant, *counts, script = columns
    tokens, unknown, characters = (np.array(column, dtype=np.int64) for column in counts)
    return Events(
        time=np.array(time, dtype=np.float64),
        language=language,
        prediction=prediction,
        confidence=np.array(confidence, dtype=np.float64),
        latency_ms=np.array(latency, dtype=np.float64),
        label=label,
        id=identifier,
        variant=variant,
        tokens=tokens,
        unknown=unknown,
        characters=characters,
        script=script,
    )


def _needed(value: str | None) -> str:
    if not value:
        raise _BrokenRow("missing")
    return value


def _text(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise _BrokenRow("type")
    if not value.isascii() and _has_surrogates(value):
        raise _BrokenRow("utf8")
    return value


def _has_surrogates(text: str) -> bool:
    """Whether half a character stands in it, which JSON can write and no file can hold."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _identifier(value: object) -> str | None:
    return str(value) if type(value) is int and abs(value) < _MOST else _text(value)


def _label(row: Mapping[str, object]) -> str | None:
    label = row.get("label")
    return _text(row.get("ground_truth") if label is None else label) or None


def _language_of(value: object) -> str:
    if value is None:
        return UNDETERMINED
    if not isinstance(value, str):
        raise _BrokenRow("type")
    tag = canonical_or_none(value)
    if tag is None:
        raise _BrokenRow("language")
    return tag


def _confidence(value: object) -> float:
    if value is None:
        return math.nan
    if type(value) is not float and type(value) is not int:
        raise _BrokenRow("type")
    if not 0 <= value <= _ONE:
        raise _BrokenRow("confidence")
    return min(float(value), 1.0)


def _latency(value: object) -> float:
    if value is None:
        return math.nan
    if type(value) is not float and type(value) is not int:
        raise _BrokenRow("type")
    if not 0 <= value < _MOST:
        raise _BrokenRow("latency")
    return float(value)


def _count(value: object) -> int:
    if value is None:
        return -1
    if type(value) is not int and type(value) is not float:
        raise _BrokenRow("type")
    if not 0 <= value < _MOST or value != int(value):
        raise _BrokenRow("count")
    return int(value)


def _script(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _is_script(value):
        raise _BrokenRow("type")
    return value


@lru_cache(maxsize=1024)
def _is_script(text: str) -> bool:
    return re.fullmatch("[A-Z][a-z]{3}", text) is not None


@lru_cache(maxsize=16)
def _seconds_of(text: str) -> float:
    """Seconds since 1970 of a time in ISO 8601; one without a zone is UTC."""
    try:
        time = datetime.fromisoformat(text)
        return (time.replace(tzinfo=UTC) if time.tzinfo is None else time).timestamp()
    except (ValueError, OverflowError):
        raise _BrokenRow("time") from None
