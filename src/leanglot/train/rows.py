"""What a model is trained on: token ids, labels and languages by text, and the batches made of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS, pad, token_batches
from leanglot.train.answers import TeacherAnswers
from leanglot.train.loss import supervised

Positions = NDArray[np.int64]

MOST_TOKENS: Final = 4096
"""Tokens that go through a model at once while it is trained: their activations are kept for the gradients."""


class LearnedRows(Protocol):
    """What the loop asks of tokenized examples, whatever the task."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Canonical tag of each, or its language pair."""
        ...

    def __len__(self) -> int:
        """How many there are."""
        ...

    def parts(self, positions: Positions, most: int | None) -> Iterator[Positions]:
        """Those of one step in parts that go through the model at once; see `micro_batches`."""
        ...

    def collate(self, positions: Positions, device: torch.device) -> Any:  # noqa: ANN401 - what the task's learner takes
        """Some examples as one padded batch."""
        ...

    def answers_of(
        self, model: nn.Module, positions: Positions, device: torch.device
    ) -> Iterator[tuple[Positions, NDArray[np.float64]]]:
        """Has a model answer some examples.

        Yields:
            Positions and, for each, how many answers were asked for, how many were right, and the loss, shape (k, 3).
        """
        ...


@dataclass(frozen=True)
class Rows:
    """Tokenized examples; all columns are aligned by position.

    Attributes:
        ids: Token ids of each text, each of shape (length,).
        labels: Class ids, shape (texts,); `leanglot.train.loss.IGNORED` where a text has none.
        languages: Canonical BCP 47 tag of each.
        pad_id: Token id of the padding.
        answers: The teacher's answers to the same texts; None where nothing is learned from a teacher.
    """

    ids: Sequence[TokenIds]
    labels: NDArray[np.int64]
    languages: tuple[str, ...]
    pad_id: int
    answers: TeacherAnswers | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def parts(self, positions: Positions, most: int | None) -> Iterator[Positions]:
        """See `LearnedRows`."""
        return micro_batches(self, positions, most)

    def collate(self, positions: Positions, device: torch.device) -> "Batch":
        """See `LearnedRows`."""
        return collate(self, positions, device)

    def answers_of(
        self, model: nn.Module, positions: Positions, device: torch.device
    ) -> Iterator[tuple[Positions, NDArray[np.float64]]]:
        """See `LearnedRows`."""
        for batch in token_batches([self.ids[place] for place in positions], self.pad_id, DEFAULT_BATCH_TOKENS):
            mine = positions[batch.positions]
            labels = torch.from_numpy(self.labels[mine]).to(device)
            with torch.inference_mode():
                logits = model(
                    input_ids=torch.from_numpy(batch.input_ids).to(device),
                    attention_mask=torch.from_numpy(batch.attention_mask).to(device),
                ).logits
            right = (logits.argmax(dim=1) == labels).cpu().numpy()
            loss = supervised(logits, labels).cpu().numpy()
            yield mine, np.column_stack([np.ones(len(mine)), right, loss])


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples that go through the model together.

    Attributes:
        positions: Where they stand among the rows, shape (batch,).
        input_ids: Shape (batch, length), padded on the right.
        attention_mask: Shape (batch, length).
        labels: Shape (batch,).
        teacher_logits: Shape (batch, classes); None without a teacher.
        teacher_hidden: Shape (batch, length, layers, width); None where no states are matched.
        hidden_mask: 1 where there is a token whose states are matched, shape (batch, length); None likewise.
    """

    positions: Positions
    input_ids: Tensor
    attention_mask: Tensor
    labels: Tensor
    teacher_logits: Tensor | None = None
    teacher_hidden: Tensor | None = None
    hidden_mask: Tensor | None = None


def collate(rows: Rows, positions: Positions, device: torch.device) -> Batch:
    """Put examples into one padded batch.

    Args:
        rows: All examples.
        positions: At least one, shape (batch,).
        device: Where the tensors are put.
    """
    ids, mask = pad([rows.ids[position] for position in positions], rows.pad_id)
    logits = hidden = hidden_mask = None
    if rows.answers is not None:
        logits = torch.from_numpy(rows.answers.logits_of(positions)).to(device)
        if (states := rows.answers.hidden_of(positions, ids.shape[1])) is not None:
            hidden = torch.from_numpy(states).to(device)
            hidden_mask = torch.from_numpy(mask * rows.answers.comparable[positions][:, None]).to(device)
    return Batch(
        positions=positions,
        input_ids=torch.from_numpy(ids).to(device),
        attention_mask=torch.from_numpy(mask).to(device),
        labels=torch.from_numpy(rows.labels[positions]).to(device),
        teacher_logits=logits,
        teacher_hidden=hidden,
        hidden_mask=hidden_mask,
    )


def micro_batches(
    rows: Rows, positions: Positions, most: int | None, most_tokens: int = MOST_TOKENS
) -> Iterator[Positions]:
    """Split examples into parts of like length, so that little of a part is padding.

    Args:
        rows: All examples.
        positions: Those of one step, shape (batch,).
        most: Most examples of a part; None counts tokens alone.
        most_tokens: Most tokens of a part, padding included; a longer single text goes alone.

    Yields:
        Positions, the shortest texts first.
    """
    lengths = np.asarray([len(rows.ids[position]) for position in positions])
    order = np.argsort(lengths, kind="stable")
    start = 0
    for end in range(1, len(order) + 1):
        count = end - start
        full = end < len(order) and ((count + 1) * lengths[order[end]] > most_tokens or count == most)
        if full or end == len(order):
            yield positions[order[start:end]]
            start = end
