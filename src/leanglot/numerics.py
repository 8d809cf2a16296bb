"""Quantization as arithmetic, in NumPy alone: a tensor to integer codes and back, and what is lost on the way.

Affine quantization after Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference" (CVPR 2018, arXiv:1712.05877): ``x ≈ scale · (q − zero_point)``.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leanglot.errors import ConfigError, DataError

Scheme = Literal["asymmetric", "symmetric"]

_FEWEST_BITS: Final = 2
_MOST_BITS: Final = 8
# Below it a scale would lose digits, and zero could not divide.
_SMALLEST_SCALE: Final = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedArray:
    """An array as integer codes.

    Attributes:
        q: The codes, of the array's shape: uint8 in 0 … 2^bits − 1 where asymmetric, int8 in ±(2^(bits−1) − 1) where
            symmetric.
        scale: Step between neighbouring codes, float64. One number per tensor. Per channel its shape is 1 on every
            axis but `axis`; per block it is the array's shape with ⌈n / block⌉ on the axis that the blocks lie along.
        zero_point: The code of 0, int64, shaped like `scale`; 0 where symmetric.
        bits: Bits per code.
        scheme: ``asymmetric`` or ``symmetric``.
        axis: The axis of the channels, or the one that blocks lie along, counted from 0; None per tensor.
        block: Values that share a scale along `axis`; None per tensor and per channel.
        shape: Shape of the array.
        dtype: What `dequantize` returns: float32 for arrays of at most 32-bit floats, else float64.
    """

    q: NDArray[np.uint8] | NDArray[np.int8]
    scale: NDArray[np.float64] | np.float64
    zero_point: NDArray[np.int64] | np.int64
    bits: int
    scheme: Scheme
    axis: int | None
    block: int | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def dequantize(self) -> NDArray[Any]:
        """The values that the codes stand for: ``scale · (q − zero_point)``, of the array's shape and `dtype`."""
        scale, zero_point = self._spread(self.scale), self._spread(self.zero_point)
        limit = np.finfo(self.dtype).max  # half a step beyond the largest number is still that number
        with np.errstate(over="ignore"):
            values = (self.q.astype(np.float64) - zero_point) * scale
        return np.asarray(np.clip(values, -limit, limit), dtype=self.dtype)

    def _spread(self, per_block: Any) -> Any:  # noqa: ANN401 - an array of numbers, or one of them
        return per_block if self.block is None else _spread(per_block, self.block, cast("int", self.axis), self.shape)


@dataclass(frozen=True, slots=True)
class QuantizationError:
    """How far dequantized values are from the array.

    Attributes:
        maximum: Largest absolute error.
        mean: Mean absolute error.
        mean_relative: Mean of |error| / |x| over the values other than 0; None where all are 0.
        sqnr_db: Signal-to-quantization-noise ratio, 10 · log10(Σ x² / Σ error²), in decibels: infinite where nothing
            was lost, minus infinity where 0 became something else, None where there is neither signal nor noise.
    """

    maximum: float
    mean: float
    mean_relative: float | None
    sqnr_db: float | None


def quantize(
    x: ArrayLike, bits: int = 8, scheme: Scheme = "asymmetric", axis: int | None = None, block: int | None = None
) -> QuantizedArray:
    """Round an array to integer codes.

    ``asymmetric`` spreads the codes over [min(x, 0), max(x, 0)], so that 0 has a code of its own; ``symmetric`` over
    ±max |x|, with code 0 for 0. No value is off by more than half a scale. Where all values are 0, or too small for a
    scale, the scale is 1.

    Args:
        x: Finite numbers of any shape; at least one.
        bits: Bits per code, 2 to 8.
        scheme: ``asymmetric`` or ``symmetric``.
        axis: Each index along this axis gets a scale of its own (per channel); None takes one for all (per tensor).
            With `block`, the axis that blocks lie along.
        block: This many neighbours along `axis` share a scale, each row of the other axes apart; without `axis`, along
            the last one. Where the axis is no multiple of it, the last block is shorter, as in ONNX's blocked
            ``QuantizeLinear`` (opset 21).

    Raises:
        ConfigError: Bits, scheme, axis or block are not allowed.
        DataError: There are no values, or some are no finite real numbers.
    """
    values, dtype = _checked(x)
    if isinstance(bits, bool) or not isinstance(bits, int | np.integer) or not _FEWEST_BITS <= bits <= _MOST_BITS:
        raise ConfigError(f"bits is {bits!r}.", f"Allowed are whole numbers from {_FEWEST_BITS} to {_MOST_BITS}.")
    if scheme not in get_args(Scheme):
        raise ConfigError(f"scheme is {scheme!r}.", f"Allowed are {' and '.join(get_args(Scheme))}.")
    along = _axis(axis, block, values.ndim)
    low, high = _extremes(values, along, block)
    if scheme == "asymmetric":
        least, most = 0, 2**bits - 1
        scale = _scale(high / most - low / most)
        zero_point = np.rint(-low / scale)
    else:
        most = 2 ** (bits - 1) - 1
        least = -most
        scale = _scale(np.maximum(high, -low) / most)
        zero_point = np.zeros_like(scale)
    wide = (
        (scale, zero_point) if block is None else [_spread(a, block, along, values.shape) for a in (scale, zero_point)]
    )
    codes = np.clip(np.rint(values / wide[0]) + wide[1], least, most)
    return QuantizedArray(
        q=np.asarray(codes, np.uint8) if scheme == "asymmetric" else np.asarray(codes, np.int8),
        scale=scale if along is not None else np.float64(scale),
        zero_point=zero_point.astype(np.int64) if along is not None else np.int64(zero_point),
        bits=int(bits),
        scheme=scheme,
        axis=along,
        block=None if block is None else int(block),
        shape=values.shape,
        dtype=dtype,
    )


