"""Real scores that hardly differ: what they allow when too few moved for a bootstrap to speak."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from leanglot.stats.clusters import Clusters, largest_design_effect
from leanglot.stats.intervals import Interval, share_bound


@dataclass(frozen=True)
class Departures:
    """Differences that are mostly one and the same, with few departures from it.

    Attributes:
        usual: The commonest difference; 0 where most scores did not move.
        above: Number of clusters whose mean difference is larger.
        below: Number of those where it is smaller.
        clusters: Number of clusters; of examples, where these are independent.
        n_effective: What the clusters are worth in equal ones.
    """

    usual: float
    above: int
    below: int
    clusters: int
    n_effective: float

    @classmethod
    def of(cls, clusters: Clusters) -> Self:
        """Counts the clusters whose mean difference departs from the commonest one."""
        means = np.round(clusters.sums / clusters.sizes, 12)  # what differs by rounding alone is the same
        values, numbers = np.unique(means, return_counts=True)
        usual = float(values[numbers.argmax()])
        return cls(
            usual=usual,
            above=int(np.sum(means > usual)),
            below=int(np.sum(means < usual)),
            clusters=means.size,
            n_effective=clusters.n / largest_design_effect(clusters),
        )

    @property
    def number(self) -> int:
        """Number of clusters that depart from the usual difference."""
        return self.above + self.below

    @property
    def effective_number(self) -> float:
        """The same, scaled to the effective number of clusters."""
        return self.number * self.n_effective / self.clusters

    def interval(self, span: float, alpha: float) -> Interval:
        """Interval of the mean that holds whatever the departures' sizes: each may be as large as the span.

        Without any departure it is the rule of three, on the share of examples that may yet depart, times the
        span.

        Args:
            span: Largest size a difference can have, above 0.
            alpha: Error level, above 0 and at most 0.5.
        """
        return Interval(
            low=-self._upper(self.below, -self.usual, span, alpha / 2),
            high=self._upper(self.above, self.usual, span, alpha / 2),
            bound=self._upper(self.above, self.usual, span, alpha),
        )

    def _upper(self, departed: int, usual: float, span: float, tail: float) -> float:
        share = share_bound(departed * self.n_effective / self.clusters, self.n_effective, tail)
        return usual + share * max(0.0, span - usual)  # never less by rounding
