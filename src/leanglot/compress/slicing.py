"""Removes heads, neurons and layers of a transformer encoder by cutting its weights, or only silences them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leanglot.errors import RecipeError
from leanglot.models.sliced import record_structure
from leanglot.models.structure import Block, blocks_of, cut_heads, cut_layers, cut_neurons, heads_of, neurons_of
from leanglot.models.text_classifier import TextClassifier, sharing_copy

Activations = NDArray[np.float64]

_HEADS: Final = "attention heads"
_NEURONS: Final = "neurons"
_ASCENDING: Final = "Give each that stays once, in ascending order."


def slice_heads(
    model: TextClassifier, keep: Sequence[Sequence[int]], instead: Sequence[Activations] | None = None
) -> TextClassifier:
    """Remove attention heads: rows of the queries', keys' and values' weights, and columns of the output's.

    Args:
        model: Left as it is; the weights of other layers are shared with it.
        keep: For each layer, the heads that stay, counted from 0, ascending.
        instead: For each layer, what stands for the outputs of those that go, shape (heads * head size,): their part in
            what the layer computes joins the bias behind them. None, and a layer without a bias, takes 0 for it.

    Returns:
        A new, smaller model. It answers as `mask_heads` does with the same heads, but for rounding.

    Raises:
        RecipeError: A layer would lose all heads, or `keep` does not fit the model.
        ModelError: The model's family is not known.
    """
    return _sliced(model, keep, _Units(_HEADS, heads_of, cut_heads, "attention_output"), instead)


def slice_neurons(
    model: TextClassifier, keep: Sequence[Sequence[int]], instead: Sequence[Activations] | None = None
) -> TextClassifier:
    """Remove neurons: rows of the weights into the feed-forward blocks, and columns of those out of them.

    Args:
        model: Left as it is; the weights of other layers are shared with it.
        keep: For each layer, the neurons that stay, counted from 0, ascending.
        instead: For each layer, what stands for the outputs of those that go, shape (neurons,); see `slice_heads`.

    Returns:
        A new, smaller model. It answers as `mask_neurons` does with the same neurons, but for rounding.

    Raises:
        RecipeError: A layer would lose all neurons, or `keep` does not fit the model.
        ModelError: The model's family is not known.
    """
    return _sliced(model, keep, _Units(_NEURONS, neurons_of, cut_neurons, "ffn_output"), instead)


def drop_layers(model: TextClassifier, keep: Sequence[int]) -> TextClassifier:
    """Remove whole layers.

    Args:
        model: Left as it is; the new model shares all of its weights.
        keep: The layers that stay, counted from 0, ascending.

    Returns:
        A new model with these layers only.

    Raises:
        RecipeError: None would stay, one that the model cannot do without would go, or `keep` does not fit the model.
        ModelError: The model's family is not known.
    """
    blocks = blocks_of(model.module)
    if len(keep) == 0:
        raise RecipeError(f"{model.name} would lose all of its {len(blocks)} layers.", "Keep at least one layer.")
    chosen = checked_places(keep, len(blocks), f"{model.name} has {len(blocks)} layers")
    for place, block in enumerate(blocks):
        if not block.removable and place not in chosen:
            raise RecipeError(
                f"{model.name} cannot do without layer {place}: all others have a norm before their attention.",
                f"Keep layer {place}.",
            )
    module = sharing_copy(model.module)
    cut_layers(module, chosen)
    record_structure(module)
    return replace(model, module=module)


def mask_heads(
    model: TextClassifier, keep: Sequence[Sequence[int]], instead: Sequence[Activations] | None = None
) -> TextClassifier:
    """Silence attention heads, without making anything smaller: the output's columns that read them become zero.

    Args:
        model: Left as it is; all other weights are shared with it.
        keep: See `slice_heads`.
        instead: See `slice_heads`.

    Raises:
        RecipeError: See `slice_heads`.
        ModelError: The model's family is not known.
    """
    chosen = _checked(model, keep, _HEADS, heads_of)
    return _masked(model, {block.attention_output: (some, block.head_size) for block, some in chosen.items()}, instead)


def mask_neurons(
    model: TextClassifier, keep: Sequence[Sequence[int]], instead: Sequence[Activations] | None = None
) -> TextClassifier:
    """Silence neurons, without making anything smaller: the columns that read them become zero.

    Args:
        model: Left as it is; all other weights are shared with it.
        keep: See `slice_neurons`.
        instead: See `slice_neurons`.

    Raises:
        RecipeError: See `slice_neurons`.
        ModelError: The model's family is not known.
    """
    chosen = _checked(model, keep, _NEURONS, neurons_of)
    return _masked(model, {block.ffn_output: (some, 1) for block, some in chosen.items()}, instead)


@dataclass(frozen=True, slots=True)
class _Units:
    """What is cut: its name, how many a layer has, how they are cut, and the field of a block with the layer behind."""

    kind: str
    count: Callable[[nn.Module, Block], int]
    cut: Callable[[nn.Module, Block, Sequence[int]], None]
    output: str


def _sliced(
    model: TextClassifier, keep: Sequence[Sequence[int]], units: _Units, instead: Sequence[Activations] | None
) -> TextClassifier:
    chosen = _checked(model, keep, units.kind, units.count)
    module = sharing_copy(model.module)
    for place, (block, some) in enumerate(chosen.items()):
        total = units.count(module, block)
        if len(some) == total:
            continue
        output = module.get_submodule(getattr(block, units.output))
        bias = None if instead is None else bias_for(output, some, total, instead[place])
        units.cut(module, block, some)
        if bias is not None:
            output.bias = bias
    record_structure(module)
    return replace(model, module=module)


def _masked(
    model: TextClassifier, outputs: Mapping[str, tuple[tuple[int, ...], int]], instead: Sequence[Activations] | None
) -> TextClassifier:
    """Zero the columns of some linear layers, each with the units that stay and the columns of one unit."""
    masked = model.with_own(model.module.get_submodule(name) for name in outputs)
    for place, (name, (some, width)) in enumerate(outputs.items()):
        layer = masked.module.get_submodule(name)
        weight = masked.module.get_parameter(f"{name}.weight").detach()
        total = weight.shape[1] // width
        bias = None if instead is None else bias_for(layer, some, total, instead[place])
        weight.view(len(weight), total, width)[:, gone_units(some, total)] = 0
        if bias is not None:
            layer.bias = bias
    return masked


def bias_for(layer: nn.Module, keep: Sequence[int], total: int, instead: Activations) -> nn.Parameter | None:
    """The bias of a linear layer that also stands for the units that go; None where it has none."""
    if not isinstance(layer, nn.Linear) or layer.bias is None:
        return None
    if len(instead) != layer.in_features:
        raise RecipeError(
            f"{len(instead)} values stand for the {layer.in_features} inputs of a layer.", "Give one for each."
        )
    columns = gone_units(keep, total).repeat_interleave(layer.in_features // total)
    values = torch.from_numpy(np.asarray(instead, dtype=np.float64))[columns]
    part = layer.weight.detach()[:, columns].double() @ values
    return nn.Parameter(layer.bias.detach() + part.to(layer.bias.dtype), requires_grad=layer.bias.requires_grad)


def gone_units(keep: Sequence[int], total: int) -> Tensor:
    """Which of the units go, shape (total,)."""
    gone = torch.ones(total, dtype=torch.bool)
    gone[list(keep)] = False
    return gone


def _checked(
    model: TextClassifier, keep: Sequence[Sequence[int]], kind: str, count: Callable[[nn.Module, Block], int]
) -> dict[Block, tuple[int, ...]]:
    """What stays, by layer."""
    blocks = blocks_of(model.module)
    if len(keep) != len(blocks):
        raise RecipeError(
            f"The {kind} that stay are given for {len(keep)} layers, and {model.name} has {len(blocks)}.",
            "Give a list for each layer.",
        )
    chosen: dict[Block, tuple[int, ...]] = {}
    for place, (block, some) in enumerate(zip(blocks, keep, strict=True)):
        total = count(model.module, block)
        if len(some) == 0:
            raise RecipeError(
                f"Layer {place} of {model.name} ({block.name}) would lose all of its {total} {kind}.",
                "Keep at least one in each layer, or remove the whole layer.",
            )
        chosen[block] = checked_places(some, total, f"layer {place} of {model.name} ({block.name}) has {total} {kind}")
    return chosen


def checked_places(keep: Sequence[int], total: int, what: str) -> tuple[int, ...]:
    """The indices that stay, of `total`."""
    chosen = tuple(int(index) for index in keep)
    if beyond := [index for index in chosen if not 0 <= index < total]:
        raise RecipeError(
            f"There is no {beyond[0]}: {what}, counted from 0.", f"Allowed are whole numbers from 0 to {total - 1}."
        )
    if any(index <= before for before, index in pairwise(chosen)):
        raise RecipeError(f"{list(chosen[:12])} is not in ascending order, or names one twice.", _ASCENDING)
    return chosen
