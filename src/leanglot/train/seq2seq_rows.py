"""What a translation model is trained on: tokenized sources and targets by pair, and batches of like length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.batching import pad
from leanglot.runtimes.seq2seq import SourceRow
from leanglot.train.rows import MOST_TOKENS, Positions
from leanglot.train.seq2seq_forward import states_of, token_logits

_PART_COST: Final = 256  # what one more part costs, in padded tokens: calls into small matrix products


@dataclass(frozen=True)
class SequenceRows:
    """Tokenized sentence pairs; all columns are aligned by position.

    Attributes:
        sources: What the encoder reads, and the decoder's first tokens.
        targets: Token ids of each translation, the end token last, each of shape (length,).
        languages: Language pair of each, such as ``en→de``.
        pad_id: Token id of the padding.
    """

    sources: Sequence[SourceRow]
    targets: Sequence[TokenIds]
    languages: tuple[str, ...]
    pad_id: int

    def __len__(self) -> int:
        return len(self.sources)

    def parts(self, positions: Positions, most: int | None) -> Iterator[Positions]:
        """Split the sentences of a step into parts of like length; see `length_parts`."""
        sources = np.asarray([len(self.sources[place]) for place in positions])
        targets = np.asarray([len(self.targets[place]) + len(self.sources[place].start) - 1 for place in positions])
        for part in length_parts(sources, targets, most):
            yield positions[part]

    def collate(self, positions: Positions, device: torch.device) -> "SequenceBatch":
        """Put sentences into one padded batch."""
        return collate_sequences(self, positions, device)

    def answers_of(
        self, model: nn.Module, positions: Positions, device: torch.device
    ) -> Iterator[tuple[Positions, NDArray[np.float64]]]:
        """Have a model predict each token of the targets from those before it.

        Yields:
            Positions and, for each sentence, its tokens, those predicted right, and their loss, shape (k, 3).
        """
        for mine in self.parts(positions, None):
            batch = self.collate(mine, device)
            with torch.inference_mode():
                logits = token_logits(model, states_of(model, batch).decoder, batch)
                loss = functional.cross_entropy(logits.float(), batch.labels, reduction="none")
                right = (logits.argmax(dim=1) == batch.labels).to(loss.dtype)
                values = torch.stack([torch.ones_like(loss), right, loss], dim=1)
                sums = torch.zeros(len(mine), 3, device=device).index_add_(0, batch.rows, values)
            yield mine, sums.cpu().double().numpy()


@dataclass(frozen=True, slots=True)
class SequenceBatch:
    """Sentences that go through the model together.

    The decoder reads each target shifted by one; only its real tokens are predicted, and padding costs no logits.

    Attributes:
        positions: Where they stand among the rows, shape (batch,).
        input_ids: Shape (batch, source length), padded on the right.
        attention_mask: Shape (batch, source length).
        decoder_ids: The decoder's start tokens and the target without its end, shape (batch, target length).
        decoder_mask: 1 where there is one of these, shape (batch, target length).
        places: Where the predicted tokens are among the decoder's flattened positions, shape (tokens,).
        rows: The sentence of each, shape (tokens,).
        labels: The tokens that are right there, shape (tokens,).
    """

    positions: Positions
    input_ids: Tensor
    attention_mask: Tensor
    decoder_ids: Tensor
    decoder_mask: Tensor
    places: Tensor
    rows: Tensor
    labels: Tensor


def collate_sequences(rows: SequenceRows, positions: Positions, device: torch.device) -> SequenceBatch:
    """Put sentences into one padded batch.

    Args:
        rows: All sentences.
        positions: At least one, shape (batch,).
        device: Where the tensors are put.
    """
    sources, targets = [rows.sources[place] for place in positions], [rows.targets[place] for place in positions]
    ids, mask = pad([source.ids for source in sources], rows.pad_id)
    given = [
        np.concatenate([np.asarray(source.start, dtype=np.int64), target[:-1]])
        for source, target in zip(sources, targets, strict=True)
    ]
    decoder_ids, decoder_mask = pad(given, rows.pad_id)
    # The last start token predicts the first of the target; a language token in front of it is given, not learned.
    column = np.arange(decoder_ids.shape[1])
    first = np.asarray([len(source.start) - 1 for source in sources])
    predicted = (decoder_mask == 1) & (column >= first[:, None])

    def tensor(values: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(values).to(device)

    return SequenceBatch(
        positions=positions,
        input_ids=tensor(ids),
        attention_mask=tensor(mask),
        decoder_ids=tensor(decoder_ids),
        decoder_mask=tensor(decoder_mask),
        places=tensor(np.flatnonzero(predicted)),
        rows=tensor(np.nonzero(predicted)[0]),
        labels=tensor(np.concatenate(targets)),
    )


def length_parts(
    sources: NDArray[np.int64], targets: NDArray[np.int64], most: int | None, most_tokens: int = MOST_TOKENS
) -> list[Positions]:
    """The split into parts that costs least: padded tokens of both sides, and a fixed amount for each part.

    Args:
        sources: Tokens of each source, shape (n,), n at least 1.
        targets: Tokens of each target, shape (n,).
        most: Most sentences of a part; None counts tokens alone.
        most_tokens: Most tokens of a part, of both sides, padding included; a longer single sentence goes alone.

    Returns:
        Places in ``[0, n)`` by part, the shortest sentences first.
    """
    order = np.argsort(sources + targets, kind="stable")
    count = len(order)
    longest_source, longest_target = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    cost, begin = np.zeros(count + 1), np.zeros(count, dtype=np.int64)
    for end, place in enumerate(order):
        low = 0 if most is None else max(0, end + 1 - most)
        # What a part from each possible begin to here would cost, given the best split of all before it.
        np.maximum(longest_source[: end + 1], sources[place], out=longest_source[: end + 1])
        np.maximum(longest_target[: end + 1], targets[place], out=longest_target[: end + 1])
        sizes = np.arange(end + 1 - low, 0, -1)
        padded = sizes * (longest_source[low : end + 1] + longest_target[low : end + 1])
        total = np.where((padded <= most_tokens) | (sizes == 1), cost[low : end + 1] + padded + _PART_COST, np.inf)
        best = int(np.argmin(total))
        cost[end + 1], begin[end] = total[best], low + best
    parts, end = [], count
    while end:
        parts.append(order[begin[end - 1] : end])
        end = int(begin[end - 1])
    return parts[::-1]
