"""Weights as integer codes, INT4 two to a byte: quantized by torchao, held in plain tensors, widened when used."""

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from leanglot.extras import require
from leanglot.quiet import quiet_imports

_ELEMENTS_AT_ONCE: Final = 2**24  # torchao holds several float copies of what it quantizes


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a matrix becomes codes.

    Attributes:
        bits: 8 or 4.
        block: Weights along the input dimension that share a scale, an even number; None takes the whole row, and so
            does a block longer than it.
        symmetric: Without a zero point; always, where `block` is None.
        per_row: One scale per row instead of one for the matrix; where `block` is None.
        reduce_range: 7 bits of the 8; where `block` is None.
    """

    bits: int
    block: int | None = None
    symmetric: bool = True
    per_row: bool = True
    reduce_range: bool = False


class PackedWeight(nn.Module):
    """A matrix as codes with scales, all of them buffers, so that they are saved, moved and counted like any tensor.

    Args:
        codes: int8 of shape (rows, columns); where `bits` is 4, uint8 of shape (rows, columns / 2): the low halves hold
            the left half of the columns, the high halves the right one, each plus 8. The columns are filled up with
            zeros to a multiple of the block, and to an even number.
        scales: Shape (rows, blocks), (rows, 1) or (1, 1).
        zeros: The codes of 0, int8, shaped like `scales`; None where symmetric.
        columns: Columns of the matrix, without those filled up.
        bits: 8 or 4.
        dtype: What it is widened to, while `scales` are float32; they decide once they were cast.
    """

    def __init__(
        self,
        codes: Tensor,
        scales: Tensor,
        zeros: Tensor | None,
        *,
        columns: int,
        bits: int,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.codes: Tensor
        self.scales: Tensor
        self.zeros: Tensor | None
        self.register_buffer("codes", codes)
        self.register_buffer("scales", scales)
        self.register_buffer("zeros", zeros)
        self.columns = columns
        self.bits = bits
        self.dtype = dtype

    def forward(self) -> Tensor:
        """The whole matrix in floating point, shape (rows, columns)."""
        return self._widen(self.codes, self.scales, self.zeros)

    def rows(self, ids: Tensor) -> Tensor:
        """Rows in floating point, of shape (*ids.shape, columns); no other row is widened."""
        zeros = None if self.zeros is None else self.zeros[ids]
        return self._widen(self.codes[ids], self.scales[ids], zeros)

    def extra_repr(self) -> str:
        """What `print` shows."""
        return f"rows={len(self.codes)}, columns={self.columns}, bits={self.bits}, blocks={self.scales.shape[1]}"

    def _widen(self, codes: Tensor, scales: Tensor, zeros: Tensor | None) -> Tensor:
        values = (_unpack(codes) if self.bits == 4 else codes).to(scales.dtype)
        blocks = values.view(*values.shape[:-1], scales.shape[-1], values.shape[-1] // scales.shape[-1])
        if zeros is not None:
            blocks = blocks.sub_(zeros.unsqueeze(-1))
        widened = blocks.mul_(scales.unsqueeze(-1)).view_as(values)[..., : self.columns]
        return widened.to(self.dtype) if scales.dtype == torch.float32 else widened


def pack(weight: Tensor, scheme: Scheme) -> PackedWeight:
    """Quantize a matrix with torchao.

    Args:
        weight: Finite, of shape (rows, columns).
        scheme: How.

    Raises:
        MissingExtraError: torchao is not installed.
    """
    columns = weight.shape[1]
    block, wide = _blocks(columns, scheme)
    filled = nn.functional.pad(weight.detach().float(), (0, wide - columns))
    rows = max(1, _ELEMENTS_AT_ONCE // wide) if scheme.per_row else len(filled)
    parts = [_quantized(part, scheme, block) for part in torch.split(filled, rows)]
    codes = torch.cat([part.qdata for part in parts])
    scales = torch.cat([part.scale for part in parts])
    zeros = None if scheme.symmetric else torch.cat([part.zero_point for part in parts])
    return PackedWeight(
        _pack(codes) if scheme.bits == 4 else codes,
        scales.to(torch.float64 if weight.dtype == torch.float64 else torch.float32),
        zeros,
        columns=columns,
        bits=scheme.bits,
        dtype=weight.dtype,
    )


def stored_shapes(rows: int, columns: int, scheme: Scheme) -> dict[str, tuple[torch.dtype, tuple[int, int]]]:
    """Type and shape of each tensor that `pack` makes of a matrix, by name."""
    block, wide = _blocks(columns, scheme)
    scales = (rows, wide // block) if block else (rows if scheme.per_row else 1, 1)
    codes = (torch.uint8, (rows, wide // 2)) if scheme.bits == 4 else (torch.int8, (rows, wide))
    zeros = {} if scheme.symmetric else {"zeros": (torch.int8, scales)}
    return {"codes": codes, "scales": (torch.float32, scales), **zeros}


def _blocks(columns: int, scheme: Scheme) -> tuple[int | None, int]:
    """The length of a block, and the columns after filling up."""
    even = columns + columns % 2 if scheme.bits == 4 else columns
    block = None if scheme.block is None else min(scheme.block, even)
    return block, even + -even % (block or 1)


def _quantized(weight: Tensor, scheme: Scheme, block: int | None) -> Any:  # noqa: ANN401 - torchao's tensors have no types
    """The tensor of torchao that stands for a float32 matrix, with its ``qdata``, ``scale`` and ``zero_point``."""
    with quiet_imports():
        torchao = require("torchao.quantization", "torchao")
        if block is None and scheme.bits == 8:
            rows = torchao.PerRow() if scheme.per_row else torchao.PerTensor()
            config = torchao.Int8DynamicActivationInt8WeightConfig(
                granularity=[torchao.PerRow(), rows], set_inductor_config=False, reduce_range=scheme.reduce_range
            )
        else:
            config = torchao.IntxWeightOnlyConfig(
                weight_dtype=getattr(torch, f"int{scheme.bits}"),
                granularity=torchao.PerGroup(block) if block else torchao.PerAxis(0),
                mapping_type=torchao.MappingType.SYMMETRIC if scheme.symmetric else torchao.MappingType.ASYMMETRIC,
            )
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
        layer.weight = nn.Parameter(weight, requires_grad=False)
        torchao.quantize_(layer, config)
    return layer.weight


def _pack(codes: Tensor) -> Tensor:
    left, right = (codes + 8).to(torch.uint8).chunk(2, dim=-1)
    return left | right << 4


def _unpack(codes: Tensor) -> Tensor:
    return torch.cat([codes & 15, codes >> 4], dim=-1).view(torch.int8).sub_(8)
