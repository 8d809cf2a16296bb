"""What a monitor reads: predictions, labels that come later, and answers of a shadowing model, as columns."""

from dataclasses import dataclass, field, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNDETERMINED = "und"
"""The language of a prediction whose language nobody knows (BCP 47)."""

Kind = Literal["prediction", "label", "shadow"]


@dataclass(frozen=True, eq=False)
class Events:
    """Predictions, in the order they were logged; all columns are equally long.

    Attributes:
        time: Seconds since 1970 UTC.
        language: Canonical tag of each, ``und`` where it is unknown.
        prediction: Answered label; of a translation, one of `OUTCOMES`.
        confidence: Probability of the answer; NaN where it was not logged.
        latency_ms: Time from the request's arrival to its answer, in milliseconds; NaN where it was not logged.
        label: Right label; None where it is not known (yet).
        id: Identifier by which a label that comes later finds its prediction; None where there is none.
        variant: Who answered; empty where that was not logged.
        tokens: Number of tokens, special ones included; -1 where it was not logged.
        unknown: Number of unknown tokens; -1 where it was not logged.
        characters: Number of characters of the text; -1 where it was not logged.
        script: ISO 15924 code of most of its letters; None where it was not logged.
        output_characters: Number of characters of a translation; -1 where it was not logged, as of all that are none.
    """

    time: Floats
    language: tuple[str, ...]
    prediction: tuple[str, ...]
    confidence: Floats
    latency_ms: Floats
    label: tuple[str | None, ...]
    id: tuple[str | None, ...]
    variant: tuple[str, ...]
    tokens: Ints
    unknown: Ints
    characters: Ints
    script: tuple[str | None, ...]
    output_characters: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __post_init__(self) -> None:
        if not self.output_characters.size:
            object.__setattr__(self, "output_characters", np.full(len(self.language), -1, dtype=np.int64))
        lengths = {each.name: len(getattr(self, each.name)) for each in fields(self)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of different lengths: {lengths}")

    def __len__(self) -> int:
        return len(self.language)


@dataclass(frozen=True, slots=True)
class LateLabel:
    """A right answer that became known after the prediction.

    Attributes:
        id: The prediction's identifier.
        label: The right label; of a translation, its chrF against a reference, as a fraction in decimal digits.
    """

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class ShadowAnswer:
    """What the baseline model answered to a text that was served.

    Attributes:
        id: The prediction's identifier; None where it has none.
        language: Canonical tag, ``und`` where it is unknown.
        served: Label that was served.
        shadow: Label that the baseline model answered.
        label: Right label, where it is known already.
    """

    id: str | None
    language: str
    served: str
    shadow: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look at a log gave.

    Attributes:
        events: The predictions.
        labels: Labels that came later.
        shadows: Answers of a shadowing model.
        counters: What could not be used, by name, such as ``broken_lines``.
    """

    events: Events
    labels: tuple[LateLabel, ...] = ()
    shadows: tuple[ShadowAnswer, ...] = ()
    counters: tuple[tuple[str, int], ...] = ()
