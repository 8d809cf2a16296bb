import numpy as np
import pytest
from scipy.stats import binomtest

from leanglot.stats.means import interval_of_mean


def test_equal_estimates_shrink_by_the_root_of_their_number():
    low, high = interval_of_mean([0.9] * 4, [0.8] * 4, [0.94] * 4)
    assert (low, high) == pytest.approx((0.9 - 0.1 / 2, 0.9 + 0.04 / 2))


def test_one_estimate_keeps_its_own_interval():
    assert interval_of_mean([0.7], [0.6], [0.75]) == pytest.approx((0.6, 0.75))


def test_it_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(4)
    chances, sizes, hits = np.array([0.97, 0.9, 0.8, 0.99]), [60, 200, 30, 120], 0
    known = {}
    for _ in range(2000):
        ends = []
        for chance, n in zip(chances, sizes, strict=True):
            right = int(rng.binomial(n, chance))
            if (right, n) not in known:
                interval = binomtest(right, n).proportion_ci(method="wilson")
                known[right, n] = (right / n, interval.low, interval.high)
            ends.append(known[right, n])
        low, high = interval_of_mean(*zip(*ends, strict=True))
        hits += low <= chances.mean() <= high
    assert 0.93 <= hits / 2000 <= 0.975
