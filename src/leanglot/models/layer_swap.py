"""Puts quantized layers in the place of PyTorch's own, in a copy that leaves the original as it is."""

import copy
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from leanglot.errors import ModelError
from leanglot.models.packed import PackedWeight, Scheme, pack
from leanglot.models.packed_layers import QuantizedEmbedding, QuantizedLinear, QuantizedRecurrent

Packer = Callable[[str, Tensor, Scheme], PackedWeight]
Layer = nn.Linear | nn.Embedding | nn.LSTM | nn.GRU
AnyModule = TypeVar("AnyModule", bound=nn.Module)

_KINDS: Final = (nn.Linear, nn.Embedding, nn.LSTM, nn.GRU)


def quantizable_layers(module: nn.Module) -> dict[str, Layer]:
    """The layers that have a quantized form, by name; a module that is one itself has the name of nothing."""
    return {
        name: layer
        for name, layer in module.named_modules()
        if isinstance(layer, _KINDS) and why_not_quantizable(layer) is None
    }


def why_not_quantizable(layer: nn.Module) -> str | None:
    """Why a layer's own parameters cannot be quantized; None where they can."""
    kind = next((kind for kind in _KINDS if isinstance(layer, kind)), None)
    if kind is None:
        return f"{type(layer).__name__} has no quantized form here"
    if parametrize.is_parametrized(layer):
        return "its weights are parametrized: call torch.nn.utils.parametrize.remove_parametrizations first"
    if type(layer).forward is not kind.forward:
        return f"{type(layer).__name__} computes otherwise than {kind.__name__}"
    if layer._forward_hooks or layer._forward_pre_hooks:  # noqa: SLF001 - there is no other way to see them
        return "it has hooks, which another layer would not call: remove them first"
    if isinstance(layer, nn.Embedding) and layer.max_norm is not None:
        return "max_norm changes the table while it is read"
    return None


def check_finite(module: nn.Module) -> None:
    """Refuses parameters that hold no finite numbers.

    Raises:
        ModelError: Names the tensor.
    """
    for name, weight in module.named_parameters():
        if nn.parameter.is_lazy(weight) or weight.is_meta:
            raise ModelError(f"The weights {name} have no values yet.", "Load them, or run the module once.")
        if not bool(torch.isfinite(weight).all()):
            raise ModelError(f"The weights {name} hold NaN or infinity.", "Start from a sound checkpoint.")


def swap_layers(
    module: AnyModule,
    schemes: Mapping[str, Scheme],
    *,
    integer: bool,
    share: bool = False,
    packer: Packer | None = None,
) -> AnyModule:
    """A copy with quantized layers, in evaluation mode.

    Args:
        module: Left as it is.
        schemes: How to quantize which of its `quantizable_layers`.
        integer: Linear layers multiply in integers; see `QuantizedLinear`.
        share: The two share the tensors that stay as they are; otherwise they share nothing.
        packer: Gives the packed form of a weight from the name it will have, the weight and its scheme; None quantizes
            it. Weights that layers share are packed once, if alike.

    Raises:
        ModelError: The module cannot be copied.
    """
    layers = {name: layer for name, layer in quantizable_layers(module).items() if name in schemes}
    shared: dict[tuple[int, Scheme], PackedWeight] = {}

    def packed(name: str, weight: Tensor, scheme: Scheme) -> PackedWeight:
        key = (id(weight), scheme)
        if key not in shared:
            shared[key] = pack(weight, scheme) if packer is None else packer(name, weight, scheme)
        return shared[key]

    made = {id(layer): _quantized(name, layer, schemes[name], packed, integer) for name, layer in layers.items()}
    kept = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())} if share else {}
    return copy_module(module, {**kept, **made}).eval()


def copy_module(module: AnyModule, instead: dict[int, object]) -> AnyModule:
    """A deep copy with other objects in the place of some.

    Args:
        module: Left as it is.
        instead: What takes the place of an object in the copy, by the object's ``id()``.

    Raises:
        ModelError: It holds tensors that PyTorch cannot copy.
    """
    try:
        return copy.deepcopy(module, instead)
    except RuntimeError as error:
        raise ModelError(
            f"{type(module).__name__} cannot be copied: {str(error).splitlines()[0][:200]}",
            "Weights that are computed from others, such as under weight_norm or prune, must be made permanent first.",
        ) from error


def _quantized(name: str, layer: Layer, scheme: Scheme, packed: Packer, integer: bool) -> nn.Module:  # noqa: FBT001
    inside = f"{name}.packed" if name else "packed"
    if isinstance(layer, nn.Linear):
        return QuantizedLinear(
            packed(inside, layer.weight, scheme), None if layer.bias is None else _own(layer.bias), integer=integer
        )
    if isinstance(layer, nn.Embedding):
        return QuantizedEmbedding(packed(inside, layer.weight, scheme), layer.padding_idx)
    weights = {key: weight for key, weight in layer.named_parameters() if weight.dim() == 2}
    biases = {key: _own(bias) for key, bias in layer.named_parameters() if bias.dim() == 1}
    return QuantizedRecurrent(
        layer, {key: packed(f"{inside}.{key}", weight, scheme) for key, weight in weights.items()}, biases
    )


def _own(bias: nn.Parameter) -> nn.Parameter:
    return nn.Parameter(bias.detach().clone(), requires_grad=False)
