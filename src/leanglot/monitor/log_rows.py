"""Checks the entries of a prediction log one by one and gathers what can be used as columns."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np

from leanglot.data.scripts import main_script
from leanglot.monitor.events import Events, LateLabel, Reading, ShadowAnswer
from leanglot.monitor.log_fields import (
    BrokenRow,
    Fault,
    confidence_of,
    count_of,
    identifier_of,
    label_of,
    language_of,
    latency_of,
    needed,
    script_of,
    seconds_of,
    text_of,
    wrong_field,
)
from leanglot.monitor.moments import LATEST

BROKEN: Final = "broken_lines"
_OF_MANY_FIELDS: Final[frozenset[Fault]] = frozenset({"type", "count", "utf8"})
WITHOUT_TIME: Final = "lines_without_time"
FIELDS: Final = (
    *("kind", "time", "timestamp", "id", "language", "prediction", "confidence", "latency_ms", "variant", "tokens"),
    *("unknown", "characters", "script", "label", "ground_truth", "text", "served", "shadow"),
    *("output_characters", "chrf"),
)


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
    output_characters: int


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
        except BrokenRow as broken:
            self.skip(broken.fault, position, row)

    def skip(self, fault: Fault, position: int, row: Mapping[str, object] | None = None) -> None:
        """Count an entry as broken.

        Args:
            fault: Why.
            position: Where it stands in its file.
            row: Its fields, where it has any.
        """
        self._faults[fault] += 1
        if fault not in self._first:
            name = wrong_field(row, fault) if row is not None and fault in _OF_MANY_FIELDS else None
            field = "" if name is None else f", field {name}"
            self._first[fault] = f"{self._source}, {self._unit} {position:,}{field}"

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
        elif kind == "label" or (kind is None and label_of(row) is not None and row.get("id") is not None):
            self._labels.append(LateLabel(needed(identifier_of(row.get("id"))), needed(label_of(row))))
            with suppress(BrokenRow):  # the time is only for the order in which several files are read
                self.newest = self._time(_stamp(row))
        elif kind == "shadow":
            answer = ShadowAnswer(
                id=identifier_of(row.get("id")),
                language=language_of(row.get("language")),
                served=needed(text_of(row.get("served"))),
                shadow=needed(text_of(row.get("shadow"))),
                label=label_of(row),
            )
            self._shadows.append(answer)
        else:
            raise BrokenRow("missing" if kind is None else "kind")

    def _add_prediction(self, row: dict[str, object]) -> None:
        get = row.get
        stamp = _stamp(row)
        characters, script = count_of(get("characters")), script_of(get("script"))
        if (text := get("text")) is not None:
            if not isinstance(text, str):
                raise BrokenRow("type")
            characters = len(text) if characters < 0 else characters
            script = main_script(text) if script is None else script
        found = _Prediction(
            self._time(stamp),
            language_of(get("language")),
            needed(text_of(get("prediction"))),
            confidence_of(get("confidence")),
            latency_of(get("latency_ms")),
            label_of(row),
            identifier_of(get("id")),
            text_of(get("variant")) or "",
            count_of(get("tokens")),
            count_of(get("unknown")),
            characters,
            script,
            count_of(get("output_characters")),
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
                raise BrokenRow("time")
            return self.newest
        return seconds_of(value, self._latest)


def _stamp(row: Mapping[str, object]) -> object:
    """When an entry was logged, under either of its names."""
    time = row.get("time")
    return row.get("timestamp") if time is None else time


def _columns(rows: list[_Prediction]) -> Events:
    columns = list(zip(*rows, strict=True)) or [()] * len(_Prediction._fields)
    time, language, prediction, confidence, latency, label, identifier, variant, *counts, script, output = columns
    tokens, unknown, characters, output_characters = (np.array(column, dtype=np.int64) for column in (*counts, output))
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
        output_characters=output_characters,
    )
