"""What is trained: a model together with its loss, so that any strategy of several processes sees one module."""

from typing import Any, Final

import torch
from torch import Tensor, nn

from leanglot.train.loss import IGNORED, divergence, hidden_difference, new_projection, supervised
from leanglot.train.rows import Batch

PARTS: Final = ("loss", "teacher", "labels", "hidden")
"""The loss, and the parts that it is made of."""
COLUMNS: Final = (*PARTS, "labelled", "right")
"""What a learner gives per example: the parts of the loss, whether it has a label, and whether that was answered."""


class Learner(nn.Module):
    """A classifier with the loss of distillation, of labels alone, and of hidden states.

    Args:
        model: A transformers model, or a module that answers as one; it is the one that is trained.
        temperature: That of the distillation, see `leanglot.train.loss.DistillationLoss`.
        alpha: Weight of the teacher's answers; 0 learns from labels alone.
        hidden_weight: Weight of the hidden states' difference; 0 matches none.
        hidden_layers: Layers of the student whose states are matched, in the order of the teacher's states.
        teacher_width: Width of the teacher's states, where some are matched.
    """

    def __init__(
        self,
        model: nn.Module,
        temperature: float = 4.0,
        alpha: float = 0.0,
        hidden_weight: float = 0.0,
        hidden_layers: tuple[int, ...] = (),
        teacher_width: int = 0,
    ) -> None:
        super().__init__()
        self.model = model
        self.temperature, self.alpha = temperature, alpha
        self.hidden_weight, self.hidden_layers = hidden_weight, hidden_layers
        self.projections = nn.ModuleList(new_projection(_width(model), teacher_width) for _ in hidden_layers)

    def forward(self, batch: Batch) -> Tensor:
        """Losses of a batch.

        Args:
            batch: Its examples.

        Returns:
            One row per example with the `COLUMNS`, float32, shape (batch, 6). An example without a label learns from
            the teacher alone, with full weight.
        """
        matched = batch.teacher_hidden is not None and bool(self.hidden_layers)
        output = self.model(
            input_ids=batch.input_ids, attention_mask=batch.attention_mask, output_hidden_states=matched
        )
        hard = supervised(output.logits, batch.labels)
        zero = torch.zeros_like(hard)
        soft = zero
        if batch.teacher_logits is not None and self.alpha > 0:
            soft = divergence(output.logits, batch.teacher_logits, self.temperature)
        labelled = batch.labels != IGNORED
        loss = torch.where(labelled, self.alpha * soft + (1 - self.alpha) * hard, soft)
        hidden = zero
        if matched:
            hidden = self._hidden(output.hidden_states, batch)
            loss = loss + self.hidden_weight * hidden
        right = labelled & (output.logits.argmax(dim=1) == batch.labels)
        return torch.stack([loss, soft, hard, hidden, labelled.to(loss.dtype), right.to(loss.dtype)], dim=1)

    def present(self, batch: Batch) -> tuple[str, ...]:
        """Those of the `PARTS` that there are."""
        taught = () if batch.teacher_logits is None or self.alpha == 0 else ("teacher",)
        matched = () if batch.teacher_hidden is None or not self.hidden_layers else ("hidden",)
        return ("loss", "labels", *taught, *matched)

    def _hidden(self, states: tuple[Tensor, ...], batch: Batch) -> Tensor:
        assert batch.teacher_hidden is not None and batch.hidden_mask is not None  # noqa: S101, PT018 - the caller asked
        differences = [
            hidden_difference(projection(states[layer + 1]), batch.teacher_hidden[:, :, place], batch.hidden_mask)
            for place, (layer, projection) in enumerate(zip(self.hidden_layers, self.projections, strict=True))
        ]
        return torch.stack(differences).mean(dim=0)


def _width(model: nn.Module) -> int:
    """Width of a transformers model's hidden states."""
    config: Any = model.config
    return int(config.hidden_size)
