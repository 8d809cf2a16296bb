"""Latency and confidence of one language's last hour, in twelve slots of five minutes."""

from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from leanglot.monitor.events import Floats
from leanglot.monitor.stored import Count
from leanglot.results.monitoring import RecentLatency
from leanglot.stats.sketch import LogSketch, SketchState

SLOTS: Final = 12
_SLOT_S: Final = 300


class SlotState(BaseModel):
    """Stored form of five minutes.

    Attributes:
        latency: Sketch of the latencies in milliseconds.
        confidence_sum: Sum of the confidences.
        confidence_n: Predictions whose confidence was logged.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency: SketchState
    confidence_sum: float = Field(ge=0, allow_inf_nan=False)
    confidence_n: Count


@dataclass(slots=True)
class _Slot:
    latency: LogSketch = field(default_factory=LogSketch)
    confidence_sum: float = 0.0
    confidence_n: int = 0

    def add(self, latency_ms: Floats, confidence: Floats) -> None:
        """Count predictions; what was not logged is NaN."""
        self.latency.add(latency_ms[~np.isnan(latency_ms)])
        logged = confidence[~np.isnan(confidence)]
        self.confidence_sum += float(logged.sum())
        self.confidence_n += logged.size


class LastHour:
    """The last hour of one language; its memory never grows.

    The oldest slot leaves as a whole, so that between 55 and 60 minutes are told.

    Args:
        slots: By their number since 1970.
    """

    def __init__(self, slots: dict[int, _Slot] | None = None) -> None:
        self._slots: dict[int, _Slot] = {} if slots is None else slots

    def add(self, times: Floats, latency_ms: Floats, confidence: Floats) -> None:
        """Count predictions.

        Args:
            times: Seconds since 1970, never falling, at least one; none before those that were counted.
            latency_ms: Milliseconds from arrival to answer; NaN where they were not logged.
            confidence: NaN where it was not logged.
        """
        numbers = (times // _SLOT_S).astype(np.int64)
        oldest = int(numbers[-1]) - SLOTS + 1
        self._slots = {number: slot for number, slot in self._slots.items() if number >= oldest}
        for number, rows in _runs(numbers):
            if number >= oldest:
                self._slots.setdefault(number, _Slot()).add(latency_ms[rows], confidence[rows])

    def latency(self, time: float) -> RecentLatency:
        """Quantiles of the hour that ends at a time; None where so few predictions cannot place them."""
        merged = LogSketch()
        for slot in self._recent(time):
            merged.merge(slot.latency)
        n = merged.n
        return RecentLatency(
            n=n,
            p50=merged.quantile(0.50) if n >= 5 else None,
            p95=merged.quantile(0.95) if n >= 130 else None,
            p99=merged.quantile(0.99) if n >= 662 else None,
        )

    def confidence(self, time: float) -> float | None:
        """Mean confidence of the hour that ends at a time; None where none was logged."""
        recent = self._recent(time)
        n = sum(slot.confidence_n for slot in recent)
        return min(1.0, sum(slot.confidence_sum for slot in recent) / n) if n else None

    def _recent(self, time: float) -> list[_Slot]:
        oldest = int(time // _SLOT_S) - SLOTS + 1
        return [slot for number, slot in self._slots.items() if number >= oldest]

    def state(self) -> dict[int, SlotState]:
        """What was counted, by the slot's number."""
        return {
            number: SlotState(
                latency=slot.latency.state(), confidence_sum=slot.confidence_sum, confidence_n=slot.confidence_n
            )
            for number, slot in self._slots.items()
        }

    @classmethod
    def restored(cls, state: dict[int, SlotState]) -> Self:
        """The hour that goes on from there."""
        return cls(
            {
                number: _Slot(LogSketch.restored(slot.latency), slot.confidence_sum, slot.confidence_n)
                for number, slot in state.items()
            }
        )


def _runs(numbers: NDArray[np.int64]) -> list[tuple[int, slice]]:
    """Each number with the rows that have it, in order; equal numbers stand side by side."""
    ends = [*(np.flatnonzero(np.diff(numbers)) + 1).tolist(), numbers.size]
    return [(int(numbers[start]), slice(start, end)) for start, end in zip([0, *ends], ends, strict=False)]
