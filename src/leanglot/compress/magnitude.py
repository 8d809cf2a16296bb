"""Magnitude pruning (Han et al., 2015): the smallest weights of the linear layers become zero."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from leanglot.compress.shaped import Shaped
from leanglot.decide.importance import floor_share
from leanglot.errors import RecipeError
from leanglot.models.structure import linear_at
from leanglot.models.text_classifier import TextClassifier, linear_layers, sharing_copy
from leanglot.results.shaping import PruningFacts
from leanglot.techniques import MagnitudePruning

_NAMED: Final = 4
NO_GAIN: Final = (
    "Zeros alone make a dense runtime neither faster nor smaller; size and speed are told as they were measured."
)


def prune(model: TextClassifier, config: MagnitudePruning) -> Shaped:
    """Set the smallest weights to zero: in one ranking of all layers, in each layer's own, or N of every M.

    A share is rounded down to whole weights. Weights that are zero already count, and of equal ones the first go, in
    the order of the layers. The ranking needs as much memory as the linear layers' weights, beside the copy.

    Args:
        model: Left as it is.
        config: Sparsity and scope, or the pattern.

    Returns:
        A new model with the same shapes, and what was noticed: that zeros alone gain nothing, and the layers that a
        pattern does not fit, which stay dense.

    Raises:
        RecipeError: The model has no linear layer, or the pattern fits none.
    """
    module, facts, notes = zero_weights(model.module, linear_layers(model.module), model.name, config)
    return Shaped(replace(model, module=module, pruning=(*model.pruning, facts)), notes=notes)


def zero_weights(
    module: PreTrainedModel, layers: Mapping[str, nn.Linear], name: str, config: MagnitudePruning
) -> tuple[PreTrainedModel, PruningFacts, tuple[str, ...]]:
    """The same on some linear layers of any model.

    Args:
        module: Left as it is.
        layers: Its linear layers to prune, by name.
        name: What messages call the model.
        config: See `prune`.

    Returns:
        A new module, what was done, and what was noticed.

    Raises:
        RecipeError: See `prune`.
    """
    if not _distinct(layers):
        raise RecipeError(f"{name} has no linear layer to prune.", "Leave pruning out of the recipe.")
    pruned = sharing_copy(module, {id(weight) for layer in layers.values() for weight in layer.parameters()})
    weights = _distinct({place: linear_at(pruned, place) for place in layers})
    notes: tuple[str, ...] = ()
    with torch.no_grad():
        if config.kept_of is not None:
            notes = _apply_pattern(weights, *config.kept_of)
        elif config.scope == "global":
            _zero_smallest(list(weights.values()), config.target)
        else:
            for weight in weights.values():
                _zero_smallest([weight], config.target)
    return pruned, _facts(list(weights.values()), config), (*notes, NO_GAIN)


def _distinct(layers: Mapping[str, nn.Linear]) -> dict[str, Tensor]:
    """The weights by the name of their layer; one that several layers share stands under the first."""
    found: dict[int, tuple[str, Tensor]] = {}
    for name, layer in layers.items():
        if layer.weight.numel():
            found.setdefault(id(layer.weight), (name, layer.weight))
    return dict(found.values())


def _facts(weights: Sequence[Tensor], config: MagnitudePruning) -> PruningFacts:
    total = sum(weight.numel() for weight in weights)
    zeros = total - sum(int(torch.count_nonzero(weight)) for weight in weights)
    return PruningFacts(technique="magnitude", target=config.target, actual=zeros / total, removed=zeros, total=total)


def _zero_smallest(weights: Sequence[Tensor], share: float) -> None:
    """Zeroes exactly the given share, rounded down, of all these weights together."""
    count = floor_share(share, sum(weight.numel() for weight in weights))
    if count == 0:
        return
    threshold, left = _threshold(weights, count)
    for weight in weights:
        sizes = weight.abs()
        smallest = sizes < threshold
        equal = torch.nonzero((sizes == threshold).flatten()).flatten()[:left]
        smallest.view(-1)[equal] = True
        left -= len(equal)
        weight.masked_fill_(smallest, 0)


def _threshold(weights: Sequence[Tensor], count: int) -> tuple[float, int]:
    """The magnitude of rank ``count``, and how many of that very magnitude are among the ``count`` smallest."""
    sizes = np.empty(sum(weight.numel() for weight in weights), dtype=np.float32)
    start = 0
    for weight in weights:
        end = start + weight.numel()
        np.abs(weight.detach().flatten().numpy(), out=sizes[start:end])
        start = end
    sizes.partition(count - 1)
    threshold = sizes[count - 1]
    return float(threshold), int(np.count_nonzero(sizes[:count] == threshold))


def _apply_pattern(weights: Mapping[str, Tensor], stay: int, group: int) -> tuple[str, ...]:
    """Zeroes the smallest of every group along the inputs; tells which layers the pattern does not fit."""
    unfit = {name: weight.shape[1] for name, weight in weights.items() if weight.shape[1] % group}
    if len(unfit) == len(weights):
        widths = ", ".join(map(str, sorted(set(unfit.values()))))
        raise RecipeError(
            f"The pattern {stay}:{group} fits no linear layer: none has a multiple of {group} inputs.",
            f"The layers' inputs are {widths} wide; 2:4 is the pattern that hardware knows.",
        )
    for name, weight in weights.items():
        if name not in unfit:
            groups = weight.view(weight.shape[0], -1, group)
            order = groups.abs().sort(dim=-1, stable=True).indices
            groups.scatter_(-1, order[..., : group - stay], 0)
    if not unfit:
        return ()
    named = ", ".join(f"{name} ({width})" for name, width in list(unfit.items())[:_NAMED])
    more = f" and {len(unfit) - _NAMED} more" if len(unfit) > _NAMED else ""
    return (f"Dense, since their inputs are no multiple of {group}: {named}{more}.",)
