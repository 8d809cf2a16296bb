"""Intervals of a paired drop that is counted: answers lost, answers won, answers unchanged."""

import math
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import beta, norm, t

FEW: Final = 20


@dataclass(frozen=True)
class Interval:
    """What the data allow the true drop to be, in the unit of the scores.

    Attributes:
        low: Lower end of the two-sided interval at level ``1 - alpha``.
        high: Upper end of it.
        bound: One-sided upper bound at level ``1 - alpha``; never above ``high``.
    """

    low: float
    high: float
    bound: float

    def joined(self, other: "Interval") -> "Interval":
        """What at least one of two ways to look at the same data allows."""
        return Interval(min(self.low, other.low), max(self.high, other.high), max(self.bound, other.bound))


@dataclass(frozen=True)
class PairedCounts:
    """Paired right-or-wrong answers, counted; fractions are allowed, for effective sample sizes.

    Attributes:
        lost: Examples that the baseline answered rightly and the candidate wrongly.
        won: Examples that the candidate answered rightly and the baseline wrongly.
        n: All examples, at least ``lost + won``.
    """

    lost: float
    won: float
    n: float

    @property
    def flips(self) -> float:
        """Examples whose answer changed between right and wrong."""
        return self.lost + self.won

    @property
    def drop(self) -> float:
        """The observed drop, as a fraction."""
        return (self.lost - self.won) / self.n

    def scaled(self, n: float) -> Self:
        """The same shares among ``n`` examples."""
        factor = n / self.n
        return type(self)(self.lost * factor, self.won * factor, n)

    def mirrored(self) -> Self:
        """Candidate and baseline exchanged."""
        return type(self)(self.won, self.lost, self.n)


def tango_upper(counts: PairedCounts, z: float) -> float:
    """Upper limit of Tango's score interval: the largest drop whose score statistic is at least ``-z``.

    The statistic of a drop is ``(lost - won - n * drop) / sqrt(n * variance)``, with the variance that the
    likeliest answers under that drop would have.

    Source: Tango, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17 (1998). The lower limit is minus the upper one of the
    mirrored counts.

    Args:
        counts: The observed answers, ``n`` above 0.
        z: Normal quantile of the level, at least 0.
    """
    if math.isclose(counts.lost, counts.n):
        return counts.drop
    if counts.flips == 0:  # here the variance is 0 at the observed drop, and so is the equation below
        return z**2 / (counts.n + z**2)
    if math.isclose(counts.won, counts.n):  # and here
        return (z**2 - counts.n) / (z**2 + counts.n)

    def excess(drop: float) -> float:
        deviation = counts.lost - counts.won - counts.n * drop
        return deviation**2 - z**2 * counts.n * _variance(counts, drop)

    if excess(counts.drop) >= 0:  # at a level of one half there is no width
        return counts.drop
    return float(brentq(excess, counts.drop, 1.0, xtol=1e-12))


def _variance(counts: PairedCounts, drop: float) -> float:
    """Variance of one pair's difference, the share of won answers at its likeliest value given the drop."""
    a = 2 * counts.n
    b = -counts.flips + (2 * counts.n - counts.lost + counts.won) * drop
    c = -counts.won * drop * (1 - drop)
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    # Of the two equal forms, the one that subtracts no two nearly equal numbers.
    won = -2 * c / (root + b) if b > 0 else (root - b) / (2 * a)
    return 2 * max(won, 0.0) + drop * (1 - drop)


def share_bound(count: float, n: float, alpha: float) -> float:
    """One-sided upper bound at level ``1 - alpha`` of a share seen ``count`` times in ``n``.

    Source: Clopper and Pearson (1934). With a count of 0 it is ``1 - alpha ** (1 / n)``, about ``3 / n`` at
    0.05: the rule of three.
    """
    return 1.0 if count >= n or math.isclose(count, n) else float(beta.ppf(1 - alpha, count + 1, n - count))


def unequal_share_bound(sizes: NDArray[np.int64], alpha: float) -> float:
    """Largest share of the examples that clusters may fail on, at level ``1 - alpha``, when none failed as yet.

    Each cluster may have a chance of its own: the bound is the largest mean of the chances, weighted by size, under
    which seeing no failure at all still has probability ``alpha``. Large clusters get the larger chances. Clusters of
    equal size give the rule of three, ``1 - alpha ** (1 / clusters)``.

    Args:
        sizes: Examples in each cluster, shape ``(clusters,)``, at least 1.
        alpha: Error level, above 0 and below 1.
    """
    largest_first = np.sort(sizes)[::-1].astype(np.float64)
    taking_part = np.arange(1, sizes.size + 1)
    # With the k largest: each chance is 1 - level / size, and the product of what is left of them is alpha.
    levels = np.exp((math.log(alpha) + np.cumsum(np.log(largest_first))) / taking_part)
    k = int(np.flatnonzero(levels < largest_first)[-1]) + 1
    return float(np.sum(largest_first[:k] - levels[k - 1]) / largest_first.sum())


def counted_interval(counts: PairedCounts, alpha: float, degrees: float | None = None) -> Interval:
    """Interval of the drop of right-or-wrong scores: Tango's, made safe where the answers are few.

    Three additions, all towards caution. Where nothing was won the one-sided bound is at least the exact bound
    of the share lost: Tango's bound alone errs in 6.8% of samples instead of 5% when 268 examples show no
    flip at all. Of fewer than 20 examples, the ends are at least the exact bounds of the shares lost and won, taken
    apart: with Tango's bound alone, three answers won in three would prove a gain of five points. And where the
    counts are effective ones, estimated from clusters, they shrink by the square
    of the ratio of normal to t quantile (Korn and Graubard, "Confidence intervals for proportions with small
    expected number of positive counts estimated from survey data", Survey Methodology 24, 1998).

    Args:
        counts: Answers lost and won; effective numbers where the examples come in clusters.
        alpha: Error level, above 0 and at most 0.5.
        degrees: Degrees of freedom of the effective sample size, clusters minus one; None for independent
            examples.
    """
    two_sided = counts.scaled(counts.n * _t_shrinkage(alpha / 2, degrees))
    one_sided = counts.scaled(counts.n * _t_shrinkage(alpha, degrees))
    bound = _upper(one_sided, alpha)
    if counts.won == 0:
        bound = max(bound, share_bound(one_sided.lost, one_sided.n, alpha))
    low = -_upper(two_sided.mirrored(), alpha / 2)
    return Interval(low=low, high=max(_upper(two_sided, alpha / 2), bound), bound=bound)


def _upper(counts: PairedCounts, tail: float) -> float:
    upper = tango_upper(counts, float(norm.isf(tail)))
    if counts.n >= FEW:
        return upper
    least_won = 1 - share_bound(counts.n - counts.won, counts.n, tail)
    return max(upper, share_bound(counts.lost, counts.n, tail) - least_won)


def _t_shrinkage(alpha: float, degrees: float | None) -> float:
    return 1.0 if degrees is None or alpha >= 0.5 else float((norm.isf(alpha) / t.isf(alpha, degrees)) ** 2)
