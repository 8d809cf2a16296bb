"""Magnitude pruning (Han et al., 2015): the smallest weights of the linear layers become zero."""

import torch
from torch import nn

from leanglot.errors import RecipeError
from leanglot.models.text_classifier import TextClassifier, linear_layers
from leanglot.techniques import MagnitudePruning


def prune(model: TextClassifier, config: MagnitudePruning) -> TextClassifier:
    """Set the smallest weights to zero, in one ranking of all layers or in each layer's own.

    Args:
        model: Left as it is.
        config: Sparsity and scope.

    Returns:
        A new model with the same shapes: zeros alone make a dense runtime neither faster nor smaller.

    Raises:
        RecipeError: The model has no linear layer.
    """
    pruned = model.with_own(linear_layers(model.module).values())
    layers = list(linear_layers(pruned.module).values())
    if not layers:
        raise RecipeError(f"{model.name} has no linear layer to prune.", "Leave pruning out of the recipe.")
    groups = [layers] if config.scope == "global" else [[layer] for layer in layers]
    for group in groups:
        _zero_smallest(group, config.target)
    return pruned


def _zero_smallest(layers: list[nn.Linear], share: float) -> None:
    with torch.no_grad():
        sizes = torch.cat([layer.weight.abs().flatten() for layer in layers])
        count = int(share * sizes.numel())
        if count == 0:
            return
        keep = torch.ones(sizes.numel(), dtype=torch.bool)
        keep[torch.topk(sizes, count, largest=False, sorted=False).indices] = False
        start = 0
        for layer in layers:
            end = start + layer.weight.numel()
            layer.weight.mul_(keep[start:end].reshape(layer.weight.shape))
            start = end
