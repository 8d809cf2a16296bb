"""Tests whether labelled predictions are right less often than the judged examples were."""

import math
from collections.abc import Mapping
from typing import Final

from leanglot.monitor.findings import INTERVAL_LEVEL, Hit, Told
from leanglot.monitor.stream import Look
from leanglot.monitor.windows import Window, Windows
from leanglot.results.monitoring import Signal
from leanglot.stats.two_samples import binomial_at_least, binomial_at_most, difference, drop_z, fisher_drop, share_low

_WORTH_A_TEST: Final = 2.5  # standard errors: the level of the very first look is below 0.005
_IN_ORDER_Z: Final = 1.645  # 5%, one-sided
_POWER_Z: Final = 0.8416  # 80%
_BISECTIONS: Final = 14


class AccuracyTest:
    """Two tests of a drop, each with half of the level.

    Fisher's exact test, at each look, takes the number of judged examples into account at the look's own strict level.
    The other test spends half of its level once, on a lower bound of the judged accuracy (Clopper and Pearson), and the
    rest on exact binomial tests against that bound: it is the better one where live predictions far outnumber judged
    examples.

    Args:
        right: Judged examples that were rightly answered.
        n: Judged examples; with 0 nothing is tested.
        level: Error level of all its looks together.
        alpha: Error level of the whole monitor.
        design_effect: Labelled predictions that are worth one independent one.
    """

    def __init__(self, right: int, n: int, level: float, alpha: float, design_effect: float = 1.0) -> None:
        self._right, self._n, self._alpha, self._effect = right, n, alpha, design_effect
        self._fisher_level, self._bound_level = level / 2, level / 4
        self._bound = float(share_low(right, n, level / 4)) if n else 0.0

    def signals(self) -> tuple[Signal, ...]:
        """The accuracy, where there are judged examples."""
        return ("accuracy",) if self._n else ()

    def has(self, signal: Signal, cell: int) -> bool:
        """Whether a share is one of its own; see `Test`."""
        return signal in self.signals() and cell == 0

    def look(self, look: Look, earliest: Mapping[Signal, int]) -> list[Hit]:
        """The drops that it finds; see `Test`."""
        if "accuracy" not in earliest or not self._n:
            return []
        right, n = look.counts[:, 1::2].sum(axis=1).tolist(), look.counts.sum(axis=1).tolist()
        hits = []
        for row, window in enumerate(look.windows):
            if window.first >= earliest["accuracy"]:
                hits.append(
                    Hit("accuracy", 0, window, self._strength(*self._independent(right[row], n[row]), window.part())[0])
                )
        return [hit for hit in hits if hit.strength <= 1]

    def _independent(self, right: int, n: int) -> tuple[int, int]:
        """Right answers and all of as many independent predictions as these are worth; wrong ones are rounded down."""
        worth = math.ceil(n / self._effect)
        return worth - math.floor((n - right) / self._effect), worth

    def _strength(self, right: int, n: int, part: float) -> tuple[float, bool]:
        """P-value over the level it must keep, of Fisher's test or of the other, and whether it is Fisher's.

        The other counts where Fisher's finds nothing: the levels that were spent once make its findings less sure.
        """
        if drop_z(right, n, self._right, self._n) < _WORTH_A_TEST:
            return math.inf, True
        fisher = fisher_drop(right, n, self._right, self._n) / (self._fisher_level * part)
        bound = float(binomial_at_most(right, n, self._bound)) / (self._bound_level * part)
        return (fisher, True) if fisher <= 1 or fisher <= bound else (bound, False)

    def told(self, hit: Hit) -> Told:
        """The numbers of a hit; see `Test`."""
        right, n = _counted(hit.window)
        strength, by_fisher = self._strength(*self._independent(right, n), hit.window.part())
        low, high = difference(right / self._effect, n / self._effect, self._right, self._n, INTERVAL_LEVEL)
        chance = strength if by_fisher else (1 + strength) / 2
        baseline = self._right / self._n
        return Told(n, baseline, right / n, float(low), float(high), self._alpha * chance, "right answers", baseline)

    def settled(self, cell: int, window: Window, halfway: float, level: float) -> bool:  # noqa: ARG002 - it has one share
        """Whether nothing speaks for a drop, and an accuracy is proven to be surpassed; see `Test`."""
        right, n = _counted(window)
        in_order = drop_z(*self._independent(right, n), self._right, self._n) < _IN_ORDER_Z
        return in_order and float(binomial_at_least(right / self._effect, n / self._effect, halfway)) <= level

    def detectable(self, windows: Windows, block: int) -> float | None:
        """Smallest drop that the widest windows so far would have shown with 80% power; None where none would.

        Args:
            windows: The history; a drop as old as it is meant.
            block: Predictions in a block.
        """
        if not self._n:
            return None
        found = [self._smallest(math.floor(blocks * block / self._effect), part) for blocks, part in windows.widest()]
        return min((drop for drop in found if drop is not None), default=None)

    def _smallest(self, n: int, part: float) -> float | None:
        baseline = self._right / self._n
        if n == 0:
            return None

        def shows(drop: float) -> bool:
            share = baseline - drop
            right = math.floor(min(n, n * share + _POWER_Z * math.sqrt(max(0.0, n * share * (1 - share)))))
            return self._strength(right, n, part)[0] <= 1

        if not shows(baseline):
            return None
        low, high = 0.0, baseline
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (low, middle) if shows(middle) else (middle, high)
        return high


def _counted(window: Window) -> tuple[int, int]:
    """Right answers and all: the places of right ones are odd."""
    right = int(window.counts[1::2].sum())
    return right, right + int(window.counts[::2].sum())
