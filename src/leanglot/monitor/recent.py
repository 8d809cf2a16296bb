"""What happened lately in one language: predictions by minute, and the newest right and wrong answers."""

from collections import deque
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from leanglot.monitor.events import Floats
from leanglot.monitor.moments import LATEST
from leanglot.monitor.shares import share_of
from leanglot.monitor.stored import Count
from leanglot.results.monitoring import Share

MINUTES: Final = 60
_MINUTE_S: Final = 60


class MinuteState(BaseModel):
    """Stored form of `MinuteCounts`.

    Attributes:
        newest: Number of the newest minute since 1970; None before the first prediction.
        counts: Predictions of the 60 minutes that end with it, the oldest first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    newest: int | None = Field(default=None, ge=0, le=int(LATEST) // _MINUTE_S)
    counts: tuple[Count, ...] = Field((0,) * MINUTES, min_length=MINUTES, max_length=MINUTES)


class MinuteCounts:
    """Predictions in each of the last 60 minutes; its memory never grows.

    Args:
        state: Where to go on; None begins.
    """

    def __init__(self, state: MinuteState | None = None) -> None:
        begun = MinuteState() if state is None else state
        self._newest = begun.newest
        self._counts: NDArray[np.int64] = np.asarray(begun.counts, dtype=np.int64)

    def add(self, times: Floats) -> None:
        """Count predictions.

        Args:
            times: Seconds since 1970, never falling, at least one; none before those that were counted.
        """
        minutes = (times // _MINUTE_S).astype(np.int64)
        newest = int(minutes[-1]) if self._newest is None else max(int(minutes[-1]), self._newest)
        self._counts = self._seen_from(newest)
        self._newest = newest
        held = minutes[minutes > newest - MINUTES]
        self._counts += np.bincount(held - (newest - MINUTES + 1), minlength=MINUTES)

    def at(self, time: float) -> tuple[int, ...]:
        """Predictions in each of the 60 minutes that end with that of a time, the oldest first.

        Args:
            time: Seconds since 1970; where it lies before the newest prediction, that one counts.
        """
        minute = int(time // _MINUTE_S)
        if self._newest is None:
            return (0,) * MINUTES
        return tuple(self._seen_from(max(minute, self._newest)).tolist())

    def _seen_from(self, minute: int) -> NDArray[np.int64]:
        """The counts of the 60 minutes that end with ``minute``."""
        passed = MINUTES if self._newest is None else min(MINUTES, minute - self._newest)
        return np.concatenate([self._counts[passed:], np.zeros(passed, dtype=np.int64)])

    def state(self) -> MinuteState:
        """What was counted."""
        return MinuteState(newest=self._newest, counts=tuple(self._counts.tolist()))


class Outcomes:
    """The newest labelled predictions of a language: right or wrong.

    Args:
        kept: How many.
        marks: Where to go on: what `state` gave.
        seen: All that were seen before.
    """

    def __init__(self, kept: int, marks: str = "", seen: int = 0) -> None:
        self._newest: deque[bool] = deque((mark == "1" for mark in marks), maxlen=kept)
        self.seen = seen

    def add(self, correct: NDArray[np.bool_]) -> None:
        """Keep the newest ones, in the order in which their labels came."""
        self._newest.extend(correct.tolist())
        self.seen += correct.size

    def share(self, window: int | None = None) -> Share:
        """Share of right answers among the newest.

        Args:
            window: How many of them; None takes all that are kept.
        """
        return share_of(*self.newest(window), "no label is known yet")

    def newest(self, window: int | None = None) -> tuple[int, int]:
        """Right ones among the newest, and how many these are; see `share`."""
        skipped = 0 if window is None else max(0, len(self._newest) - window)
        chosen = list(islice(self._newest, skipped, None))
        return sum(chosen), len(chosen)

    def state(self) -> str:
        """The newest as a string of ``1`` for right and ``0`` for wrong, the oldest first."""
        return "".join("1" if right else "0" for right in self._newest)
