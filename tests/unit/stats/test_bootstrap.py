import numpy as np
import pytest
from scipy.stats import bootstrap, t

from leanglot.stats.bootstrap import bca_interval
from leanglot.stats.clusters import cluster_sums


def single(differences):
    return cluster_sums(differences, np.arange(differences.size))


def test_normal_differences_give_the_t_interval():
    differences = np.random.default_rng(0).normal(0.02, 0.1, 60)
    interval = bca_interval(single(differences), 0.05, np.random.default_rng(1))
    error = differences.std(ddof=1) / np.sqrt(60)
    assert interval.low == pytest.approx(differences.mean() - t.isf(0.025, 59) * error, abs=0.12 * error)
    assert interval.high == pytest.approx(differences.mean() + t.isf(0.025, 59) * error, abs=0.12 * error)
    assert interval.bound == pytest.approx(differences.mean() + t.isf(0.05, 59) * error, abs=0.12 * error)


def test_skewed_differences_give_scipys_bca_interval():
    differences = np.random.default_rng(2).exponential(1.0, 400)
    interval = bca_interval(single(differences), 0.05, np.random.default_rng(3))
    reference = bootstrap((differences,), np.mean, method="BCa", rng=np.random.default_rng(4)).confidence_interval
    width = reference.high - reference.low
    assert interval.low == pytest.approx(reference.low, abs=0.05 * width)
    assert interval.high == pytest.approx(reference.high, abs=0.05 * width)


def test_clusters_are_drawn_whole():
    rng = np.random.default_rng(5)
    differences = np.repeat(rng.normal(0, 1, 50), 8)
    groups = np.repeat(np.arange(50), 8)
    clustered = bca_interval(cluster_sums(differences, groups), 0.05, np.random.default_rng(0))
    naive = bca_interval(single(differences), 0.05, np.random.default_rng(0))
    ratio = (clustered.high - clustered.low) / (naive.high - naive.low)
    assert ratio == pytest.approx(np.sqrt(8), rel=0.15)


def test_unequal_clusters_and_an_outlier_still_give_an_interval_around_the_drop():
    rng = np.random.default_rng(6)
    groups = np.sort(rng.integers(0, 25, 300))
    differences = rng.normal(0, 0.01, 300)
    differences[0] = 50.0
    clusters = cluster_sums(differences, np.unique(groups, return_inverse=True)[1])
    interval = bca_interval(clusters, 1e-6, np.random.default_rng(0))
    assert interval.low <= clusters.drop <= interval.bound <= interval.high


def test_the_seed_decides():
    differences = np.random.default_rng(7).normal(size=40)
    a, b, c = (bca_interval(single(differences), 0.05, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert a == b
    assert a != c
