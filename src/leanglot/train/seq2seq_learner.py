"""What is trained where a model translates: it, with the losses of word-level and hidden-state distillation."""

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from leanglot.train.loss import hidden_difference, new_projection, spread_layers
from leanglot.train.seq2seq_forward import NEVER, States, states_of, token_logits
from leanglot.train.seq2seq_rows import SequenceBatch

SIDES: Final = ("encoder", "decoder")


class Teacher:
    """The model that is learned from; not a part of the one that is trained.

    Args:
        model: Left as it is, but for the device it is on.
        source_pieces: The teacher's token id for each of the student's on the source side, -1 where there is none for
            a row that no text uses; None where they are alike.
        target_pieces: The same on the target side.
    """

    def __init__(
        self,
        model: nn.Module,
        source_pieces: NDArray[np.int64] | None = None,
        target_pieces: NDArray[np.int64] | None = None,
    ) -> None:
        self.model = model
        self.source_pieces = None if source_pieces is None else torch.from_numpy(source_pieces)
        self.target_pieces = None if target_pieces is None else torch.from_numpy(target_pieces)

    def of(self, batch: SequenceBatch, *, layers: bool) -> tuple[Tensor, States]:
        """Logits over the student's pieces at the predicted tokens, shape (tokens, pieces), and the states."""
        device = batch.input_ids.device
        if next(self.model.parameters()).device != device:
            self.model.to(device)
        translated = self._translated(batch)
        with torch.no_grad():
            states = states_of(self.model.eval(), translated, layers=layers)
            logits = token_logits(self.model, states.decoder, translated)
        if self.target_pieces is None:
            return logits, states
        pieces = self.target_pieces.to(device)
        return logits[:, pieces.clamp(min=0)].masked_fill(pieces < 0, NEVER), states

    def _translated(self, batch: SequenceBatch) -> SequenceBatch:
        """The batch in the teacher's token ids."""
        ids, given = batch.input_ids, batch.decoder_ids
        return SequenceBatch(
            positions=batch.positions,
            input_ids=ids if self.source_pieces is None else self.source_pieces.to(ids.device)[ids],
            attention_mask=batch.attention_mask,
            decoder_ids=given if self.target_pieces is None else self.target_pieces.to(ids.device)[given],
            decoder_mask=batch.decoder_mask,
            places=batch.places,
            rows=batch.rows,
            labels=batch.labels,
        )


class SequenceLearner(nn.Module):
    """A translation model with its loss: tokens, the teacher's distribution of each, and hidden states.

    A sentence's loss is the sum over its tokens divided by the mean length of the targets, so that the mean over many
    sentences is one per token, whatever the batches and however many processes share them.

    Args:
        model: The model that is trained.
        mean_tokens: Mean number of tokens of the targets.
        teacher: Who is learned from; None learns from tokens alone.
        word: Weight of the teacher's distribution against the tokens, in [0, 1].
        temperature: Divides both models' logits in the divergence, whose size its square keeps.
        hidden: Weight of the mean squared difference between both models' hidden states; 0 matches none.
    """

    def __init__(
        self,
        model: nn.Module,
        mean_tokens: float,
        teacher: Teacher | None = None,
        word: float = 0.0,
        temperature: float = 1.0,
        hidden: float = 0.0,
    ) -> None:
        super().__init__()
        self.model = model
        self.mean_tokens, self.word, self.temperature, self.hidden = mean_tokens, word, temperature, hidden
        self.teacher = teacher  # no nn.Module, so that nothing of it is trained or stored
        self.projections = nn.ModuleDict()
        if teacher is not None and hidden > 0:
            own, other = _width(model), _width(teacher.model)
            for side in SIDES:
                pairs = spread_layers(layer_count(model, side), layer_count(teacher.model, side))
                self.projections[side] = nn.ModuleList(new_projection(own, other) for _ in pairs)

    def forward(self, batch: SequenceBatch) -> Tensor:
        """Losses of a batch.

        Args:
            batch: Its sentences.

        Returns:
            One row per sentence with the `leanglot.train.learner.COLUMNS`, float32, shape (batch, 6): ``labels`` is the
            sum over its tokens in nats, ``labelled`` their number, ``right`` those predicted right; ``teacher`` is
            divided by the mean length like the loss.
        """
        matched = bool(self.projections)
        states = states_of(self.model, batch, layers=matched)
        logits = token_logits(self.model, states.decoder, batch).float()
        log_probabilities = functional.log_softmax(logits, dim=-1)
        hard = functional.nll_loss(log_probabilities, batch.labels, reduction="none")
        soft, hidden = torch.zeros_like(hard), hard.new_zeros(len(batch.positions))
        if self.teacher is not None and (self.word > 0 or matched):
            taught, seen = self.teacher.of(batch, layers=matched)
            if self.word > 0:
                soft = self._divergence(logits, log_probabilities, taught)
            if matched:
                hidden = self._difference(states, seen, batch)
        right = (logits.argmax(dim=1) == batch.labels).to(hard.dtype)
        values = torch.stack([soft, hard, torch.ones_like(hard), right], dim=1)
        sums = values.new_zeros(len(batch.positions), 4).index_add(0, batch.rows, values)
        soft, hard, tokens, right = sums.unbind(dim=1)
        loss = (self.word * soft + (1 - self.word) * hard) / self.mean_tokens + self.hidden * hidden
        return torch.stack([loss, soft / self.mean_tokens, hard, hidden, tokens, right], dim=1)

    def present(self, _: SequenceBatch) -> tuple[str, ...]:
        """Those of the `leanglot.train.learner.PARTS` that there are."""
        taught = ("teacher",) if self.teacher is not None and self.word > 0 else ()
        return ("loss", "labels", *taught, *(("hidden",) if self.projections else ()))

    def _divergence(self, logits: Tensor, log_probabilities: Tensor, taught: Tensor) -> Tensor:
        """``T^2 * KL(teacher || student)`` per token in nats, shape (tokens,)."""
        heat = self.temperature
        student = log_probabilities if heat == 1 else functional.log_softmax(logits / heat, dim=-1)
        teacher = functional.log_softmax(taught.float() / heat, dim=-1)
        return heat**2 * (teacher.exp() * (teacher - student)).sum(dim=-1)

    def _difference(self, own: States, other: States, batch: SequenceBatch) -> Tensor:
        """Mean squared difference of the matched layers of both sides per sentence, shape (batch,)."""
        found = []
        for side, mask in zip(SIDES, (batch.attention_mask, batch.decoder_mask), strict=True):
            mine = own.encoder_layers if side == "encoder" else own.decoder_layers
            theirs = other.encoder_layers if side == "encoder" else other.decoder_layers
            layers: Any = self.projections[side]
            for layer, partner in spread_layers(len(mine) - 1, len(theirs) - 1).items():
                found.append(hidden_difference(layers[layer](mine[layer + 1]), theirs[partner + 1], mask))
        return torch.stack(found).mean(dim=0)


def layer_count(model: nn.Module, side: str) -> int:
    """Layers of a model's encoder or decoder."""
    own: Any = model
    stack = own.get_encoder() if side == "encoder" else own.get_decoder()
    return len(stack.block if hasattr(stack, "block") else stack.layers)


def _width(model: nn.Module) -> int:
    """Width of the hidden states."""
    config: Any = model.config
    return int(getattr(config, "d_model", 0) or config.hidden_size)
