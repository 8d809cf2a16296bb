"""Whether an artifact's answer to a text depends on what else is in the batch: measured, text by text."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from leanglot.errors import DataError, ModelError
from leanglot.results.measures import Invariance
from leanglot.runtimes.base import Logits, TokenIds
from leanglot.runtimes.batching import pad
from leanglot.runtimes.classifier import Classifier, softmax

_MOST_TEXTS: Final = 24
_MATES: Final = 3


def measure_invariance(classifier: Classifier, texts: Sequence[str]) -> Invariance:
    """Compares the answer to each text alone with its answers in two batches.

    In the first batch a text about twice as long as the longest one pads it; in the second it stands between three
    rows of its own length, cut or repeated from its neighbours. Engines that take the range of the activations from
    the whole batch (dynamic INT8 per tensor) answer differently in them, others only by rounding.

    Args:
        classifier: The artifact, loaded.
        texts: Texts to try; of more than 24, as many are taken evenly from the whole sequence.

    Returns:
        The largest changes of a softmax probability. A text that is as long as the model reads cannot be padded.

    Raises:
        DataError: There are no texts.
        ModelError: Some logits are not finite.
    """
    if not texts:
        raise DataError("There are no texts to measure invariance with.", "Give at least one.")
    rows = classifier.encode(_spread(texts)).rows
    alone = [_probabilities(classifier, [row]) for row in rows]
    long_row = _companion(rows, classifier.manifest.max_length)
    padded = [_probabilities(classifier, [row, long_row]) for row in rows]
    mixed = [_probabilities(classifier, [row, *_mates(rows, index)]) for index, row in enumerate(rows)]
    flips = [len({int(each.argmax()) for each in answers}) > 1 for answers in zip(alone, padded, mixed, strict=True)]
    return Invariance(
        texts=len(rows), padding=_largest_change(alone, padded), mates=_largest_change(alone, mixed), flips=sum(flips)
    )


def _spread(texts: Sequence[str]) -> list[str]:
    chosen = np.linspace(0, len(texts) - 1, min(len(texts), _MOST_TEXTS)).round().astype(int)
    return [texts[index] for index in chosen]


def _companion(rows: Sequence[TokenIds], max_length: int) -> TokenIds:
    """A row about twice as long as the longest, made of the tokens of all of them."""
    longest = max(len(row) for row in rows)
    return _fitted(np.concatenate(rows), min(max_length, 2 * longest))


def _mates(rows: Sequence[TokenIds], index: int) -> list[TokenIds]:
    """The rows that follow, as long as this one; a single row meets its own tokens in reverse."""
    others = [*rows[index + 1 :], *rows[:index]] or [rows[index][::-1]]
    return [_fitted(others[number % len(others)], len(rows[index])) for number in range(_MATES)]


def _fitted(row: TokenIds, length: int) -> TokenIds:
    """The row cut or repeated to a length, its first and last token, which are special, in their places."""
    fitted: TokenIds = np.resize(row[1:-1] if len(row) > 2 else row, length)
    fitted[0], fitted[-1] = row[0], row[-1]
    return fitted


def _probabilities(classifier: Classifier, rows: Sequence[TokenIds]) -> Logits:
    """Softmax of the first row of a batch, shape (labels,)."""
    logits = classifier.predictor.logits(*pad(rows, classifier.manifest.pad_id))
    if not np.isfinite(logits[0]).all():
        raise ModelError(f"The logits of a text of {len(rows[0])} tokens are not finite (NaN or infinity).")
    first: Logits = softmax(logits[:1])[0]
    return first


def _largest_change(before: Sequence[Logits], after: Sequence[Logits]) -> float:
    return float(np.abs(np.stack(before) - np.stack(after)).max())
