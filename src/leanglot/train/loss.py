"""The losses of distillation: softened answers, labels, and hidden states."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

IGNORED: Final = -100
"""The label of what counts nowhere, such as padding (PyTorch's own default)."""


class DistillationLoss(nn.Module):
    """``alpha * T^2 * KL(teacher || student) + (1 - alpha) * CE(labels)`` (Hinton, Vinyals and Dean, 2015).

    The divergence is that of both models' logits divided by T, the temperature; T^2 keeps the size of its gradients
    whatever T is. The cross-entropy is that of the student's logits as they are. Both terms are means over the same
    positions: those whose label is not `ignore_index`, so that padding counts in neither. All is computed in float32,
    also for half-precision logits.

    Args:
        temperature: T, above 0.
        alpha: Weight of the divergence, in [0, 1].
        ignore_index: Label of positions that do not count.

    Raises:
        ValueError: A number is outside its range.

    Examples:
        >>> loss = DistillationLoss(temperature=2.0, alpha=0.5)
        >>> logits = torch.tensor([[2.0, 0.0]])
        >>> round(float(loss(logits, logits, torch.tensor([0]))), 4)
        0.0635
    """

    def __init__(self, temperature: float = 4.0, alpha: float = 0.7, ignore_index: int = IGNORED) -> None:
        super().__init__()
        if not 0 < temperature < float("inf"):
            raise ValueError(f"temperature is {temperature}; allowed is any number above 0")
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha is {alpha}; allowed are 0 to 1")
        self.temperature, self.alpha, self.ignore_index = temperature, alpha, ignore_index

    def forward(self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor) -> Tensor:
        """The loss.

        Args:
            student_logits: Shape (batch, classes), or (batch, length, classes) for one label per token.
            teacher_logits: The same shape; no gradient flows into them.
            labels: Class ids or `ignore_index`, shape (batch,) or (batch, length).

        Returns:
            A float32 scalar, with the student's gradient.

        Raises:
            ValueError: The shapes do not fit together, or no position counts.
        """
        if student_logits.shape != teacher_logits.shape or student_logits.shape[:-1] != labels.shape:
            raise ValueError(
                f"logits of shape {tuple(student_logits.shape)} (student) and {tuple(teacher_logits.shape)} (teacher), "
                f"labels of shape {tuple(labels.shape)}; expected are twice the same and the same without the last"
            )
        counts = labels != self.ignore_index
        if not bool(counts.any()):
            raise ValueError(f"every label is {self.ignore_index}, so that there is nothing to take a mean of")
        student, teacher, right = student_logits[counts], teacher_logits[counts], labels[counts]
        soft = divergence(student, teacher, self.temperature)
        hard = functional.cross_entropy(student.float(), right, reduction="none")
        return (self.alpha * soft + (1 - self.alpha) * hard).mean()

    def extra_repr(self) -> str:
        """What PyTorch prints of it."""
        return f"temperature={self.temperature}, alpha={self.alpha}, ignore_index={self.ignore_index}"


def divergence(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """``T^2 * KL(teacher || student)`` at logits divided by T, in nats.

    Args:
        student_logits: Shape (rows, classes).
        teacher_logits: The same shape.
        temperature: T.

    Returns:
        One value per row, float32, shape (rows,).
    """
    student = functional.log_softmax(student_logits.float() / temperature, dim=-1)
    teacher = functional.log_softmax(teacher_logits.detach().float() / temperature, dim=-1)
    return temperature**2 * functional.kl_div(student, teacher, reduction="none", log_target=True).sum(dim=-1)


def hidden_difference(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Mean squared difference of hidden states per row; padding does not count.

    Args:
        student: The student's states in the teacher's width, shape (rows, length, width).
        teacher: The same shape.
        mask: 1 where there is a token, shape (rows, length).

    Returns:
        One value per row, float32, shape (rows,): the mean over its tokens and components, 0 for a row without tokens.
    """
    squared = (student.float() - teacher.float()).square().mean(dim=-1)
    present = mask.to(squared.dtype)
    return (squared * present).sum(dim=1) / present.sum(dim=1).clamp(min=1)


def supervised(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy per row in nats, float32, shape (rows,); 0 where the label is `IGNORED`."""
    return functional.cross_entropy(logits.float(), labels, reduction="none", ignore_index=IGNORED)


def spread_layers(student: int, teacher: int) -> dict[int, int]:
    """Layer of the teacher for each of the student's, evenly, the last on the last (Jiao et al., 2020).

    Args:
        student: Layers of the student.
        teacher: Layers of the teacher.
    """
    return {layer: max(round((layer + 1) * teacher / student) - 1, 0) for layer in range(student)}


def new_projection(student: int, teacher: int) -> nn.Linear:
    """A learned map from the student's width to the teacher's; it starts as the identity as far as that goes."""
    projection = nn.Linear(student, teacher, bias=False)
    with torch.no_grad():
        nn.init.eye_(projection.weight)
    return projection
