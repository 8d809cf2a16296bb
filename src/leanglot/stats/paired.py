"""Paired tests of "no drop": exact McNemar, and sign flips for real scores and for clusters."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, binomtest

LARGEST_CONVOLUTION = 1e9  # multiplications: about half a second
EXACT_UP_TO = 12  # differences: 4,096 sign patterns, fewer than the Monte Carlo draws
RESAMPLES = 9_999
_ELEMENTS_AT_ONCE = 400_000


def mcnemar(lost: int, won: int) -> float:
    """Two-sided p-value of the exact McNemar test: among changed answers, lost and won are equally likely.

    Source: McNemar (1947), in its exact conditional form. Without changed answers there is nothing against
    the hypothesis, and the value is 1.
    """
    return float(binomtest(lost, lost + won).pvalue) if lost + won else 1.0


def cluster_p_value(sums: NDArray[np.int64], rng: np.random.Generator) -> float:
    """Two-sided p-value of no drop from each cluster's lost minus won answers, exact where that takes no minutes.

    The hypothesis is that a cluster's changes are as likely as their opposites. It is not that the mean is 0: rare
    clusters with large gains that make up for many small losses are found to be a drop.

    Args:
        sums: Lost minus won answers of each cluster, shape ``(clusters,)``.
        rng: Source of random signs, for clusters too many and too large to enumerate.
    """
    sizes, numbers = np.unique(np.abs(sums), return_counts=True)
    lengths = (sizes * numbers).astype(np.float64)
    if np.sum((np.cumsum(lengths) - lengths) * lengths) <= LARGEST_CONVOLUTION:
        return sign_flip_counts(sums)
    return sign_flip(sums.astype(np.float64), rng)


def sign_flip_counts(sums: NDArray[np.int64]) -> float:
    """Exact two-sided p-value that each cluster's lost minus won answers are as likely as their opposite.

    The null distribution, of the sum of all counts under random signs, comes from convolving the binomial
    distributions of the clusters of equal size of count. With counts of 1 and -1 alone it is McNemar's exact
    test.

    Args:
        sums: Lost minus won answers of each cluster, shape ``(clusters,)``.
    """
    sizes, numbers = np.unique(np.abs(sums[sums != 0]), return_counts=True)
    distribution = np.ones(1)  # of the sum of the counts whose sign came out positive
    for size, number in zip(sizes.tolist(), numbers.tolist(), strict=True):
        step = np.zeros(size * number + 1)
        step[::size] = binom.pmf(np.arange(number + 1), number, 0.5)
        distribution = np.convolve(distribution, step)
    total = distribution.size - 1
    values = 2 * np.arange(total + 1) - total
    extreme = np.abs(values) >= abs(int(sums.sum()))
    return min(1.0, math.fsum(distribution[extreme]))


def sign_flip(differences: NDArray[np.float64], rng: np.random.Generator) -> float:
    """Two-sided p-value that each difference is as likely as its opposite, from the size of their sum.

    Exact over all sign patterns where at most 12 differences are not zero; else 9,999 seeded random patterns,
    counting the observed one too (Phipson and Smyth, "Permutation p-values should never be zero", 2010). Where none
    of them is as extreme, Hoeffding's inequality (1963) bounds the value from above, often far below 1 in 10,000:
    the levels that many languages tested together ask for can be reached.

    Args:
        differences: Differences of independent pairs, or their sums over clusters, shape ``(units,)``.
        rng: Source of the random patterns.
    """
    changed = differences[differences != 0]
    observed = abs(math.fsum(changed))
    threshold = observed - 1e-9 * float(np.abs(changed).sum())  # sums that differ by rounding alone are ties
    if changed.size <= EXACT_UP_TO:
        patterns = (np.arange(2**changed.size)[:, None] >> np.arange(changed.size)) & 1
        return float(np.mean(np.abs((2 * patterns - 1) @ changed) >= threshold))
    width = math.ceil(changed.size / 8)
    rows = max(1, _ELEMENTS_AT_ONCE // (8 * width))
    as_extreme = 0
    for start in range(0, RESAMPLES, rows):
        count = min(rows, RESAMPLES - start)
        packed = np.frombuffer(rng.bytes(count * width), dtype=np.uint8).reshape(count, width)
        positive = np.unpackbits(packed, axis=1, count=changed.size) @ changed
        as_extreme += int(np.sum(np.abs(2 * positive - changed.sum()) >= threshold))
    sampled = (as_extreme + 1) / (RESAMPLES + 1)
    if as_extreme:
        return sampled
    return float(min(sampled, 2 * np.exp(-(observed**2) / (2 * np.sum(changed**2)))))
