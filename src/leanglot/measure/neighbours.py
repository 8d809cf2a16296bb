"""Notices when other processes used the processor while something was being timed."""

import os
import time
from types import TracebackType
from typing import Final

import psutil

_TOLERATED: Final = 0.10


class NeighbourWatch:
    """Compares the machine's processor time with this process's own, from entering to leaving.

    On a machine of two cores one busy neighbour can slow a two-thread runtime many times over, so timings taken beside
    one are worth little.
    """

    def __enter__(self) -> "NeighbourWatch":
        self._started = time.monotonic()
        self._before = _busy_seconds() - _own_seconds()
        self.share = 0.0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        others = _busy_seconds() - _own_seconds() - self._before
        capacity = (time.monotonic() - self._started) * (os.cpu_count() or 1)
        self.share = max(0.0, others / capacity) if capacity > 0 else 0.0

    def warnings(self) -> tuple[str, ...]:
        """A sentence when the neighbours took more than a tenth of the machine."""
        if self.share <= _TOLERATED:
            return ()
        share = f"{self.share:.0%}"
        return (f"Other processes used {share} of the processor while speed was measured; measure on a quiet machine.",)


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + getattr(times, "nice", 0.0) + getattr(times, "steal", 0.0))


def _own_seconds() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)
