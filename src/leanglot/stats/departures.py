"""Real scores that hardly differ: what they allow when too few moved for a bootstrap to speak."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from leanglot.stats.clusters import Clusters
from leanglot.stats.intervals import Interval, share_bound, unequal_share_bound


@dataclass(frozen=True)
class Departures:
    """Differences that are mostly one and the same, with few departures from it.

    Attributes:
        drop: Mean difference over all examples.
        usual: The commonest difference; 0 where most scores did not move.
        above: Number of clusters whose mean difference is larger.
        below: Number of those where it is smaller.
        share_above: Share of the examples that lie in the former.
        share_below: Share of those that lie in the latter.
        clusters: Number of clusters; of examples, where these are independent.
        n_effective: What the clusters are worth in equal ones.
    """

    drop: float
    usual: float
    above: int
    below: int
    share_above: float
    share_below: float
    clusters: int
    n_effective: float

    @classmethod
    def of(cls, clusters: Clusters, span: float = 1.0) -> Self:
        """Counts the clusters whose mean difference departs from the commonest one by more than rounding.

        Args:
            clusters: The differences.
            span: Largest size a difference can have, above 0.
        """
        means = np.round(clusters.sums / clusters.sizes / span, 12) * span
        values, numbers = np.unique(means, return_counts=True)
        usual = float(values[numbers.argmax()])
        above, below = means > usual, means < usual
        return cls(
            drop=clusters.drop,
            usual=usual,
            above=int(above.sum()),
            below=int(below.sum()),
            share_above=float(clusters.sizes[above].sum()) / clusters.n,
            share_below=float(clusters.sizes[below].sum()) / clusters.n,
            clusters=means.size,
            n_effective=clusters.n_whole,
        )

    @property
    def number(self) -> int:
        """Number of clusters that depart from the usual difference."""
        return self.above + self.below

    @property
    def effective_number(self) -> float:
        """The same in equal clusters."""
        return (self.share_above + self.share_below) * self.n_effective

    def interval(self, span: float, alpha: float) -> Interval:
        """Interval of the mean that holds whatever the departures' sizes: each may be as large as the span.

        Without any departure it is the rule of three, on the share of examples that may yet depart, times the
        span.

        Args:
            span: Largest size a difference can have, above 0.
            alpha: Error level, above 0 and at most 0.5.
        """
        bound = self._upper(self.share_above, self.usual, span, alpha)
        high = self._upper(self.share_above, self.usual, span, alpha / 2)
        low = -self._upper(self.share_below, -self.usual, span, alpha / 2)
        return Interval(min(low, self.drop), max(high, bound, self.drop), max(bound, self.drop))

    def _upper(self, share: float, usual: float, span: float, tail: float) -> float:
        largest = share_bound(share * self.n_effective, self.n_effective, tail)
        return usual + largest * max(0.0, span - usual)  # never less by rounding


def unseen_interval(clusters: Clusters, span: float, alpha: float) -> Interval:
    """What rare differences, as large as the span and not met yet, could make of the mean.

    A bootstrap knows no difference larger than those it was given: of 21 scores that moved by a hair it would infer
    that none ever moves by more. As many differences as the rule of three allows may; they take the place of the
    largest one seen.

    Args:
        clusters: The differences.
        span: Largest size a difference can have, above 0.
        alpha: Error level, above 0 and at most 0.5.
    """
    means = clusters.sums / clusters.sizes

    def lift(seen: float, tail: float) -> float:
        return unequal_share_bound(clusters.sizes, tail) * max(0.0, span - seen)

    highest, lowest = float(means.max()), float(means.min())
    return Interval(
        low=clusters.drop - lift(-lowest, alpha / 2),
        high=clusters.drop + lift(highest, alpha / 2),
        bound=clusters.drop + lift(highest, alpha),
    )
