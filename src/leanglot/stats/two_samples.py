"""Exact comparisons of shares, and safe ones of means, that hold at the tiny levels of tests repeated for years.

Nothing here is asymptotic: at a level of one in a hundred million a normal approximation is wrong by factors.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincinv, gammaln, xlog1py, xlogy

Floats = NDArray[np.float64]

_TERMS: Final = 512
_BISECTIONS: Final = 60


def drop_z(count: int, n: int, reference_count: int, reference_n: int) -> float:
    """Pooled z statistic of a share that fell: cheap, to tell which samples are worth an exact test.

    Args:
        count: How many in the sample.
        n: Size of the sample, at least 1.
        reference_count: How many in the reference.
        reference_n: Its size, at least 1.

    Returns:
        Above 0 where the share fell; 0 where both samples are all of one kind.
    """
    pooled = (count + reference_count) / (n + reference_n)
    variance = pooled * (1 - pooled) * (1 / n + 1 / reference_n)
    return (reference_count / reference_n - count / n) / math.sqrt(variance) if variance > 0 else 0.0


def fisher_drop(count: int, n: int, reference_count: int, reference_n: int) -> float:
    """One-sided p-value that a share fell between two independent samples (Fisher's exact test, 1935).

    Given how many there are in both samples together, the count of the sample is hypergeometric when the shares are
    equal; the value is its lower tail. It is no smaller in distribution than a uniform variable when the share did not
    fall.

    Args:
        count: How many in the sample.
        n: Size of the sample, at least 1.
        reference_count: How many in the reference.
        reference_n: Its size, at least 1.
    """
    kind, total = count + reference_count, n + reference_n
    if count >= min(n, kind):
        return 1.0
    if count * total > n * kind:  # above the mean: the upper tail has the fewer terms
        return 1.0 - _tail(reference_count - 1, reference_n, kind, total) if reference_count else 1.0
    return _tail(count, n, kind, total)


def _tail(count: int, n: int, kind: int, total: int) -> float:
    """Chance of at most ``count`` of a kind among ``n`` drawn of ``total`` without return; ``count`` below the mean."""
    least = max(0, n + kind - total)
    if count < least:
        return 0.0
    terms = gammaln(
        np.array([kind, total - kind, n, total - n, count, kind - count, n - count, total - kind - n + count, total])
        + 1.0
    )
    first = float(np.exp(terms[:4].sum() - terms[4:].sum()))
    # Each term below has the ratio x (total - kind - n + x) / ((kind - x + 1) (n - x + 1)) to the one above it.
    whole, last, place = 1.0, 1.0, count
    while place > least and last > 1e-17 * whole:
        x = np.arange(place, max(least, place - _TERMS), -1, dtype=np.float64)
        products = last * np.cumprod(x * (total - kind - n + x) / ((kind - x + 1) * (n - x + 1)))
        whole += float(products.sum())
        last, place = float(products[-1]), place - x.size
    return min(1.0, first * whole)


def binomial_at_most(count: ArrayLike, n: ArrayLike, share: ArrayLike) -> Floats:
    """Chance of at most ``count`` among ``n`` when each has the chance ``share``."""
    x, m, p = (np.asarray(each, dtype=np.float64) for each in (count, n, share))
    inside = x < m
    return np.where(inside, betainc(np.where(inside, m - x, 1.0), x + 1, np.clip(1 - p, 0.0, 1.0)), 1.0)


def binomial_at_least(count: ArrayLike, n: ArrayLike, share: ArrayLike) -> Floats:
    """Chance of at least ``count`` among ``n`` when each has the chance ``share``."""
    x, m = np.asarray(count, dtype=np.float64), np.asarray(n, dtype=np.float64)
    return binomial_at_most(m - x, m, 1 - np.asarray(share, dtype=np.float64))


def share_low(count: ArrayLike, n: ArrayLike, level: ArrayLike) -> Floats:
    """One-sided lower bound of a share, wrong with a chance of at most ``level`` (Clopper and Pearson, 1934).

    Args:
        count: How many.
        n: Of how many; 0 leaves every share possible.
        level: Error level, above 0 and below 1.
    """
    x, m, tail = (np.asarray(each, dtype=np.float64) for each in (count, n, level))
    some = x > 0
    return np.where(some, betaincinv(np.where(some, x, 1.0), np.maximum(m - x, 0) + 1, tail), 0.0)


def share_high(count: ArrayLike, n: ArrayLike, level: ArrayLike) -> Floats:
    """One-sided upper bound of a share; see `share_low`."""
    x, m = np.asarray(count, dtype=np.float64), np.asarray(n, dtype=np.float64)
    return 1.0 - share_low(m - x, m, level)


def difference(
    count: ArrayLike, n: ArrayLike, reference_count: ArrayLike, reference_n: ArrayLike, level: float
) -> tuple[Floats, Floats]:
    """Exact, conservative interval of the difference of two independent shares, sample minus reference.

    Each of the four ends of the two Clopper-Pearson intervals errs with a chance of at most a quarter of the level.

    Args:
        count: How many in the sample.
        n: Size of the sample.
        reference_count: How many in the reference.
        reference_n: Its size.
        level: Chance that the interval misses the difference, above 0 and below 1.
    """
    tail = level / 4
    low = share_low(count, n, tail) - share_high(reference_count, reference_n, tail)
    high = share_high(count, n, tail) - share_low(reference_count, reference_n, tail)
    return low, high


def beyond_tolerance(count: ArrayLike, n: ArrayLike, lowest: ArrayLike, highest: ArrayLike) -> tuple[Floats, Floats]:
    """P-values that a share lies below the lowest and above the highest one that is in order.

    With bounds of the reference's share, less or plus the tolerance, as limits, this tests "differs by more than the
    tolerance". Where the sample lies within the limits, the values are 1: they are not needed, and cost nothing.

    Args:
        count: How many in the sample.
        n: Size of the sample.
        lowest: Lowest share in order; below 0 where none is too low.
        highest: Highest share in order; above 1 where none is too high.
    """
    x, m, low, high = np.broadcast_arrays(*(np.asarray(each, dtype=np.float64) for each in (count, n, lowest, highest)))
    below, above = np.ones(x.shape), np.ones(x.shape)
    under, over = x < low * m, x > high * m
    if under.any():
        below[under] = binomial_at_most(x[under], m[under], low[under])
    if over.any():
        above[over] = binomial_at_least(x[over], m[over], high[over])
    return below, above


def relative_entropy(p: ArrayLike, q: ArrayLike) -> Floats:
    """Kullback-Leibler divergence in nats of two coins with the chances ``p`` and ``q``; infinite where it must be."""
    a, b = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    with np.errstate(divide="ignore"):
        one = xlogy(a, a) - xlogy(a, b)
        both: Floats = one + xlog1py(1 - a, -a) - xlog1py(1 - a, -b)
    return np.maximum(both, 0.0)


def mean_at_most(mean: ArrayLike, n: ArrayLike, expected: ArrayLike) -> Floats:
    """Upper bound of the chance that the mean of ``n`` independent values from 0 to 1 is at most ``mean``.

    It is ``exp(-n * kl(mean, expected))`` below the expectation, else 1; the values may have different expectations,
    whose mean is ``expected`` or more.

    Source: Hoeffding, "Probability inequalities for sums of bounded random variables", JASA 58 (1963), Theorem 1.
    """
    a, m, b = (np.asarray(each, dtype=np.float64) for each in (mean, n, expected))
    return np.where(a < b, np.exp(-m * relative_entropy(a, np.clip(b, 0.0, 1.0))), 1.0)


def mean_high(mean: float, n: float, level: float) -> float:
    """One-sided upper bound of the expectation of values from 0 to 1, by inverting `mean_at_most`.

    Args:
        mean: Their observed mean.
        n: How many, at least 1.
        level: Error level, above 0 and below 1.
    """
    low, high, allowed = mean, 1.0, float(-np.log(level)) / n
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if float(relative_entropy(mean, middle)) < allowed else (low, middle)
    return high


def mean_low(mean: float, n: float, level: float) -> float:
    """One-sided lower bound of the expectation of values from 0 to 1; see `mean_high`."""
    return 1.0 - mean_high(1.0 - mean, n, level)
