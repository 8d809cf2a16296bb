"""Parts what comes in any portions into blocks of equal size, and tells the windows that each full block completes."""

from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from leanglot.errors import RunError
from leanglot.monitor.events import Floats, Ints
from leanglot.monitor.stored import Count, Seconds
from leanglot.monitor.windows import Window, Windows, WindowsState


class StreamState(BaseModel):
    """Stored form of a stream.

    Attributes:
        block: Rows in a block.
        held: Number of rows in the open block.
        began: Earliest time in it; None while it is empty.
        ended: Latest time of any row; None before the first.
        counts: What was counted in it.
        windows: The full blocks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    block: int
    held: Count = 0
    began: Seconds | None = None
    ended: Seconds | None = None
    counts: tuple[Count, ...]
    windows: WindowsState = WindowsState()


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A block is full.

    Attributes:
        windows: The windows that end with it and are looked at now; the first of them is that block.
        counts: Their counts, shape ``(windows, size)``.
        time: Latest time of any row so far.
    """

    windows: list[Window]
    counts: Ints
    time: float


class Stream:
    """Blocks of rows, each row counted into a vector.

    Args:
        block: Rows in a block.
        size: Length of the vector.
        state: Where to go on; None begins.

    Raises:
        RunError: The state has vectors of another length, or blocks of another size.
    """

    def __init__(self, block: int, size: int, state: StreamState | None = None) -> None:
        begun = StreamState(block=block, counts=(0,) * size) if state is None else state
        lengths = {len(begun.counts), *(len(each.counts) for held in begun.windows.scales for each in held)}
        if lengths != {size} or begun.block != block or begun.held >= block:
            raise RunError(
                f"A stored history counts {sorted(lengths)} kinds in blocks of {begun.block}, {begun.held} in the open "
                f"one; here {size} kinds are counted in blocks of {block}.",
                "It belongs to other rules or another baseline: begin anew without it.",
            )
        self._block = block
        self._size = size
        self._held = begun.held
        self._began = begun.began
        self._ended = begun.ended
        self._counts: Ints = np.asarray(begun.counts, dtype=np.int64)
        self.windows = Windows(begun.windows)

    @property
    def n(self) -> int:
        """Rows so far."""
        return self.windows.blocks * self._block + self._held

    @property
    def open_counts(self) -> Ints:
        """What was counted in the block that is not full yet, shape ``(size,)``."""
        return self._counts

    def add(self, time: Floats, places: list[Ints]) -> list[Look]:
        """Count rows.

        Args:
            time: Seconds since 1970, shape ``(n,)``.
            places: Places in the vector at which each row counts, arrays of shape ``(n,)``.

        Returns:
            A look for each block that became full, in order.
        """
        n = time.size
        if not n:
            return []
        ends = [*range(self._block - self._held, n, self._block), n]
        starts = [0, *ends[:-1]]
        counts = self._counted(places, starts, ends)
        began, ended = np.minimum.reduceat(time, starts).tolist(), np.maximum.reduceat(time, starts).tolist()
        looks = []
        for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
            if look := self._take(counts[row], end - start, began[row], ended[row]):
                looks.append(look)
        return looks

    def _counted(self, places: list[Ints], starts: list[int], ends: list[int]) -> Ints:
        """What each part of the rows adds, shape ``(parts, size)``."""
        if len(starts) == 1:
            return np.bincount(np.concatenate(places), minlength=self._size)[None, :]
        shift = np.repeat(np.arange(len(starts)) * self._size, np.subtract(ends, starts))
        flat = np.bincount(np.concatenate([each + shift for each in places]), minlength=len(starts) * self._size)
        return flat.reshape(len(starts), self._size)

    def _take(self, counts: Ints, rows: int, began: float, ended: float) -> Look | None:
        self._began = began if self._began is None else min(began, self._began)
        self._ended = ended if self._ended is None else max(ended, self._ended)
        self._counts = self._counts + counts
        self._held += rows
        if self._held < self._block:
            return None
        windows = self.windows.push(self._counts, self._began)
        self._counts, self._held, self._began = np.zeros(self._size, dtype=np.int64), 0, None
        return Look(windows, np.array([window.counts for window in windows]), self._ended)

    def state(self) -> StreamState:
        """What was counted."""
        return StreamState(
            block=self._block,
            held=self._held,
            began=self._began,
            ended=self._ended,
            counts=tuple(self._counts.tolist()),
            windows=self.windows.state(),
        )
