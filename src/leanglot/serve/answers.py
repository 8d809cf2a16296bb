"""What the server answers, and whom it tells of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Translated:
    """A text's translation; it is answered and never logged.

    Attributes:
        text: The translation.
        tokens: Number of its tokens.
        parts: Into how many pieces the text was split because it was too long for the model; 1 where it was not.
        cut: Whether a sentence was too long by itself, and was cut between words.
        finished: Whether it ended by itself, below its bound.
    """

    text: str
    tokens: int
    parts: int
    cut: bool
    finished: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one text, and what is logged of it.

    Attributes:
        id: Unique identifier, by which a label that becomes known later finds its prediction.
        label: Name of the most probable class; of a translation, what can be seen of it: one of `OUTCOMES`.
        confidence: Its softmax probability; of a translation, the geometric mean of its tokens' probabilities.
        language: Canonical tag that the caller told or the router detected, of a translation that of its pair; None
            where nobody knows.
        variant: Name of the artifact that answered.
        tokens: Number of tokens, special ones included.
        unknown: Number of unknown tokens.
        characters: Number of characters.
        script: ISO 15924 code of most of its letters; ``Zyyy`` where it has none.
        truncated: Whether the text was cut at the model's maximum length; none is that is translated.
        translation: The translation; None where the text was classified.
    """

    id: str
    label: str
    confidence: float
    language: str | None
    variant: str
    tokens: int
    unknown: int
    characters: int
    script: str
    truncated: bool
    translation: Translated | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """One call of an engine.

    Attributes:
        variant: Name of the artifact.
        texts: Number of texts.
        tokens: Tokens without padding.
        padded: Tokens with padding.
        seconds: Time in the engine.
    """

    variant: str
    texts: int
    tokens: int
    padded: int
    seconds: float


class Engine(Protocol):
    """What answers texts: an artifact or a router."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    def answer(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Answer]:
        """Answer texts, in order.

        Args:
            texts: None of them empty.
            languages: Canonical tag of each; None where the caller told none.
        """
        ...


class Telemetry(Protocol):
    """Who is told of what the server does. Every method returns at once and never raises."""

    def requested(self, route: str, status: int, seconds: float) -> None:
        """A request was answered, well or not.

        Args:
            route: Its route as in the OpenAPI document, such as ``/predict``; ``unmatched`` for unknown paths.
            status: Status code of HTTP.
            seconds: From its arrival to its answer.
        """
        ...

    def answered(self, texts: Sequence[str], answers: Sequence[Answer], seconds: float) -> None:
        """Texts of one request were answered.

        Args:
            texts: The texts.
            answers: The answer to each.
            seconds: From the request's arrival to its answer.
        """
        ...

    def labelled(self, identifier: str, label: str) -> None:
        """The right label of an earlier answer became known, or a translation's chrF, as `quality_label` tells it."""
        ...

    def batched(self, batch: Batch) -> None:
        """An engine answered a batch."""
        ...

    def refused(self, reason: str) -> None:
        """Work was turned away, such as for ``queue full``; few different reasons."""
        ...

    def queued(self, requests: int, texts: int) -> None:
        """The queue has this length now."""
        ...
