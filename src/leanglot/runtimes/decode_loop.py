"""A lean loop that writes translations token by token: greedy here, with beams in `beam_search`; NumPy alone."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.seq2seq import Decoded, Decoding, SourceRow

# Rows that ended stay in the batch until so large a share of it has: taking them out copies the caches of the others.
_CROWDED: Final = 0.75


@dataclass(frozen=True, slots=True)
class Candidates:
    """The most probable next tokens of each row, best first.

    Attributes:
        tokens: Shape (rows, candidates).
        scores: Their natural log probabilities, shape (rows, candidates).
    """

    tokens: TokenIds
    scores: NDArray[np.float32]


class Steps(Protocol):
    """A batch of encoded sources and the caches of what was written so far: what an engine implements."""

    def next(self, tokens: TokenIds, count: int) -> Candidates:
        """Add tokens to every row and answer what may follow.

        Args:
            tokens: Shape (rows, new tokens); the rows of a sentence stand together and are as many for each. Without a
                cache, all tokens from the start on.
            count: Candidates per row; fewer come back where the vocabulary is smaller.
        """
        ...

    def keep(self, sentences: NDArray[np.int64]) -> None:
        """Go on with these sentences alone, by their positions in the batch as it is. Follow it with `reorder`."""
        ...

    def reorder(self, rows: NDArray[np.int64]) -> None:
        """Go on with these rows of the caches, in this order; a row may come several times."""
        ...


@dataclass(frozen=True, slots=True)
class Ending:
    """Which tokens end a translation, and which it may not hold.

    Attributes:
        eos: The token that ends it.
        suppressed: Tokens that are never chosen.
    """

    eos: int
    suppressed: Collection[int] = ()


def pad_sources(rows: Sequence[SourceRow], pad: int) -> tuple[TokenIds, TokenIds]:
    """Ids and attention mask of a batch, both of shape (rows, longest)."""
    ids = np.full((len(rows), max(map(len, rows))), pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row.ids
        mask[number, : len(row)] = 1
    return ids, mask


def start_tokens(rows: Sequence[SourceRow]) -> TokenIds:
    """The decoder's first tokens of a batch, shape (rows, tokens).

    Raises:
        ValueError: The rows have different numbers of them.
    """
    if len({len(row.start) for row in rows}) != 1:
        raise ValueError("the rows of a batch need equally many start tokens")
    return np.asarray([row.start for row in rows], dtype=np.int64)


def greedy(steps: Steps, starts: TokenIds, decoding: Decoding, ending: Ending) -> list[Decoded]:
    """Take the most probable token at each step.

    Args:
        steps: The encoded sources.
        starts: From `start_tokens`.
        decoding: Its `beam` is not looked at.
        ending: What ends a translation.

    Returns:
        One translation per source, in order.
    """
    most = length_limit(decoding)
    written = np.zeros((len(starts), most), dtype=np.int64)
    lengths = np.full(len(starts), most)
    scores = np.zeros(len(starts))
    finished = np.zeros(len(starts), dtype=np.bool_)
    there = np.arange(len(starts))  # which translation each row of the batch is
    given = starts
    for length in range(1, most + 1):
        chosen = allowed(steps.next(given, 2 + len(ending.suppressed)), ending, ends=decoding.forced is None)
        tokens, gained = chosen.tokens[:, 0], chosen.scores[:, 0]
        open_ = ~finished[there]
        written[there[open_], length - 1] = tokens[open_]
        scores[there[open_]] += gained[open_]
        ended = there[open_ & (tokens == ending.eos)]
        finished[ended], lengths[ended] = True, length - 1
        going = np.flatnonzero(~finished[there])
        if not len(going):
            break
        given = tokens[:, None] if decoding.cache else np.concatenate([given, tokens[:, None]], axis=1)
        if len(going) <= _CROWDED * len(there):
            steps.keep(going)
            steps.reorder(going)
            there, given = there[going], given[going]
    return [
        Decoded(written[number, : lengths[number]].copy(), float(scores[number]), bool(finished[number]))
        for number in range(len(starts))
    ]


def length_limit(decoding: Decoding) -> int:
    """Most tokens of a translation, its end token included."""
    return decoding.max_tokens if decoding.forced is None else decoding.forced


def allowed(candidates: Candidates, ending: Ending, *, ends: bool) -> Candidates:
    """The candidates without those that may not be chosen: the suppressed, and without `ends` the end.

    Rows may lose differently many; all then have as many as the poorest.
    """
    out = [*ending.suppressed, *([] if ends else [ending.eos])]
    wrong = np.isin(candidates.tokens, out)
    if not wrong.any():
        return candidates
    order = np.argsort(wrong, axis=1, kind="stable")
    left = candidates.tokens.shape[1] - int(wrong.sum(axis=1).max())
    if left < 1:
        raise ValueError("every candidate is suppressed")
    order = order[:, :left]
    return Candidates(
        np.take_along_axis(candidates.tokens, order, axis=1), np.take_along_axis(candidates.scores, order, axis=1)
    )
