"""The bootstrap interval of a mean drop of real scores, over examples or over clusters of them."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap, norm, t

from leanglot.stats.clusters import Clusters
from leanglot.stats.intervals import Interval

RESAMPLES = 1_999
_ELEMENTS_AT_ONCE = 400_000


def bca_interval(clusters: Clusters, alpha: float, rng: np.random.Generator) -> Interval:
    """BCa bootstrap interval of the mean difference, clusters drawn whole, levels expanded for few of them.

    Sources: Efron, "Better bootstrap confidence intervals" (1987); the expansion, which makes up for the
    bootstrap's normal quantiles and its variance with ``n`` in place of ``n - 1``: Hesterberg, "What teachers
    should know about the bootstrap" (2015). The jackknife of a ratio of sums is had in one line; scipy's own
    takes time and memory that grow with the square of the number of clusters.

    Args:
        clusters: At least two clusters whose drops are not all equal; clusters of one where examples are
            independent.
        alpha: Error level, above 0 and at most 0.5.
        rng: Source of the resamples.
    """
    sums, sizes = clusters.sums, clusters.sizes.astype(float)
    drop = clusters.drop
    even = bool(np.all(sizes == sizes[0]))  # then the ratio is a mean, at half the work
    resampled = bootstrap(
        (sums / sizes,) if even else (sums, sizes),
        np.mean if even else _ratio,
        paired=not even,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=max(1, _ELEMENTS_AT_ONCE // sums.size),
        method="percentile",
        rng=rng,
    ).bootstrap_distribution
    left_out = (sums.sum() - sums) / (sizes.sum() - sizes)
    return bca_limits(resampled, drop, left_out, clusters.n_whole, alpha)


def bca_limits(
    resampled: NDArray[np.float64], drop: float, left_out: NDArray[np.float64], count: float, alpha: float
) -> Interval:
    """The BCa interval of any statistic, from its resamples and its jackknife; see `bca_interval`.

    Args:
        resampled: The statistic in each resample, shape ``(resamples,)``.
        drop: The statistic of all data.
        left_out: The statistic without each independent unit in turn, shape ``(units,)``.
        count: What the units are worth in equal ones.
        alpha: Error level, above 0 and at most 0.5.
    """
    number = resampled.size
    below = (np.sum(resampled < drop) + 0.5 * np.sum(resampled == drop)) / number
    bias = float(norm.ppf(np.clip(below, 1 / number, 1 - 1 / number)))
    influence = left_out.mean() - left_out
    spread = float(np.sum(influence**2) ** 1.5)
    acceleration = float(np.sum(influence**3)) / (6 * spread) if spread > 0 else 0.0

    def limit(tail: float, sign: int) -> float:
        z = bias + sign * _expanded(tail, count)
        stretch = 1 - acceleration * z
        level = float(norm.cdf(bias + z / stretch)) if stretch > 0 else float(z > 0)
        return float(np.quantile(resampled, level))

    bound = limit(alpha, 1)
    return Interval(low=limit(alpha / 2, -1), high=max(limit(alpha / 2, 1), bound), bound=bound)


def _ratio(sums: NDArray[np.float64], sizes: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    return np.asarray(sums.sum(axis=axis) / sizes.sum(axis=axis))


def _expanded(tail: float, count: float) -> float:
    """The quantile to ask the bootstrap for, as a positive normal deviate, so that a t interval comes out.

    Clusters of unequal size count as so many equal ones; next to one that holds nearly all, little is known.
    """
    degrees = max(count - 1, 0.5)
    return float(np.sqrt((degrees + 1) / degrees) * t.isf(tail, degrees))
