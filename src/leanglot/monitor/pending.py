"""Predictions and labels that wait for each other, found again by their identifier; a bounded number of both."""

import hashlib
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, model_validator

from leanglot.monitor.events import Events
from leanglot.monitor.stored import Fraction, Seconds

MOST_PENDING: Final = 10_000
_LONGEST: Final = 64
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Pending:
    """A prediction that waits for its label.

    Attributes:
        time: Seconds since 1970.
        prediction: Answered label, shortened.
        confidence: Probability of the answer; NaN where it was not logged.
        shadow: What the baseline model answered, shortened; None where it was not asked.
    """

    time: float
    prediction: str
    confidence: float
    shadow: str | None = None


class PendingState(BaseModel):
    """Stored form of those of one language, as columns, the oldest first.

    Attributes:
        ids: Identifiers, shortened.
        times: Seconds since 1970.
        predictions: Answered labels.
        confidences: None where it was not logged.
        shadows: What the baseline model answered, by identifier.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ids: tuple[str, ...]
    times: tuple[Seconds, ...]
    predictions: tuple[str, ...]
    confidences: tuple[Fraction | None, ...]
    shadows: dict[str, str] = {}

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        if len({len(self.ids), len(self.times), len(self.predictions), len(self.confidences)}) > 1:
            raise ValueError("the columns are not equally long")
        return self


class PendingLabels:
    """All predictions that wait for their label, and the labels that were read before their prediction.

    Where the predictions become too many, the oldest go first, of the languages that have the most: a frequent language
    cannot drive out a rare one. Of the labels the oldest go first.
    """

    def __init__(self) -> None:
        self._languages: dict[str, dict[str, Pending]] = {}
        self._home: dict[str, str] = {}
        self._early: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._home)

    def add(self, language: str, rows: Iterable[tuple[str, Pending]]) -> list[tuple[Pending, str]]:
        """Remember predictions by identifier; one that comes again takes the place of the former.

        Returns:
            Those whose label was there already, with it; they do not wait.
        """
        own = self._languages.setdefault(language, {})
        known = []
        for identifier, row in rows:
            key = shortened(identifier)
            if (label := self._early.pop(key, None)) is not None:
                known.append((row, label))
                continue
            former = self._home.get(key)
            if former is not None:
                del self._languages[former][key]
            self._home[key] = language
            own[key] = row
        return known

    def early(self, identifier: str, label: str) -> None:
        """Remember a label of which no prediction waits, for the case that it is still to come."""
        key = shortened(identifier)
        self._early.pop(key, None)  # the newest one is the last to go
        self._early[key] = shortened(label)

    def shadowed(self, identifier: str, shadow: str) -> None:
        """Remember what the baseline model answered, if the prediction still waits."""
        key = shortened(identifier)
        language = self._home.get(key)
        if language is not None:
            own = self._languages[language]
            own[key] = replace(own[key], shadow=shortened(shadow))

    def take(self, identifier: str) -> tuple[str, Pending] | None:
        """The language and the prediction of an identifier, which waits no longer; None where there is none."""
        key = shortened(identifier)
        language = self._home.pop(key, None)
        return None if language is None else (language, self._languages[language].pop(key))

    def trim(self, most: int = MOST_PENDING) -> int:
        """Forget the oldest of the largest languages, and the oldest labels.

        Args:
            most: How many of each may stay.

        Returns:
            How many predictions were forgotten.
        """
        for key in list(islice(self._early, max(0, len(self._early) - most))):
            del self._early[key]
        before = len(self._home)
        if before <= most:
            return 0
        level = _level([len(own) for own in self._languages.values()], most)
        for own in self._languages.values():
            for key in list(islice(own, max(0, len(own) - level))):
                del own[key], self._home[key]
        return before - len(self._home)

    def state(self) -> dict[str, PendingState]:
        """What waits, by language."""
        return {language: _stored(own) for language, own in self._languages.items() if own}

    def early_labels(self) -> dict[str, str]:
        """The labels that wait, by identifier."""
        return dict(self._early)

    @classmethod
    def restored(cls, state: dict[str, PendingState], early: dict[str, str]) -> Self:
        """The predictions and labels that go on waiting from there."""
        found = cls()
        for language, own in state.items():
            columns = zip(own.ids, own.times, own.predictions, own.confidences, strict=True)
            rows = [
                (key, Pending(time, prediction, math.nan if sure is None else sure, own.shadows.get(key)))
                for key, time, prediction, sure in columns
            ]
            found.add(language, rows)
        found._early = dict(early)
        return found


def waiting(events: Events) -> Iterator[tuple[str, Pending]]:
    """The predictions that have an identifier and no label, by identifier."""
    if not any(events.id):
        return
    columns = zip(
        events.id,
        events.label,
        events.time.tolist(),
        events.prediction,
        events.confidence.tolist(),
        strict=True,
    )
    for identifier, label, time, prediction, confidence in columns:
        if identifier is not None and label is None:
            yield identifier, Pending(time, shortened(prediction), confidence)


def shortened(text: str) -> str:
    """The text, or a digest of it where it is long or no valid Unicode: memory stays bounded, and equal stays equal."""
    if len(text) <= _LONGEST and (text.isascii() or not _LONE_SURROGATE.search(text)):
        return text
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_LONGEST // 2).hexdigest()


def _level(sizes: list[int], most: int) -> int:
    """The largest size to which all may be cut so that no more than ``most`` are left."""
    left, languages = most, len(sizes)
    for size in sorted(sizes):
        if size * languages > left:
            break
        left -= size
        languages -= 1
    return left // languages if languages else most


def _stored(own: dict[str, Pending]) -> PendingState:
    return PendingState(
        ids=tuple(own),
        times=tuple(row.time for row in own.values()),
        predictions=tuple(row.prediction for row in own.values()),
        confidences=tuple(None if math.isnan(row.confidence) else row.confidence for row in own.values()),
        shadows={key: row.shadow for key, row in own.items() if row.shadow is not None},
    )
