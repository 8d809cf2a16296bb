"""Tests whether a share differs from its reference by more than the tolerance; exact, at levels that add up."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from leanglot.errors import RunError
from leanglot.monitor.events import Ints
from leanglot.monitor.findings import INTERVAL_LEVEL, Hit, Told
from leanglot.monitor.rules import Rules, learned_blocks
from leanglot.monitor.signals import Cell
from leanglot.monitor.stored import Count
from leanglot.monitor.stream import Look
from leanglot.monitor.windows import Window
from leanglot.results.monitoring import Signal
from leanglot.stats.two_samples import (
    beyond_tolerance,
    binomial_at_least,
    binomial_at_most,
    difference,
    share_high,
    share_low,
)


class LearnedState(BaseModel):
    """Stored form of references that are learned from traffic.

    Attributes:
        blocks: Number of blocks seen.
        counts: Sum of those of which they are learned.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    blocks: Count = 0
    counts: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """What one signal may spend and must let pass.

    Attributes:
        level: Error level of all its looks together.
        tolerance: By how much its shares may differ.
        learned: Whether its reference is the first traffic.
        limit: Largest share that is allowed, in place of a reference; None compares with the reference.
    """

    level: float
    tolerance: float
    learned: bool = False
    limit: float | None = None


class ShareTests:
    """Tests of many shares of one vector of counts.

    Half of a signal's level is spent once, on bounds of the reference's shares that hold for all shares that could
    have been chosen; the other half on the looks, each of which asks whether the window's share is compatible with
    any that lies within the tolerance of those bounds. A limit needs no bounds.

    Args:
        cells: The shares.
        reference: Counts of the reference, shape ``(size,)``.
        watched: By signal; cells of others are left out.
        rules: The error level, and how references are learned.
        state: What was learned; None begins.

    Raises:
        RunError: The state has another size.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        reference: Ints,
        watched: Mapping[Signal, Watched],
        rules: Rules,
        state: LearnedState | None = None,
    ) -> None:
        self._cells = [cell for cell in cells if cell.signal in watched]
        self._watched = watched
        self._alpha, self._effect = rules.alpha, rules.design_effect
        self._rules = rules
        self._reference = reference
        self._numbers = {signal: self._of(signal) for signal in dict.fromkeys(cell.signal for cell in self._cells)}
        self._places = np.array(
            [(cell.low, cell.high, cell.start, cell.stop) for cell in self._cells], dtype=np.int64
        ).reshape(-1, 4)
        count = len(self._cells)
        self._lowest, self._highest = np.full(count, -1.0), np.full(count, 2.0)
        # With a window's counts on the left, the product is above 0 where a share lies beyond its limits.
        self._beyond = np.zeros((reference.size, 2 * count))
        self._level = np.zeros(count)
        self._learned_of = {signal: self._learning(signal) for signal in self._numbers if watched[signal].learned}
        self._blocks = 0 if state is None else state.blocks
        self._learned = np.zeros_like(reference) if state is None else np.asarray(state.counts, dtype=np.int64)
        if self._learned.size != reference.size:
            raise RunError(
                f"A stored reference has {self._learned.size} counts where {reference.size} are kept.",
                "It belongs to other rules or another baseline: begin anew without it.",
            )
        for signal in self._numbers:
            if self.origin(signal) <= self._blocks:
                self._set_limits(signal)

    def _of(self, signal: Signal) -> Ints:
        return np.flatnonzero([cell.signal == signal for cell in self._cells])

    def _learning(self, signal: Signal) -> int:
        level = self._reference_level(int(self._numbers[signal][0]))
        return learned_blocks(self._rules, self._watched[signal].tolerance, level)

    def _reference_level(self, cell: int) -> float:
        """Level of one bound of a share of the reference."""
        return self._watched[self._cells[cell].signal].level / (4 * self._cells[cell].choices)

    def origin(self, signal: Signal) -> int:
        """First block that is compared; those before it make the reference."""
        return self._learned_of.get(signal, 0)

    def signals(self) -> tuple[Signal, ...]:
        """What it watches; what is being learned included."""
        return tuple(self._numbers)

    def has(self, signal: Signal, cell: int) -> bool:
        """Whether a share is one of its own; see `Test`."""
        return 0 <= cell < len(self._cells) and self._cells[cell].signal == signal

    def _counted(self, counts: Ints) -> tuple[Ints, Ints]:
        """How many of each share, and of how many, both of shape ``(windows, cells)``."""
        cumulative = np.zeros((counts.shape[0], counts.shape[1] + 1), dtype=np.int64)
        np.cumsum(counts, axis=1, out=cumulative[:, 1:])
        low, high, start, stop = self._places.T
        return cumulative[:, high] - cumulative[:, low], cumulative[:, stop] - cumulative[:, start]

    def _set_limits(self, signal: Signal) -> None:
        self._compute_limits(signal)
        for cell in self._numbers[signal].tolist():
            low, high, start, stop = self._places[cell].tolist()
            below, above = self._beyond[:, 2 * cell], self._beyond[:, 2 * cell + 1]
            below[start:stop], above[start:stop] = self._lowest[cell], -self._highest[cell]
            below[low:high] -= 1
            above[low:high] += 1

    def _compute_limits(self, signal: Signal) -> None:
        cells, watched = self._numbers[signal], self._watched[signal]
        if watched.limit is not None:
            self._highest[cells] = watched.limit + watched.tolerance
            self._level[cells] = watched.level / cells.size
            return
        count, n = np.array([self._reference_of(cell) for cell in cells.tolist()]).T
        levels = np.array([self._reference_level(cell) for cell in cells.tolist()])
        self._lowest[cells] = share_low(count, n, levels) - watched.tolerance
        self._highest[cells] = share_high(count, n, levels) + watched.tolerance
        self._level[cells] = watched.level / 2 / (2 * cells.size)

    def _learn(self, block: Window) -> None:
        if self._blocks < max(self._learned_of.values(), default=0):
            for signal, blocks in self._learned_of.items():
                if self._blocks < blocks:
                    _, _, start, stop = self._places[self._numbers[signal][0]]
                    self._learned[start:stop] += block.counts[start:stop]
        self._blocks += 1
        for signal, blocks in self._learned_of.items():
            if self._blocks == blocks:
                self._set_limits(signal)

    def look(self, look: Look, earliest: Mapping[Signal, int]) -> list[Hit]:
        """The changes that it finds; see `Test`."""
        hits = self._hits(look, earliest) if (look.counts @ self._beyond > 0).any() else []
        self._learn(look.windows[0])
        return hits

    def _hits(self, look: Look, earliest: Mapping[Signal, int]) -> list[Hit]:
        count, n = self._counted(look.counts)
        rows, cells = np.nonzero((count < self._lowest * n) | (count > self._highest * n))
        pairs = zip(rows.tolist(), cells.tolist(), strict=True)
        allowed = np.array([self._allowed(look.windows[row], cell, earliest) for row, cell in pairs])
        rows, cells, allowed = rows[allowed > 0], cells[allowed > 0], allowed[allowed > 0]
        some, all_ = count[rows, cells] / self._effect, n[rows, cells] / self._effect
        below, above = beyond_tolerance(some, all_, self._lowest[cells], self._highest[cells])
        strengths = np.minimum(below, above) / allowed
        return [
            Hit(self._cells[cell].signal, cell, look.windows[row], strength)
            for row, cell, strength in zip(rows.tolist(), cells.tolist(), strengths.tolist(), strict=True)
            if strength <= 1
        ]

    def _allowed(self, window: Window, cell: int, earliest: Mapping[Signal, int]) -> float:
        signal = self._cells[cell].signal
        origin = self.origin(signal)
        if signal not in earliest or window.first < max(earliest[signal], origin):
            return 0.0
        return float(self._level[cell]) * window.part(origin)

    def told(self, hit: Hit) -> Told:
        """The numbers of a hit; see `Test`."""
        count, n = self._counted_one(hit.cell, hit.window.counts)
        baseline, watched, now = self._baseline(hit.cell), self._watched[hit.signal], count / n
        some, all_ = count / self._effect, n / self._effect
        if watched.limit is None:
            of, total = self._reference_of(hit.cell)
            low, high = (float(each) for each in difference(some, all_, of, total, INTERVAL_LEVEL))
            chance = self._alpha * (1 + hit.strength) / 2
        else:
            tail = INTERVAL_LEVEL / 2
            low, high = float(share_low(some, all_, tail)) - baseline, float(share_high(some, all_, tail)) - baseline
            chance = self._alpha * hit.strength
        limit = baseline + math.copysign(watched.tolerance, now - baseline)
        return Told(n, baseline, now, low, high, chance, self._cells[hit.cell].what, limit)

    def settled(self, cell: int, window: Window, halfway: float, level: float) -> bool:
        """Whether a share is within its limits, and proven to be on their side of a share; see `Test`."""
        count, n = self._counted_one(cell, window.counts)
        if not self._lowest[cell] * n <= count <= self._highest[cell] * n or not n:
            return False
        some, all_ = count / self._effect, n / self._effect
        rose = halfway > self._baseline(cell)
        return float(binomial_at_most(some, all_, halfway) if rose else binomial_at_least(some, all_, halfway)) <= level

    def _baseline(self, cell: int) -> float:
        limit = self._watched[self._cells[cell].signal].limit
        if limit is not None:
            return limit
        of, total = self._reference_of(cell)
        return of / total

    def _reference_of(self, cell: int) -> tuple[float, float]:
        """How many of the share and of how many; of learned ones, independent ones."""
        if self._cells[cell].signal not in self._learned_of:
            return self._counted_one(cell, self._reference)
        of, total = self._counted_one(cell, self._learned)
        return of / self._effect, total / self._effect

    def _counted_one(self, cell: int, counts: Ints) -> tuple[int, int]:
        at = self._cells[cell]
        return int(counts[at.low : at.high].sum()), int(counts[at.start : at.stop].sum())

    def state(self) -> LearnedState:
        """What was learned."""
        return LearnedState(blocks=self._blocks, counts=tuple(self._learned.tolist()))
