import itertools
import time

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp

from leanglot.stats.paired import EXACT_UP_TO, RESAMPLES, cluster_p_value, mcnemar, sign_flip, sign_flip_counts


def enumerated(sums):
    observed = abs(sum(sums))
    patterns = list(itertools.product((-1, 1), repeat=len(sums)))
    hits = sum(abs(sum(s * x for s, x in zip(p, sums, strict=True))) >= observed - 1e-12 for p in patterns)
    return hits / len(patterns)


def test_mcnemar_gives_the_published_value():
    # Cavo et al. (2012) in Fagerland, Lydersen and Laake (2014): exact conditional test.
    assert mcnemar(6, 16) == pytest.approx(0.052479, abs=5e-7)
    assert mcnemar(16, 6) == mcnemar(6, 16)


def test_mcnemar_without_changed_answers_has_nothing_against_the_hypothesis():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(1, 0) == 1.0


@pytest.mark.parametrize("sums", [[3, -1, 2, 0, 4], [5], [1, 1, 1, 1, 1, 1], [2, -2], [0, 0], [7, 1, -3, 2, 2, 5, -1]])
def test_cluster_counts_agree_with_enumeration(sums):
    assert sign_flip_counts(np.array(sums)) == pytest.approx(enumerated(sums))


def test_cluster_counts_of_one_are_mcnemar():
    sums = np.array([1] * 31 + [-1] * 9 + [0] * 400)
    assert sign_flip_counts(sums) == pytest.approx(binomtest(31, 40).pvalue, rel=1e-9)


def test_clusters_that_flip_together_weaken_the_evidence():
    assert sign_flip_counts(np.array([10, 10, 10, -3])) > 1000 * sign_flip_counts(np.array([1] * 30 + [-1] * 3))


@pytest.mark.parametrize("differences", [[0.3, -0.1, 0.25, 0.0, 0.4], [0.1, 0.1, 0.1], [-0.5], [0.1 + 0.2, -0.3]])
def test_few_real_differences_are_enumerated(differences):
    exact = sign_flip(np.array(differences), np.random.default_rng(0))
    assert exact == pytest.approx(enumerated([d for d in differences if d]))


def test_all_zero_differences_have_nothing_against_the_hypothesis():
    assert sign_flip(np.zeros(100), np.random.default_rng(0)) == 1.0


def test_monte_carlo_agrees_with_the_t_test_and_never_reaches_zero():
    differences = np.random.default_rng(1).normal(0.02, 0.1, 200)
    sampled = sign_flip(differences, np.random.default_rng(2))
    assert sampled == pytest.approx(float(ttest_1samp(differences, 0).pvalue), abs=0.01)
    assert 0 < sign_flip(np.ones(EXACT_UP_TO + 40), np.random.default_rng(0)) <= 1 / (RESAMPLES + 1)


def test_sampling_agrees_with_enumeration_where_it_takes_over():
    differences = np.random.default_rng(3).normal(0.3, 0.5, EXACT_UP_TO + 1)
    assert sign_flip(differences, np.random.default_rng(0)) == pytest.approx(enumerated(differences), abs=0.015)


@pytest.mark.parametrize("size", [20, 40, 200])
def test_a_value_too_small_to_sample_is_bounded_from_above(size):
    differences = np.ones(size)
    exact = 2 * 0.5**size
    assert exact <= sign_flip(differences, np.random.default_rng(0)) <= 2e-4
    if size >= 100:
        assert sign_flip(differences, np.random.default_rng(0)) < 1e-40


def test_clusters_too_many_and_too_large_to_enumerate_are_sampled():
    rng = np.random.default_rng(5)
    sums = rng.integers(-1000, 1030, 3_000)
    started = time.monotonic()
    sampled = cluster_p_value(sums, np.random.default_rng(0))
    assert time.monotonic() - started < 20  # enumerated, it would be minutes
    assert sampled == pytest.approx(float(ttest_1samp(sums, 0).pvalue), abs=0.02)
    few = np.array([3, -1, 2, 0, 4])
    assert cluster_p_value(few, rng) == sign_flip_counts(few)
