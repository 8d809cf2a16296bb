"""Layers whose weights are integer codes: linear, embedding, LSTM and GRU, in place of PyTorch's own."""

import copy
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, cast

import torch
from torch import Tensor, nn

from leanglot.models.packed import PackedWeight
from leanglot.results.environment import read_environment
from leanglot.techniques.targets import saturates

# Smallest scale of a row of activations: rows of zeros have none of their own.
_SMALLEST_SCALE: Final = float(torch.finfo(torch.float32).tiny)


class QuantizedLinear(nn.Module):
    """A linear layer with packed weights.

    Args:
        packed: The weights; int8 with one scale per row or in all, where `integer`.
        bias: Shape (out_features,), or None.
        integer: Round the inputs to INT8 too, each row with a scale of its own so that no row depends on its
            neighbours in the batch, and multiply in integers. Otherwise the weights are widened at each call and all
            arithmetic is in floating point.
    """

    def __init__(self, packed: PackedWeight, bias: nn.Parameter | None, *, integer: bool) -> None:
        super().__init__()
        self.packed = packed
        self.bias = bias
        self.integer = integer
        self.in_features = packed.columns
        self.out_features = len(packed.codes)

    @property
    def weight(self) -> Tensor:
        """The weights in floating point, for code that reads them instead of calling the layer."""
        widened: Tensor = self.packed()
        return widened

    def forward(self, x: Tensor) -> Tensor:
        """Shape (…, in_features) to (…, out_features)."""
        if not self.integer:
            return nn.functional.linear(x, self.weight.to(x.dtype), self.bias)
        rows = x.reshape(-1, self.in_features).float()
        scales = rows.abs().amax(dim=-1, keepdim=True).div_(127).clamp_(min=_SMALLEST_SCALE)
        codes = rows.div(scales).round_().to(torch.int8)
        out = _product(codes, self.packed.codes).mul_(scales).mul_(self.packed.scales.float().flatten())
        out = out.to(x.dtype) if self.bias is None else out.to(x.dtype).add_(self.bias)
        return out.reshape(*x.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        """What `print` shows."""
        arithmetic = "integer" if self.integer else "float"
        return f"in_features={self.in_features}, out_features={self.out_features}, arithmetic={arithmetic}"


class QuantizedEmbedding(nn.Module):
    """An embedding table with packed rows, of which only those that are looked up are widened.

    Args:
        packed: The table.
        padding_idx: As in `torch.nn.Embedding`; training alone cares.
    """

    def __init__(self, packed: PackedWeight, padding_idx: int | None) -> None:
        super().__init__()
        self.packed = packed
        self.padding_idx = padding_idx
        self.num_embeddings = len(packed.codes)
        self.embedding_dim = packed.columns

    @property
    def weight(self) -> Tensor:
        """The whole table in floating point, for code that reads it instead of calling the layer."""
        widened: Tensor = self.packed()
        return widened

    def forward(self, ids: Tensor) -> Tensor:
        """Shape (…) to (…, embedding_dim)."""
        return self.packed.rows(ids)

    def extra_repr(self) -> str:
        """What `print` shows."""
        return f"{self.num_embeddings}, {self.embedding_dim}, padding_idx={self.padding_idx}"


class QuantizedRecurrent(nn.Module):
    """An LSTM or GRU with packed weights, which are widened at each call: the arithmetic is in floating point.

    Called like the layer it replaces, with packed sequences and initial states as well.

    Args:
        layer: What it replaces; gives its settings.
        packed: The weights by the names that they have in `layer`, such as ``weight_ih_l0``.
        biases: The biases by their names.
    """

    def __init__(
        self, layer: nn.LSTM | nn.GRU, packed: Mapping[str, PackedWeight], biases: Mapping[str, nn.Parameter]
    ) -> None:
        super().__init__()
        self.packed = nn.ModuleDict(packed)
        self.biases = nn.ParameterDict(biases)
        # In a tuple, because it is no part of this module: its own parameters hold nothing.
        self._shell = (_shell(layer),)
        self.order = tuple(self._shell[0]._flat_weights_names)  # noqa: SLF001 - the order that PyTorch's kernels expect

    def forward(self, x: Any, hx: Any = None) -> Any:  # noqa: ANN401 - tensors or packed sequences, as in the layer
        """Run the layer; see `torch.nn.LSTM` and `torch.nn.GRU`."""
        layer = copy.copy(self._shell[0])  # so that threads do not share the weights of a call
        layer.training = self.training
        dtype = x.data.dtype  # a packed sequence has its values there too
        layer._flat_weights = [self._weight(name).to(dtype) for name in self.order]  # noqa: SLF001 - what it runs on
        return layer(x, hx)

    def _weight(self, name: str) -> Tensor:
        return cast("Tensor", self.packed[name]() if name in self.packed else self.biases[name])

    def extra_repr(self) -> str:
        """What `print` shows."""
        return f"{type(self._shell[0]).__name__}: {self._shell[0].extra_repr()}"


def _shell(layer: nn.LSTM | nn.GRU) -> nn.LSTM | nn.GRU:
    """A layer with the same settings and without values."""
    extra = {"proj_size": layer.proj_size} if isinstance(layer, nn.LSTM) else {}
    kind = nn.LSTM if isinstance(layer, nn.LSTM) else nn.GRU
    shell = kind(
        layer.input_size,
        layer.hidden_size,
        num_layers=layer.num_layers,
        bias=layer.bias,
        batch_first=layer.batch_first,
        bidirectional=layer.bidirectional,
        device="meta",
        **extra,
    )
    shell.dropout = layer.dropout  # not above, where PyTorch would warn again of what it warned of before
    return shell


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Products of INT8 rows, shape (m, n) from (m, k) and (n, k), in float32.

    In 32-bit integers where the machine has instructions for them. Elsewhere PyTorch's integer product is many times
    slower than one in floating point, whose sums of such small integers differ by rounding alone.
    """
    if left.device.type == "cpu" and _has_integer_products():
        return torch._int_mm(left, right.t()).float()  # noqa: SLF001 - PyTorch has no public name for it
    return left.float() @ right.float().t()


@cache
def _has_integer_products() -> bool:
    return not saturates(read_environment().isa)
