"""How far a variant's answers lie from the baseline's, by language and without labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from leanglot.errors import DataError, ModelError
from leanglot.runtimes.base import Logits, TokenIds
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS


class Engine(Protocol):
    """What answers; `leanglot.runtimes.classifier.Classifier` is one."""

    def logits(self, rows: Sequence[TokenIds], batch_tokens: int = DEFAULT_BATCH_TOKENS) -> Logits:
        """Logits of tokenized texts, shape (texts, labels)."""
        ...


@dataclass(frozen=True, slots=True)
class Probes:
    """Texts to compare answers on; they need no labels.

    Attributes:
        rows: Token ids per text.
        languages: Language tag per text.
    """

    rows: Sequence[TokenIds]
    languages: Sequence[str]

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.languages):
            raise DataError(f"There are {len(self.rows)} texts and {len(self.languages)} language tags.")

    def of(self, language: str, most: int) -> list[TokenIds]:
        """At most so many texts of one language, taken at even distances."""
        found = [row for row, tag in zip(self.rows, self.languages, strict=True) if tag == language]
        if len(found) <= most:
            return found
        return [found[position] for position in np.linspace(0, len(found) - 1, most).round().astype(int)]


@dataclass(frozen=True, slots=True)
class Reference:
    """The baseline's answers to some texts.

    Attributes:
        probes: The texts.
        log_probabilities: The baseline's, shape (texts, labels).
        batch_tokens: Largest batch in tokens.
    """

    probes: Probes
    log_probabilities: NDArray[np.float64]
    batch_tokens: int

    def divergences(self, engine: Engine) -> dict[str, float]:
        """Mean Kullback-Leibler divergence (1951) of an engine's probabilities from the baseline's, by language.

        Returns:
            In nats, 0 or more: the mean over a language's texts of the sum of ``p * log(p / q)``, where ``p`` is the
            baseline's probability of a label and ``q`` the engine's.

        Raises:
            ModelError: Some logits are not finite.
        """
        own = log_softmax(finite_logits(engine, self.probes.rows, self.batch_tokens))
        apart = (np.exp(self.log_probabilities) * (self.log_probabilities - own)).sum(axis=1).clip(min=0.0)
        tags = np.asarray(self.probes.languages)
        return {tag: float(apart[tags == tag].mean()) for tag in sorted(set(self.probes.languages))}


def reference_of(baseline: Engine, probes: Probes, batch_tokens: int) -> Reference:
    """Have the baseline answer the texts.

    Raises:
        ModelError: Some logits are not finite.
    """
    return Reference(probes, log_softmax(finite_logits(baseline, probes.rows, batch_tokens)), batch_tokens)


def finite_logits(engine: Engine, rows: Sequence[TokenIds], batch_tokens: int) -> Logits:
    """An engine's logits, shape (texts, labels).

    Raises:
        ModelError: Some are not finite.
    """
    logits = engine.logits(rows, batch_tokens)
    if broken := int((~np.isfinite(logits).all(axis=1)).sum()):
        raise ModelError(f"The logits of {broken} of {len(rows)} texts are not finite (NaN or infinity).")
    return logits


def log_softmax(logits: Logits) -> NDArray[np.float64]:
    """Row-wise, shape (texts, labels)."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    normalized: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normalized
