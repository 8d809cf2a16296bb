"""16-bit floating point: a module cast to it, with single layers left in FP32."""

import sys
from collections.abc import Collection, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from leanglot.errors import ModelError
from leanglot.models.layer_swap import AnyModule, copy_module

DTYPES: Final = {"fp16": torch.float16, "bf16": torch.bfloat16}


class Precision(nn.Module):
    """A module that computes in one precision among others that compute in another.

    Args:
        inner: The module.
        inside: Floating-point inputs are cast to it.
        outside: Floating-point outputs are cast to it.
    """

    def __init__(self, inner: nn.Module, inside: torch.dtype, outside: torch.dtype) -> None:
        super().__init__()
        self.inner = inner
        self.inside = inside
        self.outside = outside

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the module has
        if name == "inner" or name.startswith("__"):
            return super().__getattr__(name)
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.inner, name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the module takes and gives
        """Call the module."""
        return _cast(self.inner(*_cast(args, self.inside), **_cast(kwargs, self.inside)), self.outside)


def castable_layers(module: nn.Module) -> dict[str, nn.Module]:
    """The modules by name that hold floating-point parameters of their own and no other module."""
    return {
        name: layer
        for name, layer in module.named_modules()
        if next(layer.children(), None) is None and any(weight.is_floating_point() for weight in layer.parameters())
    }


def to_half(module: AnyModule, dtype: torch.dtype, keep: Collection[str] = ()) -> AnyModule:
    """A copy in 16-bit floating point, in evaluation mode, that shares nothing with the module.

    What a transformers model computes when it is built, such as the frequencies of rotary positions, stays in FP32, as
    it does where transformers casts.

    Args:
        module: Left as it is; its parameters are finite.
        dtype: ``torch.float16`` or ``torch.bfloat16``.
        keep: Names of `castable_layers` that stay in FP32.

    Raises:
        ModelError: A weight is beyond the range of `dtype`, or the module cannot be copied.
    """
    layers = [module.get_submodule(name) for name in keep]
    kept = {id(tensor) for layer in layers for tensor in (*layer.parameters(), *layer.buffers())}
    computed = _is_of_transformers(module)
    stored = {id(tensor) for tensor in module.state_dict(keep_vars=True).values()}
    instead: dict[int, object] = {}
    for name, weight in module.named_parameters():
        half = weight.detach().to(dtype, copy=True) if weight.is_floating_point() and id(weight) not in kept else None
        if half is None:
            continue
        if not bool(torch.isfinite(half).all()):
            raise ModelError(
                f"The weights {name} reach {float(weight.detach().abs().max()):.3g}, beyond {dtype}.",
                "bf16 has the range of FP32; or leave the layer in FP32 through keep.",
            )
        instead[id(weight)] = nn.Parameter(half, requires_grad=False)
    for buffer in module.buffers():
        stays = id(buffer) in kept or (computed and id(buffer) not in stored)
        if buffer.is_floating_point() and not stays:
            instead[id(buffer)] = buffer.to(dtype)
    copied = copy_module(module, instead).eval().requires_grad_(requires_grad=False)
    return keep_layers(copied, dtype, keep)


def keep_layers(module: AnyModule, dtype: torch.dtype, keep: Collection[str]) -> AnyModule:
    """Has layers of a module of 16-bit floats compute in FP32, in place; returns the module."""
    names = {id(module.get_submodule(name)) for name in keep}
    for path, layer in list(module.named_modules(remove_duplicate=False)):
        if path and id(layer) in names:
            parent, _, child = path.rpartition(".")
            setattr(module.get_submodule(parent), child, Precision(layer, torch.float32, dtype))
    return module


def _is_of_transformers(module: nn.Module) -> bool:
    """Whether it is a transformers model, asked without importing transformers: then it has been."""
    modeling = sys.modules.get("transformers.modeling_utils")
    return modeling is not None and isinstance(module, modeling.PreTrainedModel)


def _cast(value: Any, dtype: torch.dtype) -> Any:  # noqa: ANN401 - any nesting of tensors
    """The same with its floating-point tensors in another precision."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, PackedSequence):
        return value.to(dtype=dtype)
    if isinstance(value, Mapping):  # also the outputs of transformers, which take their fields by name
        fields = {key: _cast(item, dtype) for key, item in value.items()}
        return fields if type(value) is dict else type(value)(**fields)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_cast(item, dtype) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(_cast(item, dtype) for item in value)
    return value
