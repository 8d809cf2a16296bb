"""How much examples that come in clusters are worth: cluster sums, design effects, effective sample sizes."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.stats.intervals import PairedCounts

CAUTION_CLUSTERS: Final = 3.0


@dataclass(frozen=True)
class Clusters:
    """Differences summed over independent clusters.

    Attributes:
        sums: Sum of the differences in each cluster, shape ``(clusters,)``.
        sizes: Number of examples in each cluster, shape ``(clusters,)``.
        squares: Sum of the squared differences in each cluster, which are its flips where the scores are 0
            and 1.
    """

    sums: NDArray[np.float64]
    sizes: NDArray[np.int64]
    squares: NDArray[np.float64]

    @property
    def n(self) -> int:
        """Number of examples."""
        return int(self.sizes.sum())

    @property
    def drop(self) -> float:
        """Mean difference over the examples."""
        return float(self.sums.sum()) / self.n

    @property
    def n_whole(self) -> float:
        """How many independent observations there are if all examples of a cluster behave alike."""
        return self.n / largest_design_effect(self)


def cluster_sums(differences: NDArray[np.float64], groups: NDArray[np.int64]) -> Clusters:
    """Sums the differences over their groups, in an order that does not depend on the order of the examples.

    Args:
        differences: One difference per example, shape ``(n,)``.
        groups: Number of each example's group, from 0 without gaps, shape ``(n,)``.
    """
    sizes = np.bincount(groups)
    order = np.lexsort((differences, groups))
    sums = np.bincount(groups[order], weights=differences[order]).astype(np.float64)
    squares = np.bincount(groups[order], weights=differences[order] ** 2).astype(np.float64)
    order = np.lexsort((squares, sums, sizes))
    return Clusters(sums[order], sizes[order], squares[order])


def observed_design_effect(clusters: Clusters) -> float | None:
    """Variance of the mean drop over clusters, relative to that of as many independent examples.

    Source: Kish, "Survey Sampling" (1965), with the jackknife variance of a ratio: a cluster that holds much of the
    data draws the mean to itself, and its own deviation from it would hide (Bell and McCaffrey, "Bias reduction in
    standard errors for linear regression with multi-stage samples", 2002). None where it cannot be estimated: a
    single cluster, or differences that are all equal.
    """
    n, count = clusters.n, clusters.sums.size
    squares = float(clusters.squares.sum())
    spread = squares - n * clusters.drop**2
    if count < 2 or spread <= 1e-12 * squares:
        return None
    deviations = (clusters.sums - clusters.sizes * clusters.drop) / (1 - clusters.sizes / n)
    between = (count - 1) / count * float(np.sum(deviations**2))
    return between / (n / (n - 1) * spread)


def largest_design_effect(clusters: Clusters) -> float:
    """The design effect if all examples of a cluster behaved alike: Kish's weighted mean cluster size."""
    return float(np.sum(clusters.sizes.astype(float) ** 2)) / clusters.n


def counted_whole(clusters: Clusters) -> PairedCounts:
    """The clusters of 0/1 scores as one answer each, lost or won where most of it was, weighted by their size."""

    def worth(chosen: NDArray[np.bool_]) -> float:
        return float(clusters.sizes[chosen].sum()) / clusters.n * clusters.n_whole

    half = clusters.sizes / 2
    return PairedCounts(worth(clusters.sums > half), worth(clusters.sums < -half), clusters.n_whole)


def design_effect(clusters: Clusters) -> float:
    """The design effect to reckon with for 0/1 scores, at least 1: cautious where few clusters show a flip.

    The observed effect says little when it rests on few clusters with flips, and nothing without any; so it
    is averaged with the largest one, which weighs as much as `CAUTION_CLUSTERS` clusters with flips.
    """
    largest = largest_design_effect(clusters)
    observed = observed_design_effect(clusters)
    if observed is None:
        return largest
    flipped = int(np.count_nonzero(clusters.squares))
    weight = flipped / (flipped + CAUTION_CLUSTERS)
    return max(1.0, weight * observed + (1 - weight) * largest)
