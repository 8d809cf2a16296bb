"""Accuracy of the newest labelled predictions: a number that knows how much it rests on."""

from dataclasses import dataclass
from typing import Final, Self

from leanglot.stats.intervals import share_bound

_TAIL: Final = 0.025


@dataclass(frozen=True, slots=True)
class Counted:
    """Right answers among labelled ones.

    Attributes:
        right: How many were right.
        n: All.
    """

    right: int
    n: int

    @property
    def share(self) -> float:
        """The accuracy; there must be some."""
        return self.right / self.n

    def bounds(self, tail: float) -> tuple[float, float]:
        """The exact one-sided bounds of the accuracy (Clopper and Pearson, 1934)."""
        return 1 - share_bound(self.n - self.right, self.n, tail), share_bound(self.right, self.n, tail)


class RollingAccuracy(float):
    """A share of right answers, to be used as the number it is.

    Attributes:
        n: Labelled predictions that it was taken from.
        low: Lower end of its exact 95% interval.
        high: Upper end of it.
    """

    __slots__ = ("high", "low", "n")

    n: int
    low: float
    high: float

    def __new__(cls, value: float, n: int, low: float, high: float) -> Self:
        """The number, with what it rests on."""
        found = super().__new__(cls, value)
        found.n, found.low, found.high = n, low, high
        return found

    def __getnewargs__(self) -> tuple[float, int, float, float]:  # type: ignore[override] # how a copy is made
        return float(self), self.n, self.low, self.high

    @classmethod
    def of(cls, counted: Counted) -> Self:
        """The accuracy of counted answers; there must be some."""
        return cls(counted.share, counted.n, *counted.bounds(_TAIL))
