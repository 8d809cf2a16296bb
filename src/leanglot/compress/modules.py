"""Quantizes any PyTorch module: linear, recurrent and embedding layers to INT8 or INT4, or the whole to 16 bits."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from leanglot.errors import ConfigError, RecipeError
from leanglot.models.half_layers import DTYPES, Precision, castable_layers, to_half
from leanglot.models.layer_swap import check_finite, quantizable_layers, swap_layers, why_not_quantizable
from leanglot.models.packed import Scheme
from leanglot.results.environment import read_environment
from leanglot.techniques.patterns import kept
from leanglot.techniques.targets import has_arithmetic

Bits = Literal[16, 8, 4]


@dataclass(frozen=True, slots=True)
class QuantizedLayer:
    """One layer that was quantized.

    Attributes:
        name: Its dotted name; empty where the module itself is the layer.
        kind: Its class before, such as ``Linear``.
        before_bytes: Bytes of its parameters before.
        after_bytes: Bytes of its parameters and buffers after; those it shares with another layer count for both.
    """

    name: str
    kind: str
    before_bytes: int
    after_bytes: int


@dataclass(frozen=True, slots=True)
class QuantizedModule:
    """A quantized copy of a module; called like it.

    Attributes:
        module: The copy, for inference: in evaluation mode, without gradients.
        size_before_bytes: Memory that the original's parameters and buffers hold, shared ones counted once.
        size_after_bytes: The same of the copy.
        layers: What was quantized.
        skipped: Name and reason of each floating-point parameter that stayed as it was.
    """

    module: nn.Module
    size_before_bytes: int
    size_after_bytes: int
    layers: tuple[QuantizedLayer, ...]
    skipped: tuple[tuple[str, str], ...]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the module takes and gives
        """Call the module."""
        return self.module(*args, **kwargs)


def quantize(module: nn.Module, bits: Bits = 8, *, keep: Sequence[str] = (), block: int = 32) -> QuantizedModule:
    """Quantize a copy of a module.

    - ``bits=8``: weights in INT8, with one scale per output channel or table row. Linear layers round each row of their
      inputs to INT8 when they are called and multiply in integers. LSTM and GRU layers hold INT8 and widen it at each
      call, their arithmetic is in floating point: smaller, not faster. Embedding layers widen the rows looked up.
    - ``bits=4``: weights in INT4, two to a byte, with a scale and a zero point per block; all arithmetic is in floating
      point.
    - ``bits=16``: everything in bfloat16 or IEEE half precision, whichever this machine multiplies in hardware, else
      bfloat16, which keeps the range of FP32. Floating-point inputs and outputs stay float32.

    Weights that layers share stay shared where their layers are quantized alike; a layer that is kept holds its own.
    The state dict has plain tensors only; ``safetensors.torch.save_model`` writes shared ones once.

    Args:
        module: Any module; left as it is.
        bits: Bits per weight.
        keep: Patterns of layers that stay in full precision; see `leanglot.techniques.Int8`.
        block: Weights along the input dimension that share a scale, an even number; for ``bits=4`` only.

    Raises:
        ConfigError: `bits` or `block` is not allowed.
        RecipeError: There is nothing to quantize, or a pattern of `keep` matches nothing.
        ModelError: Weights are not finite or have no values, or the module cannot be copied.
        MissingExtraError: torchao is not installed; 16 bits need none.
    """
    if not isinstance(module, nn.Module):
        raise ConfigError(
            f"quantize() takes a torch.nn.Module, got {type(module).__name__}.",
            "For a model folder, run leanglot quantize FOLDER --out OUT.",
        )
    if bits not in (16, 8, 4) or isinstance(bits, bool):
        raise ConfigError(f"bits is {bits!r}.", "Allowed are 16, 8 and 4.")
    if not isinstance(block, int) or isinstance(block, bool) or block < 2 or block % 2:
        raise ConfigError(f"block is {block!r}.", "Allowed are even numbers from 2 on, such as 32, 64 and 128.")
    layers: dict[str, nn.Module] = castable_layers(module) if bits == 16 else dict(quantizable_layers(module))
    if not layers:
        raise RecipeError(
            f"{type(module).__name__} has no layer to quantize.",
            "Quantized are Linear, LSTM, GRU and Embedding layers; with 16 bits, whatever holds weights.",
        )
    left = kept(layers, [keep] if isinstance(keep, str) else keep)
    chosen = {name: layer for name, layer in layers.items() if name not in left}
    if not chosen:
        raise RecipeError(f"keep leaves nothing of {type(module).__name__} to quantize.", "Keep fewer layers.")
    check_finite(module)
    new = _to_half(module, left) if bits == 16 else _to_integers(module, chosen, bits, block)
    inner = new.inner if isinstance(new, Precision) else new
    return QuantizedModule(
        module=new,
        size_before_bytes=_held_bytes(_tensors(module)),
        size_after_bytes=_held_bytes(_tensors(new)),
        layers=tuple(
            QuantizedLayer(
                name=name,
                kind=type(layer).__name__,
                before_bytes=_held_bytes(layer.parameters()),
                after_bytes=_held_bytes(_tensors(inner.get_submodule(name))),
            )
            for name, layer in chosen.items()
        ),
        skipped=tuple(_skipped(module, chosen, left, bits)),
    )


def _to_integers(module: nn.Module, layers: Collection[str], bits: Bits, block: int) -> nn.Module:
    scheme = Scheme(8) if bits == 8 else Scheme(4, block, symmetric=False)
    new = swap_layers(module, dict.fromkeys(layers, scheme), integer=bits == 8)
    return new.requires_grad_(requires_grad=False)


def _to_half(module: nn.Module, left: Collection[str]) -> nn.Module:
    if not any(weight.is_floating_point() and weight.itemsize > 2 for weight in module.parameters()):
        raise RecipeError(f"{type(module).__name__} has 16-bit weights already.", "Give the module in FP32.")
    isa = read_environment().isa
    name = "fp16" if has_arithmetic("fp16", isa) and not has_arithmetic("bf16", isa) else "bf16"
    return Precision(to_half(module, DTYPES[name], left), DTYPES[name], torch.float32)


def _skipped(
    module: nn.Module, chosen: Mapping[str, nn.Module], left: Collection[str], bits: Bits
) -> Iterator[tuple[str, str]]:
    """The parameters that stayed in floating point, or with 16 bits in full precision."""
    quantized, asked = ({id(module.get_submodule(name)) for name in names} for names in (chosen, left))
    for name, weight in module.named_parameters(remove_duplicate=False):
        owner = module.get_submodule(name.rpartition(".")[0])
        if id(owner) in asked:
            yield name, "kept in full precision, as asked"
        elif bits == 16 or not weight.is_floating_point():
            continue
        elif id(owner) not in quantized:
            yield name, str(why_not_quantizable(owner))
        elif weight.dim() == 1:
            yield name, "biases stay in floating point"


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()


def _held_bytes(tensors: Iterable[Tensor]) -> int:
    """Memory that tensors hold, where several may look at the same."""
    return sum({held.data_ptr(): held.nbytes() for held in (tensor.untyped_storage() for tensor in tensors)}.values())
