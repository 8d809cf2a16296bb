"""The bounded history of one language: windows of 1, 2, 3, 4, 6, 8, 12 … blocks, in memory that grows with log time.

An exponential histogram (Datar, Gionis, Indyk and Motwani, "Maintaining stream statistics over sliding windows", SIAM
Journal on Computing 31, 2002) with aligned buckets: those of scale ``j`` hold ``2**j`` blocks and begin at multiples of
that. Which windows there are at which time follows from the number of blocks alone, never from what was counted.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict

from leanglot.errors import RunError
from leanglot.monitor.events import Ints
from leanglot.monitor.stored import Count, Seconds

_KEPT: Final = 3
"""Buckets kept of each scale: windows of two and of three of them are looked at."""


class BucketState(BaseModel):
    """Stored form of a bucket.

    Attributes:
        first: Number of its first block, from 0.
        began: Earliest time in it.
        counts: What was counted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: Count
    began: Seconds
    counts: tuple[Count, ...]


class WindowsState(BaseModel):
    """Stored form of a history.

    Attributes:
        blocks: Number of blocks so far.
        scales: Buckets kept of each scale, the oldest first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    blocks: Count = 0
    scales: tuple[tuple[BucketState, ...], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Blocks side by side: a window that is looked at, or a bucket of a window.

    Attributes:
        first: Number of its first block, from 0.
        blocks: Its length in blocks.
        hop: Blocks between the beginnings of two windows of this kind.
        began: Earliest time in it.
        counts: What was counted, shape ``(size,)``.
    """

    first: int
    blocks: int
    hop: int
    began: float
    counts: Ints

    def part(self, origin: int = 0) -> float:
        """Part of the error level that the look at this window may spend; see `part_of_level`.

        Args:
            origin: Block before which no window counts. What is looked at must not have any influence on it.
        """
        return part_of_level(self.blocks, self.hop, self.first // self.hop - -(-origin // self.hop) + 1)


def _left_after(blocks: int) -> list[list[int]]:
    """First block of each bucket that is kept after some blocks, by scale."""
    return [
        [number << scale for number in range(max(0, (blocks >> scale) - _KEPT), blocks >> scale)]
        for scale in range(blocks.bit_length())
    ]


def part_of_level(blocks: int, hop: int, look: int) -> float:
    """Part of the error level that one look may spend; all looks there will ever be, at all windows, sum to 1.

    The windows with hop ``2**j`` get ``2 / ((t + 2) * (t + 3))``, with t = 0 for single blocks and ``j + 1``, shared by
    two lengths, for the others. The ``i``-th look gets ``1 / (i * (i + 1))`` of that.

    Args:
        blocks: Length of the window.
        hop: Blocks between the beginnings of two windows of this kind.
        look: Number of the look, from 1; 0 below.
    """
    if look < 1:
        return 0.0
    kind, lengths = (0, 1) if blocks == 1 else (hop.bit_length(), 2)
    return 2 / ((kind + 2) * (kind + 3) * lengths * look * (look + 1))


class Windows:
    """A history to which blocks are added.

    Args:
        state: Where to go on; None begins.

    Raises:
        RunError: The state holds other buckets than its number of blocks leaves.
    """

    def __init__(self, state: WindowsState | None = None) -> None:
        begun = WindowsState() if state is None else state
        held = [[each.first for each in scale] for scale in begun.scales]
        if held != _left_after(begun.blocks):
            raise RunError(
                f"A stored history of {begun.blocks:,} blocks holds those that begin at {held}.",
                "It is damaged: begin anew without it.",
            )
        self.blocks = begun.blocks
        self._scales: list[list[Window]] = [
            [
                Window(each.first, 1 << scale, 1 << scale, each.began, np.asarray(each.counts, dtype=np.int64))
                for each in held
            ]
            for scale, held in enumerate(begun.scales)
        ]

    def push(self, counts: Ints, began: float) -> list[Window]:
        """Add a block.

        Args:
            counts: What was counted in it, shape ``(size,)``; kept, so it must not change afterwards.
            began: Earliest time in it.

        Returns:
            The windows to look at now, all ending with this block: itself, and those of two and three buckets of each
            scale that it completes. On average that is five of them.
        """
        bucket = Window(self.blocks, 1, 1, began, counts)
        found = [bucket]
        self.blocks += 1
        for scale in range(len(self._scales) + 1):
            if scale == len(self._scales):
                self._scales.append([])
            held = self._scales[scale]
            held.append(bucket)
            del held[:-_KEPT]
            if len(held) == 1:
                break
            pair = _joined(held[-2], bucket)
            found.append(pair)
            if len(held) > 2:
                found.append(_joined(held[-3], pair))
            if not bucket.first >> scale & 1:  # the first of two that are merged
                break
            bucket = Window(pair.first, pair.blocks, pair.blocks, pair.began, pair.counts)
        return found

    def newest(self, blocks: int) -> Window | None:
        """The shortest window that can be told of at least some newest blocks, or all of them; None before the first.

        Args:
            blocks: How many, at least 1.
        """
        if not self.blocks:
            return None
        newer: Window | None = None
        for scale, held in enumerate(self._scales):
            chosen = newer
            for bucket in reversed(held):
                chosen = _joined(bucket, chosen)
                if chosen.blocks >= min(blocks, self.blocks):
                    return chosen
            # The last bucket of a scale is merged to the next one's last where their number is even.
            if self.blocks >> scale & 1:
                newer = _joined(held[-1], newer)
        raise AssertionError("the largest buckets reach back to the first block")

    def widest(self) -> list[tuple[int, float]]:
        """The three longest kinds of windows looked at so far: blocks, and part of the level at the last look."""
        kinds = [(1, 1, self.blocks)] if self.blocks else []
        for scale in range(self.blocks.bit_length()):
            buckets = self.blocks >> scale
            kinds += [(length << scale, 1 << scale, buckets - length + 1) for length in (2, 3) if buckets >= length]
        return [(blocks, part_of_level(blocks, hop, look)) for blocks, hop, look in sorted(kinds)[-3:]]

    def state(self) -> WindowsState:
        """What was counted."""
        return WindowsState(
            blocks=self.blocks,
            scales=tuple(
                tuple(
                    BucketState(first=each.first, began=each.began, counts=tuple(each.counts.tolist())) for each in held
                )
                for held in self._scales
            ),
        )


def _joined(older: Window, newer: Window | None) -> Window:
    """Two windows of which one begins where the other ends, with the older one's hop."""
    if newer is None:
        return older
    return Window(
        first=older.first,
        blocks=older.blocks + newer.blocks,
        hop=older.hop,
        began=min(older.began, newer.began),
        counts=older.counts + newer.counts,
    )
