"""Streaming histograms: how any number of values are distributed, in a fixed number of bins, and ranges to clip at."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

BINS: Final = 2048
INT8_LEVELS: Final = 256

_VALUES_AT_ONCE: Final = 1 << 16  # few enough to stay in the processor's cache, however many are added
_NARROWEST: Final = -1000  # the exponent of the bins' width as long as all values are zero
_THRESHOLDS: Final = 128  # tried on each side in an entropy search
_ROUNDS: Final = 4  # of choosing each side given the other; the second nearly always changes nothing


class Range(NamedTuple):
    """What the integers of a quantized tensor span; values outside are clipped.

    Attributes:
        low: Smallest value.
        high: Largest value.
    """

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of values in bins of equal width, and the exact extremes.

    Bin ``i`` counts the values in ``[(first + i) * width, (first + i + 1) * width)``. The width is the smallest power
    of two at which the bins span all values and zero: when a value falls outside, pairs of bins are merged, which
    doubles their span. All edges are multiples of the width, so merging is exact, and a histogram does not depend on
    the order in which its values came.

    Attributes:
        counts: Shape ``(bins,)``.
        exponent: The width's logarithm to base 2.
        first: Index of the first bin; it or a later one holds zero.
        low: Smallest value; infinity where there are none.
        high: Largest value; minus infinity where there are none.
    """

    counts: NDArray[np.int64]
    exponent: int
    first: int
    low: float
    high: float

    @property
    def width(self) -> float:
        """Width of a bin."""
        return float(np.ldexp(1.0, self.exponent))

    @property
    def total(self) -> int:
        """Number of values."""
        return int(self.counts.sum())

    def with_values(self, values: NDArray[Any]) -> "Histogram":
        """The histogram with more values in it; takes no memory that grows with their number.

        Args:
            values: Floating-point numbers in any shape.

        Raises:
            ValueError: One is NaN or infinite.
        """
        flat = values.reshape(-1)
        if not flat.size:
            return self
        low, high = float(flat.min()), float(flat.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError("values must be finite")
        grown = self._spanning(min(low, self.low), max(high, self.high))
        per_width = np.ldexp(1.0, -grown.exponent)
        for start in range(0, flat.size, _VALUES_AT_ONCE):
            # In double precision: a power of two changes no digit, and nothing underflows.
            places = np.multiply(flat[start : start + _VALUES_AT_ONCE], per_width, dtype=np.float64)
            bins = np.floor(places, out=places).astype(np.int64) - grown.first
            grown.counts[:] += np.bincount(bins, minlength=len(grown.counts))
        return grown

    def _spanning(self, low: float, high: float) -> "Histogram":
        """A copy whose bins span these values too."""
        size = len(self.counts)
        exponent = _exponent(min(low, 0.0), max(high, 0.0), size)
        first = _place(min(low, 0.0), exponent)
        filled = np.flatnonzero(self.counts)
        counts = np.zeros(size, dtype=np.int64)
        # A shift by 62 already brings every index to 0 or -1.
        merged = (filled + self.first) >> min(exponent - self.exponent, 62)
        np.add.at(counts, merged - first, self.counts[filled])
        return Histogram(counts, exponent, first, low, high)


def empty(bins: int = BINS) -> Histogram:
    """A histogram without values."""
    return Histogram(np.zeros(bins, dtype=np.int64), _NARROWEST, 0, np.inf, -np.inf)


def minmax(histogram: Histogram) -> Range:
    """From the smallest value to the largest, exactly.

    Raises:
        ValueError: There are no values.
    """
    if not histogram.total:
        raise ValueError("a histogram without values has no range")
    return Range(histogram.low, histogram.high)


def percentile(histogram: Histogram, share: float) -> Range:
    """The range that holds a share of the values, with the same number cut off at either end at most.

    Args:
        histogram: At least one value.
        share: In percent; 100 is `minmax`.

    Returns:
        The two order statistics, each at most one bin's width further out.

    Raises:
        ValueError: There are no values.
    """
    whole = minmax(histogram)
    cut = int(round((100.0 - share) / 200.0 * histogram.total, 6))  # 99.9 percent is not quite 99.9
    start = int(np.searchsorted(np.cumsum(histogram.counts), cut, side="right"))
    stop = len(histogram.counts) - int(np.searchsorted(np.cumsum(histogram.counts[::-1]), cut, side="right"))
    return _edges(histogram, start, stop) if cut else whole


def entropy(histogram: Histogram, levels: int = INT8_LEVELS) -> Range:
    """The range whose quantized values are distributed most like the values themselves.

    After Migacz, "8-bit inference with TensorRT" (2017): of the candidates, the one with the least Kullback-Leibler
    divergence of the quantized distribution (each level's count spread over those of its bins that are not empty) from
    the clipped one (what lies outside counted in the outermost bins). There, one threshold clips the values on both
    sides of zero. Here, the integers are asymmetric: that threshold comes first, and ends at the extremes where a side
    is shorter; then each side's own is sought given the other's, until neither moves. The bin at zero counts no more
    than its neighbours, because zero itself is always one of the integers.

    Args:
        histogram: At least one value.
        levels: Number of integers; ranges of fewer bins are not considered.

    Raises:
        ValueError: There are no values.
    """
    whole = minmax(histogram)
    zero = -histogram.first
    last = _place(max(whole.high, 0.0), histogram.exponent) - histogram.first + 1
    counts = histogram.counts[:last].astype(np.float64)
    beside = [*counts[max(0, zero - 1) : zero], *counts[zero + 1 : zero + 2]]
    counts[zero] = min(counts[zero], max(beside, default=counts[zero]))
    both = [(max(0, zero - reach), min(last, zero + reach)) for reach in _inward(max(zero, last - zero), 1)]
    start, stop = _best(counts, both, levels)
    for _ in range(_ROUNDS):
        before = start, stop
        start, stop = _best(counts, [(start, end) for end in _inward(last, zero + 1)], levels)
        start, stop = _best(counts, [(begin, stop) for begin in _inward(0, zero)], levels)
        if (start, stop) == before:
            break
    return _edges(histogram, start, stop)


def _inward(widest: int, narrowest: int) -> list[int]:
    """Thresholds, the widest first."""
    steps = np.linspace(widest, narrowest, min(abs(widest - narrowest), _THRESHOLDS) + 1)
    return [round(step) for step in steps.tolist()]


def _best(counts: NDArray[np.float64], ranges: list[tuple[int, int]], levels: int) -> tuple[int, int]:
    """The range of least divergence; the first of equally good ones, and of those that have too few bins."""
    enough = [(start, stop) for start, stop in ranges if stop - start >= levels] or ranges[:1]
    return min(enough, key=lambda chosen: _divergence(counts, chosen[0], chosen[1], levels))


def _divergence(counts: NDArray[np.float64], start: int, stop: int, levels: int) -> float:
    """Kullback-Leibler divergence, in nats, of the quantized bins ``[start, stop)`` from the clipped distribution.

    It is infinite where most values are clipped: all that is left in one bin would look like a perfect fit.
    """
    inside = counts[start:stop]
    if 2 * inside.sum() < counts.sum():
        return np.inf
    clipped = inside.copy()
    clipped[0] += counts[:start].sum()
    clipped[-1] += counts[stop:].sum()
    level = np.arange(len(inside)) * levels // len(inside)
    occupied = inside > 0
    mean = np.bincount(level, inside, levels) / np.maximum(np.bincount(level, occupied, levels), 1)
    # An outermost bin that only clipped values fall into counts as one value, or the divergence would be infinite.
    quantized = np.where(occupied, mean[level], 1.0)[clipped > 0]
    clipped = clipped[clipped > 0]
    return float(np.sum(clipped / clipped.sum() * np.log(clipped / clipped.sum() / (quantized / quantized.sum()))))


def _edges(histogram: Histogram, start: int, stop: int) -> Range:
    """The outer edges of the bins ``[start, stop)``, as far as there are values."""
    low, high = (float(np.ldexp(histogram.first + place, histogram.exponent)) for place in (start, stop))
    found = Range(max(low, histogram.low), min(high, histogram.high))
    if not found.low <= found.high:
        raise AssertionError(f"the range {found} is upside down")
    return found


def _exponent(low: float, high: float, bins: int) -> int:
    """The smallest exponent at which so many bins span a range."""
    if low == high:
        return _NARROWEST
    exponent = int(np.frexp(high - low)[1]) - bins.bit_length()
    while _place(high, exponent) - _place(low, exponent) >= bins:
        exponent += 1
    return exponent


def _place(value: float, exponent: int) -> int:
    """The index of a value's bin."""
    return int(np.floor(np.ldexp(value, -exponent)))