def quantization_error(x: ArrayLike, quantized: QuantizedArray) -> QuantizationError:
    """Compare an array with its quantized form.

    Args:
        x: What was quantized.
        quantized: Of the same shape.

    Raises:
        DataError: The shapes differ, or `x` has values that are no finite real numbers.
    """
    values, _ = _checked(x)
    if values.shape != quantized.shape:
        raise DataError(
            f"The array has shape {values.shape}, its quantized form {quantized.shape}.", "Give what was quantized."
        )
    size = np.abs(values)
    with np.errstate(over="ignore"):
        error = np.abs(quantized.dequantize().astype(np.float64) - values)
        relative = error[size > 0] / size[size > 0]
        return QuantizationError(
            maximum=float(error.max()),
            mean=float(error.mean()),
            mean_relative=float(relative.mean()) if relative.size else None,
            sqnr_db=_decibels(size, error),
        )


def _decibels(signal: NDArray[np.float64], noise: NDArray[np.float64]) -> float | None:
    """10 · log10 of the ratio of two sums of squares, which neither overflow nor vanish."""
    highest = [float(values.max()) for values in (signal, noise)]
    if 0 in highest:
        return None if highest == [0, 0] else float("inf") if highest[0] else float("-inf")
    powers = [
        np.log10(top) * 2 + np.log10(np.square(a / top).sum()) for a, top in zip((signal, noise), highest, strict=True)
    ]
    return float(10 * (powers[0] - powers[1]))


def _checked(x: ArrayLike) -> tuple[NDArray[np.float64], np.dtype[Any]]:
    """The array in float64, and the precision that its values fit in."""
    try:
        given = np.asarray(x)
    except ValueError as error:
        raise DataError(f"The values form no array: {error}", "Rows must have the same length.") from error
    if given.dtype.kind not in "fiu":
        raise DataError(f"The values are of type {given.dtype}.", "Allowed are real numbers.")
    if given.size == 0:
        raise DataError(f"There is nothing to quantize: the shape is {given.shape}.", "Give at least one value.")
    values = given.astype(np.float64)
    if (bad := np.argwhere(~np.isfinite(values))).size:
        where = tuple(int(index) for index in bad[0])
        raise DataError(
            f"The value at {list(where)} is {given[where]}, one of {len(bad)} that are not finite.",
            "Quantization needs finite values: mend or mask them first.",
        )
    single = given.dtype.kind == "f" and given.dtype.itemsize <= 4
    return values, np.dtype(np.float32 if single else np.float64)


def _axis(axis: int | None, block: int | None, dimensions: int) -> int | None:
    """The axis that scales differ along, counted from 0."""
    if block is not None and (isinstance(block, bool) or not isinstance(block, int | np.integer) or block < 1):
        raise ConfigError(f"block is {block!r}.", "Allowed are whole numbers from 1 on.")
    if axis is None and block is None:
        return None
    index = -1 if axis is None else axis
    whole = isinstance(index, int | np.integer) and not isinstance(index, bool)
    if not whole or not -dimensions <= index < dimensions:
        named = f"axis is {axis!r}" if axis is not None else "block is given"
        allowed = f"Allowed are {-dimensions} to {dimensions - 1}." if dimensions else "One number has no axes."
        raise ConfigError(f"{named}, and the array has {dimensions} axes.", allowed)
    return int(index) % dimensions


def _extremes(
    values: NDArray[np.float64], axis: int | None, block: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least and the largest value that each scale must reach, 0 included."""
    if block is not None:
        along = cast("int", axis)
        starts = range(0, values.shape[along], block)
        low, high = (reduce.reduceat(values, starts, axis=along) for reduce in (np.minimum, np.maximum))
    else:
        others = tuple(index for index in range(values.ndim) if index != axis)
        low, high = (reduce(values, axis=others, keepdims=axis is not None) for reduce in (np.min, np.max))
    return np.minimum(low, 0.0), np.maximum(high, 0.0)


def _scale(step: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(step > 0, np.maximum(step, _SMALLEST_SCALE), 1.0)


def _spread(per_block: NDArray[Any], block: int, axis: int | None, shape: tuple[int, ...]) -> NDArray[Any]:
    """One number per block as one per value."""
    along = cast("int", axis)
    return np.repeat(per_block, block, axis=along).take(range(shape[along]), axis=along)
