"""What the pruning benchmark compares: the variants of a model, and the FLOPs that each of them needs."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch.utils.flop_counter import FlopCounterMode

from leanglot.compress.slicing import drop_layers, mask_heads, mask_neurons, slice_heads, slice_neurons
from leanglot.models.structure import blocks_of, heads_of, neurons_of
from leanglot.models.text_classifier import TextClassifier, sharing_copy

BASELINE: Final = "baseline"
INT8: Final = "int8"
_SEED: Final = 20261125


@dataclass(frozen=True, slots=True)
class Sources:
    """What variants are made from.

    Attributes:
        model: The baseline.
        trimmed: The same with the pieces of the demo's training texts only.
    """

    model: TextClassifier
    trimmed: TextClassifier


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to prune a model.

    Attributes:
        name: Name in the tables.
        about: What it is.
        make: Makes it.
        int8: Whether its graph is quantized, for ONNX Runtime.
        judged: Whether it is to be faster because it has fewer FLOPs.
        weighed: Whether the memory of a fresh process is measured.
        against: What it is compared with.
    """

    name: str
    about: str
    make: Callable[[Sources], TextClassifier]
    int8: bool = False
    judged: bool = False
    weighed: bool = False
    against: tuple[str, ...] = (BASELINE,)


def _half_heads(sources: Sources) -> TextClassifier:
    heads, layers = _heads(sources.model)
    return slice_heads(sources.model, [range(heads // 2)] * layers)


def _uneven_heads(sources: Sources) -> TextClassifier:
    return slice_heads(sources.model, [range(count) for count in uneven(*_heads(sources.model))])


def _masked_heads(sources: Sources) -> TextClassifier:
    heads, layers = _heads(sources.model)
    return mask_heads(sources.model, [range(heads // 2)] * layers)


def _half_ffn(sources: Sources) -> TextClassifier:
    neurons, layers = _neurons(sources.model)
    return slice_neurons(sources.model, [range(neurons // 2)] * layers)


def _uneven_ffn(sources: Sources) -> TextClassifier:
    return slice_neurons(sources.model, [range(count) for count in uneven(*_neurons(sources.model))])


def _masked_ffn(sources: Sources) -> TextClassifier:
    neurons, layers = _neurons(sources.model)
    return mask_neurons(sources.model, [range(neurons // 2)] * layers)


def _half_layers(sources: Sources) -> TextClassifier:
    return drop_layers(sources.model, range(0, _heads(sources.model)[1], 2))


def _all(sources: Sources) -> TextClassifier:
    model = _half_layers(Sources(sources.trimmed, sources.trimmed))
    model = _half_heads(Sources(model, model))
    return _half_ffn(Sources(model, model))


VARIANTS: Final = (
    Variant(BASELINE, "the whole model, FP32", lambda sources: sources.model, weighed=True, against=()),
    Variant("heads-masked", "half of the heads of each layer silenced, shapes as before", _masked_heads),
    Variant("heads", "half of the heads of each layer cut out", _half_heads, judged=True),
    Variant("heads-uneven", "as many, but not the same number in each layer", _uneven_heads, judged=True),
    Variant("ffn-masked", "half of the neurons of each layer silenced, shapes as before", _masked_ffn),
    Variant("ffn", "half of the neurons of each layer cut out", _half_ffn, judged=True),
    Variant("ffn-uneven", "as many, but not the same number in each layer", _uneven_ffn, judged=True),
    Variant("layers", "every second layer dropped", _half_layers, judged=True),
    Variant(
        "vocabulary",
        "the vocabulary trimmed to the pieces of the demo's training texts",
        lambda sources: sources.trimmed,
        weighed=True,
    ),
    Variant("all", "layers, heads, neurons and vocabulary together", _all, judged=True, weighed=True),
    Variant(INT8, "the whole model, Int8(embeddings=True)", lambda sources: sources.model, int8=True, weighed=True),
    Variant(
        "all-int8",
        "all of it together, then Int8(embeddings=True)",
        _all,
        int8=True,
        judged=True,
        weighed=True,
        against=(BASELINE, INT8),
    ),
)


def uneven(whole: int, layers: int) -> list[int]:
    """Numbers of units that differ from layer to layer, as a ranking over all layers gives them.

    Args:
        whole: Units of a layer, 2 or more.
        layers: Number of layers.

    Returns:
        One number per layer, from 1 to `whole`. Their sum is that of `whole` // 2 in each layer.
    """
    rng, half = random.Random(_SEED), whole // 2
    counts = [half] * layers
    for place in range(0, layers - 1, 2):
        moved = rng.randint(1, half - 1) if half > 1 else 0
        counts[place] += moved
        counts[place + 1] -= moved
    rng.shuffle(counts)
    return counts


def weights_of(model: TextClassifier) -> int:
    """Number of parameters."""
    return sum(weight.numel() for weight in model.module.parameters())


def count_flops(model: TextClassifier, lengths: Sequence[int]) -> dict[int, int]:
    """Floating-point operations of the matrix products for one text, by its length in tokens.

    PyTorch counts them while the model runs. It does so with eager attention, which multiplies the same matrices as the
    fused attention of CPUs, one that the counter does not know.
    """
    module = sharing_copy(model.module)
    module.set_attn_implementation("eager")
    counts = {}
    for length in lengths:
        ids = torch.full((1, length), model.pad_id + 1)
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            module(input_ids=ids, attention_mask=torch.ones_like(ids))
        counts[length] = int(counter.get_total_flops())
    return counts


def _heads(model: TextClassifier) -> tuple[int, int]:
    """Heads of a layer, and the number of layers."""
    blocks = blocks_of(model.module)
    return heads_of(model.module, blocks[0]), len(blocks)


def _neurons(model: TextClassifier) -> tuple[int, int]:
    """Neurons of a layer, and the number of layers."""
    blocks = blocks_of(model.module)
    return neurons_of(model.module, blocks[0]), len(blocks)
