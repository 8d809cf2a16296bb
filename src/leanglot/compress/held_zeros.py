"""Keeps pruned weights at zero while a model is trained."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from leanglot.models.text_classifier import linear_layers
from leanglot.results.shaping import PruningFacts


class HeldZeros(nn.Module):
    """Parametrization of a weight: what is zero now stays zero, and gets no gradient.

    Args:
        weight: The weight that it is for.
    """

    mask: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", weight != 0)

    def forward(self, weight: Tensor) -> Tensor:
        """The weight with its zeros, of the same shape."""
        return torch.where(self.mask, weight, 0.0)


def has_zeros(pruning: Iterable[PruningFacts]) -> bool:
    """Whether a pruning step set single weights to zero."""
    return any(facts.makes_zeros for facts in pruning)


def hold_zeros(module: nn.Module) -> dict[str, nn.Linear]:
    """Have the linear layers that hold zeros keep them.

    Args:
        module: It is changed; `release_zeros` changes it back.

    Returns:
        Those layers, by name.
    """
    layers = {name: layer for name, layer in linear_layers(module).items() if bool((layer.weight == 0).any())}
    holders: dict[int, HeldZeros] = {}
    for layer in layers.values():
        holder = holders.setdefault(id(layer.weight), HeldZeros(layer.weight.detach()))
        parametrize.register_parametrization(layer, "weight", holder)
    return layers


def release_zeros(layers: Mapping[str, nn.Linear]) -> None:
    """Make plain weights with zeros of what `hold_zeros` returned."""
    for layer in layers.values():
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
