"""A text classifier ready to answer: tokenizer and engine, the same for every runtime."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from leanglot.errors import DataError
from leanglot.results.manifest import Manifest
from leanglot.runtimes.base import Logits, Predictor, TokenIds
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS, token_batches


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to one text.

    Attributes:
        label: Name of the most probable class.
        confidence: Its softmax probability.
    """

    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids per text.

    Attributes:
        rows: One array of shape (length,) per text.
        truncated: Whether each text was cut at the model's maximum length.
    """

    rows: tuple[TokenIds, ...]
    truncated: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Classifier:
    """Tokenizer, engine and labels of a text classifier."""

    manifest: Manifest
    tokenizer: Tokenizer
    predictor: Predictor

    def predict(
        self,
        texts: Iterable[str],
        batch_tokens: int = DEFAULT_BATCH_TOKENS,
        *,
        languages: Sequence[str | None] | None = None,  # noqa: ARG002 - a router takes the same arguments
    ) -> list[Prediction]:
        """Classify texts.

        Args:
            texts: Any number of texts; none of them empty.
            batch_tokens: Largest batch in tokens, padding included.
            languages: Taken as a router takes it, and of no effect: all languages have the same model.

        Returns:
            One prediction per text, in the order given.

        Raises:
            DataError: One string was given instead of several, or a text is empty.
        """
        texts = checked_texts(texts)
        if not texts:
            return []
        probabilities = softmax(self.logits(self.encode(texts).rows, batch_tokens))
        best = probabilities.argmax(axis=1)
        return [
            Prediction(self.manifest.labels[index], float(row[index]))
            for index, row in zip(best, probabilities, strict=True)
        ]

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Tokenize texts, cut at the model's maximum length, special tokens included."""
        encodings = self.tokenizer.encode_batch(list(texts))
        rows = tuple(np.asarray(encoding.ids, dtype=np.int64) for encoding in encodings)
        return Encoded(rows, tuple(bool(encoding.overflowing) for encoding in encodings))

    def logits(
        self,
        rows: Sequence[TokenIds],
        batch_tokens: int = DEFAULT_BATCH_TOKENS,
        on_batch: Callable[[int], None] | None = None,
    ) -> Logits:
        """Logits of tokenized texts, computed in token-budget batches.

        Args:
            rows: Token ids per text.
            batch_tokens: Largest batch in tokens.
            on_batch: Called with the number of texts done after each batch.

        Returns:
            Shape (texts, labels), in the order of `rows`.
        """
        out = np.empty((len(rows), len(self.manifest.labels)), dtype=np.float32)
        for batch in token_batches(rows, self.manifest.pad_id, batch_tokens):
            out[batch.positions] = self.predictor.logits(batch.input_ids, batch.attention_mask)
            if on_batch is not None:
                on_batch(len(batch.positions))
        return out


def checked_texts(texts: Iterable[str]) -> list[str]:
    """Texts that a tokenizer takes, as a list.

    Raises:
        DataError: One string was given instead of several, or a text is empty.
    """
    if isinstance(texts, str):
        raise DataError("predict() takes several texts, got one string.", f"Call predict([{texts[:40]!r}]).")
    texts = list(texts)
    for position, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"Text {position} is empty or no string: {text!r}.", "Leave it out.")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise DataError(f"Text {position} holds half of a surrogate pair: {text[:40]!r}.", "Decode it again.")
    return texts


def softmax(logits: Logits) -> Logits:
    """Row-wise softmax, shape (texts, labels)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Logits = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities
