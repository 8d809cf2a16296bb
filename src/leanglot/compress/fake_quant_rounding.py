"""Rounding to 8 bits as ONNX Runtime and its quantizer do it, through which gradients pass."""

from typing import Any, Final

import torch
from torch import Tensor
from torch.autograd.function import Function, FunctionCtx, once_differentiable

_ACTIVATION_STEPS: Final = 255  # of unsigned 8 bits
_STEPS: Final = 127  # on either side of 0, of signed 8 bits
_REDUCED_STEPS: Final = 64  # of what the quantizer calls 7 bits
_SMALLEST: Final = float(torch.finfo(torch.float32).tiny)  # of scales; below it, all that is quantized becomes 0


def scale_and_zero(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """The scale and the zero point of ONNX Runtime's quantizer for a range, computed in its order and precision.

    Args:
        low: Smallest value, a scalar; 0 takes its place where it is above.
        high: Largest value, a scalar; 0 takes its place where it is below.

    Returns:
        The scale, float32, and the zero point, a whole number from 0 to 255 as float32; both scalars.
    """
    below, above = low.detach().double().clamp(max=0), high.detach().double().clamp(min=0)
    scale = (above - below) / _ACTIVATION_STEPS
    usable = scale >= _SMALLEST
    scale = torch.where(usable, scale, 1.0)
    zero = torch.where(usable, torch.round(0 - below / scale), 0.0)
    return scale.float(), zero.float()


def weight_scales(weight: Tensor, *, per_channel: bool, reduced: bool) -> Tensor:
    """Scales of symmetric weights, as ONNX Runtime's quantizer computes them.

    Args:
        weight: Shape (outputs, inputs).
        per_channel: One scale per output, else one in all.
        reduced: Use 7 bits.

    Returns:
        Shape (outputs, 1), or a scalar.
    """
    size = weight.detach().abs()
    largest = size.amax(dim=1, keepdim=True) if per_channel else size.amax()
    scale = largest.double() / (_REDUCED_STEPS if reduced else _STEPS)
    return torch.where(scale >= _SMALLEST, scale, 1.0).float()


def row_scales(rows: Tensor) -> Tensor:
    """Scales of embedding rows, as `quantize_rows` computes them: shape (..., width) to (..., 1)."""
    largest = rows.detach().abs().amax(dim=-1, keepdim=True)
    scale = largest / torch.full_like(largest, _STEPS)  # a tensor: some devices multiply with a number's inverse
    return torch.where(scale >= _SMALLEST, scale, 1.0)


def rounded(values: Tensor, scales: Tensor) -> Tensor:
    """Values rounded to whole multiples of their scales, half to even; gradients pass as if they were not.

    Args:
        values: Any shape.
        scales: A shape that broadcasts to it.
    """
    result: Tensor = _Rounded.apply(values, scales)  # type: ignore[no-untyped-call]
    return result


def clipped(values: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Values as unsigned 8 bits of a range hold them.

    The gradient of a value is 1 from the lower bound on and below the upper one, and 0 elsewhere. That of a bound is
    the number of values it clips: those of the upper bound and above, those below the lower one (PACT's equation 3,
    arXiv 1805.06085, for two bounds). The bounds' own effect on the rounding inside is left out, as it is there.

    Args:
        values: Any shape.
        low: Lower bound, a scalar.
        high: Upper bound, a scalar.
    """
    result: Tensor = _Clipped.apply(values, low, high)  # type: ignore[no-untyped-call]
    return result


class _Rounded(Function):
    @staticmethod
    def forward(ctx: FunctionCtx, values: Tensor, scales: Tensor) -> Tensor:  # noqa: ARG004 - PyTorch's form
        return torch.round(values / scales).mul_(scales)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004 - PyTorch's form
        return gradient, None


class _Clipped(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, low: Tensor, high: Tensor) -> Tensor:  # noqa: ANN401 - PyTorch's has no type
        ctx.save_for_backward(values, low, high)
        scale, zero = scale_and_zero(low, high)
        whole = torch.round(values.float() / scale).add_(zero).clamp_(0, _ACTIVATION_STEPS)
        return whole.sub_(zero).mul_(scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ANN401 - PyTorch's has no type
        values, low, high = ctx.saved_tensors
        below, above = values < low.clamp(max=0), values >= high.clamp(min=0)
        inside = gradient.masked_fill(below | above, 0)
        return inside, gradient.masked_fill(~below, 0).sum(), gradient.masked_fill(~above, 0).sum()
