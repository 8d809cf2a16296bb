"""Movement pruning (Sanh et al., 2020): while a model is trained, the weights that move towards zero become zero."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.autograd.function import Function, FunctionCtx, once_differentiable
from torch.nn.utils import parametrize

from leanglot.compress.learning import Lessons, facts_of, learn, shaping_of
from leanglot.compress.magnitude import NO_GAIN
from leanglot.compress.shaped import Shaped
from leanglot.compress.student import with_own_weights
from leanglot.decide.importance import floor_share
from leanglot.errors import RecipeError
from leanglot.models.text_classifier import TextClassifier, linear_layers
from leanglot.results.shaping import PruningFacts
from leanglot.techniques.movement import MovementPruning
from leanglot.train.loop import freeze

SCORES: Final = "scores"
"""Last part of the name of all scores; their learning rate goes by it."""
_FEW_STEPS: Final = 10
_NAMED: Final = 4


class _Masked(Function):
    """Zero where the mask says so; the gradient passes to the scores as if the mask were they (equation 4 there)."""

    @staticmethod
    def forward(ctx: FunctionCtx, weight: Tensor, scores: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG004
        ctx.save_for_backward(weight, mask)
        return torch.where(mask, weight, 0.0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:  # noqa: ANN401 - saved tensors are untyped
        weight, mask = ctx.saved_tensors
        return torch.where(mask, gradient, 0.0), gradient * weight, None


class ScoredMask(nn.Module):
    """Parametrization of a weight: its elements, or zero, by a mask that follows learned scores.

    With W' the masked weight, the gradient of a weight is that of W' where it stays and 0 where it does not; that of a
    score is dL/dW' * W everywhere, so that a weight that is zero now can come back.

    Args:
        weight: The weight that it is for.

    Attributes:
        scores: Shape of the weight, 0 at first.
        mask: Boolean, of the same shape: which weights stay. A buffer, so that it is kept with the scores.
    """

    mask: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros_like(weight))
        self.register_buffer("mask", torch.ones_like(weight, dtype=torch.bool))

    def forward(self, weight: Tensor) -> Tensor:
        """The masked weight.

        Args:
            weight: All of it, shape (outputs, inputs).
        """
        masked: Tensor = _Masked.apply(weight, self.scores, self.mask)  # type: ignore[no-untyped-call]
        return masked


@dataclass(frozen=True, slots=True)
class RisingSparsity:
    """Sets the masks before each step: a `leanglot.train.workplace.Hook`.

    Attributes:
        masks: One per weight.
        config: Scope, sparsity, and when it rises.
    """

    masks: Sequence[ScoredMask]
    config: MovementPruning

    def __call__(self, step: int, steps: int) -> None:
        """Mask the lowest scores, as many as this step has zeros.

        Args:
            step: From 0 on.
            steps: All steps.
        """
        share = sparsity_at(step, steps, self.config)
        groups = [self.masks] if self.config.scope == "global" else [[mask] for mask in self.masks]
        for group in groups:
            mask_lowest(group, share)


def prune_by_movement(model: TextClassifier, config: MovementPruning, lessons: Lessons) -> Shaped:
    """Train a copy of a model while the sparsity of its linear layers rises.

    The layers are those of magnitude pruning. Beside the training's usual memory, each of their weights needs 17 bytes:
    a score with its gradient and two moments, and a mask.

    Args:
        model: Left as it is.
        config: Sparsity, schedule, loss and training.
        lessons: Teacher and examples.

    Returns:
        A new model with the same shapes, and what was noticed.

    Raises:
        RecipeError: The model has no linear layer, all of them are frozen, or it does not fit the teacher.
        DataError: The examples do not fit the model, or lack a language.
        TrainingError: The loss is no number any more or explodes, or a checkpoint cannot be used.
        StorageError: There is no space for checkpoints or the teacher's answers.
    """
    if not linear_layers(model.module):
        raise RecipeError(f"{model.name} has no linear layer to prune.", "Leave pruning out of the recipe.")
    module = with_own_weights(model).module
    frozen = freeze(module, config.training.freeze)
    layers = {name: layer for name, layer in linear_layers(module).items() if layer.weight.requires_grad}
    if not layers:
        raise RecipeError(
            f"freeze: every linear layer of {model.name} stays as it is, and none is left to prune.",
            "Leave some layers to be trained.",
        )
    dense = linear_layers(module).keys() - layers.keys()
    # What the patterns mean was settled by the names that the layers had without masks.
    how = config.model_copy(update={"training": config.training.model_copy(update={"freeze": ()})})
    shaping = shaping_of(model, config)
    hook = RisingSparsity(put_masks(layers), config)
    lesson = learn(model, how, lessons, shaping, module=module, hook=hook, rates={SCORES: config.score_rate})
    make_permanent(layers)
    for weight in frozen:
        weight.requires_grad = True
    pruned = replace(
        model,
        module=module,
        pruning=(*model.pruning, _facts(module, config)),
        training=(*model.training, facts_of(lesson, "movement", config.training)),
    )
    notes = (*_told(sorted(dense), lesson.trained.steps, config), *lesson.notes, NO_GAIN)
    return Shaped(pruned, notes=notes)


def sparsity_at(step: int, steps: int, config: MovementPruning) -> float:
    """The share of zeros in one step: ``s * (1 - (1 - p) ** 3)``, p rising from 0 to 1 (Zhu & Gupta, 2017).

    It has its end in the last step at the latest, however few there are.

    Args:
        step: From 0 on.
        steps: All steps.
        config: The sparsity s, and the shares of the steps before and after the rise.
    """
    first, last = _rise(steps, config)
    if step >= last:
        return config.sparsity
    if step <= first:
        return 0.0
    return config.sparsity * (1 - (1 - (step - first) / (last - first)) ** 3)


def _rise(steps: int, config: MovementPruning) -> tuple[int, int]:
    """The last step without zeros, and the first one with all of them."""
    return round(config.warmup * steps), min(round((1 - config.cooldown) * steps), steps - 1)


def put_masks(layers: Mapping[str, nn.Linear]) -> list[ScoredMask]:
    """Have the layers compute with masked weights; nothing is masked yet.

    Args:
        layers: By name; they are changed.

    Returns:
        One mask per weight, in the order of the layers; layers that share a weight share its mask.
    """
    masks: dict[int, ScoredMask] = {}
    for layer in layers.values():
        mask = masks.setdefault(id(layer.weight), ScoredMask(layer.weight.detach()))
        parametrize.register_parametrization(layer, "weight", mask)
    return list(masks.values())


def make_permanent(layers: Mapping[str, nn.Linear]) -> None:
    """Set the masked weights to zero and take the masks away.

    Args:
        layers: Those of `put_masks`; they are changed.
    """
    for layer in layers.values():
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)


@torch.no_grad()
def mask_lowest(masks: Sequence[ScoredMask], share: float) -> None:
    """Mask exactly a share of the weights, rounded down: those with the lowest scores of all together.

    Of equal scores the first are masked, in the order of the masks.

    Args:
        masks: They are changed.
        share: In [0, 1).
    """
    count = floor_share(share, sum(mask.mask.numel() for mask in masks))
    if count == 0:
        for each in masks:
            each.mask.fill_(True)  # noqa: FBT003
        return
    scores = torch.cat([mask.scores.flatten() for mask in masks])
    threshold = scores.kthvalue(count).values
    lowest = scores < threshold
    equal = torch.nonzero(scores == threshold).flatten()
    lowest[equal[: count - int(lowest.sum())]] = True
    parts = torch.split(lowest, [mask.mask.numel() for mask in masks])
    for each, part in zip(masks, parts, strict=True):
        each.mask.copy_(~part.view_as(each.mask))


def _facts(module: nn.Module, config: MovementPruning) -> PruningFacts:
    weights = {id(layer.weight): layer.weight for layer in linear_layers(module).values()}.values()
    total = sum(weight.numel() for weight in weights)
    zeros = total - sum(int(torch.count_nonzero(weight)) for weight in weights)
    return PruningFacts(technique="movement", target=config.sparsity, actual=zeros / total, removed=zeros, total=total)


def _told(dense: Sequence[str], steps: int, config: MovementPruning) -> tuple[str, ...]:
    """Notes on layers that are not pruned, and on a training too short to choose weights by."""
    notes = []
    if dense:
        more = f" and {len(dense) - _NAMED} more" if len(dense) > _NAMED else ""
        notes.append(f"Dense, since they are frozen: {', '.join(dense[:_NAMED])}{more}.")
    first, last = _rise(steps, config)
    if config.sparsity and last - first < _FEW_STEPS:
        notes.append(f"The training has {steps} steps, too few to learn by the movement of weights which may go.")
    return tuple(notes)
