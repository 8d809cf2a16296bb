"""Batches by token budget: texts sorted by length, so that little of a batch is padding; the order is restored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from leanglot.runtimes.base import TokenIds

DEFAULT_BATCH_TOKENS: Final = 1024


@dataclass(frozen=True, slots=True)
class Batch:
    """One padded batch.

    Attributes:
        positions: Where its rows stand in the caller's order, shape (batch,).
        input_ids: Shape (batch, length), padded on the right.
        attention_mask: Shape (batch, length).
    """

    positions: TokenIds
    input_ids: TokenIds
    attention_mask: TokenIds


def token_batches(rows: Sequence[TokenIds], pad_id: int, budget: int) -> Iterator[Batch]:
    """Group rows of like length until their padded size reaches the budget.

    Args:
        rows: Token ids of each text, each of shape (length,).
        pad_id: Token id of the padding.
        budget: Largest number of tokens in a batch, padding included; a longer single row goes alone.

    Yields:
        Batches, shortest texts first.
    """
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    start = 0
    for end in range(1, len(order) + 1):
        longest_with_next = len(rows[order[end]]) if end < len(order) else 0
        if end == len(order) or (end - start + 1) * longest_with_next > budget:
            chosen = order[start:end]
            yield Batch(np.asarray(chosen), *pad([rows[index] for index in chosen], pad_id))
            start = end


def pad(rows: Sequence[TokenIds], pad_id: int) -> tuple[TokenIds, TokenIds]:
    """Rows of token ids as one matrix and its attention mask, both of shape (rows, longest)."""
    lengths = np.asarray([len(row) for row in rows])
    mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
    ids = np.full(mask.shape, pad_id, dtype=np.int64)
    ids[mask.astype(bool)] = np.concatenate(rows)
    return ids, mask
