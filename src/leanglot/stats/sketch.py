"""A mergeable sketch of latencies: quantiles within 1% of the true values, in constant memory."""

import math
from typing import Annotated, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from leanglot.errors import RunError

ACCURACY: Final = 0.01
SMALLEST_MS: Final = 1e-3
LARGEST_MS: Final = 3.6e6

_LOG_RATIO: Final = math.log((1 + ACCURACY) / (1 - ACCURACY))
_BINS: Final = math.ceil(math.log(LARGEST_MS / SMALLEST_MS) / _LOG_RATIO) + 1


class SketchState(BaseModel):
    """Stored form of a sketch: its bins that are not empty.

    Attributes:
        bins: Number of each bin.
        counts: How many values it holds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bins: tuple[int, ...] = ()
    counts: tuple[Annotated[int, Field(ge=0, le=10**14)], ...] = ()


class LogSketch:
    """Counts of values in bins whose ends grow by a constant ratio, from 1 µs to 1 h in milliseconds.

    Any quantile is told within 1% of a value that has that rank. Values beyond the range count as its ends. Merging
    adds counts, so that it is exact and its order does not matter.

    Source: Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
    VLDB (2019), with a fixed range in place of collapsing bins.
    """

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] = np.zeros(_BINS, dtype=np.int64)

    @property
    def n(self) -> int:
        """Number of values."""
        return int(self._counts.sum())

    def add(self, values: NDArray[np.float64]) -> None:
        """Count values.

        Args:
            values: Milliseconds, not NaN, shape ``(n,)``.
        """
        if not values.size:
            return
        inside = np.clip(values, SMALLEST_MS, LARGEST_MS)
        bins = np.ceil(np.log(inside / SMALLEST_MS) / _LOG_RATIO).astype(np.int64)
        self._counts += np.bincount(np.minimum(bins, _BINS - 1), minlength=_BINS)

    def merge(self, other: "LogSketch") -> None:
        """Add the values that another sketch has counted."""
        self._counts += other._counts  # noqa: SLF001 - another of the same class

    def quantile(self, q: float) -> float:
        """The value of rank ``1 + floor(q * (n - 1))`` in ascending order, within 1%.

        Args:
            q: From 0 to 1.

        Raises:
            ValueError: No value was counted, or ``q`` lies outside.
        """
        cumulative = np.cumsum(self._counts)
        n = int(cumulative[-1])
        if not n or not 0 <= q <= 1:
            raise ValueError(f"no quantile {q} of {n} values")
        place = int(np.searchsorted(cumulative, math.floor(q * (n - 1)), side="right"))
        # The point that lies within 1% of both ends of the bin.
        return SMALLEST_MS * math.exp(place * _LOG_RATIO) * (1 - ACCURACY)

    def state(self) -> SketchState:
        """What was counted."""
        held = np.flatnonzero(self._counts)
        return SketchState(bins=tuple(held.tolist()), counts=tuple(self._counts[held].tolist()))

    @classmethod
    def restored(cls, state: SketchState) -> Self:
        """The sketch that goes on from there.

        Raises:
            RunError: The state is no sketch's.
        """
        sketch = cls()
        fits = len(state.bins) == len(state.counts) == len(set(state.bins))
        if not fits or not all(0 <= place < _BINS for place in state.bins) or min(state.counts, default=1) < 1:
            raise RunError(
                f"A stored sketch has {len(state.bins)} bins and {len(state.counts)} counts that do not fit.",
                "Each bin stands once, with a count above 0: the state is damaged; begin anew without it.",
            )
        sketch._counts[list(state.bins)] = state.counts
        return sketch
