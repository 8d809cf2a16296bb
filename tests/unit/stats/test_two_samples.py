"""Comparisons of two samples, beside scipy's and beside whole numbers, deep in the tails."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom, fisher_exact

from leanglot.stats.two_samples import (
    beyond_tolerance,
    binomial_at_least,
    binomial_at_most,
    difference,
    drop_z,
    fisher_drop,
    mean_at_most,
    mean_high,
    mean_low,
    relative_entropy,
    share_high,
    share_low,
)


@st.composite
def samples(draw):
    n, reference_n = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    return draw(st.integers(0, n)), n, draw(st.integers(0, reference_n)), reference_n


def exact_drop(count, n, reference_count, reference_n):
    """The hypergeometric tail in whole numbers."""
    kind, total = count + reference_count, n + reference_n
    ways = sum(math.comb(kind, x) * math.comb(total - kind, n - x) for x in range(max(0, n + kind - total), count + 1))
    return float(Fraction(ways, math.comb(total, n)))


@given(samples())
def test_fishers_test_is_exact(sample):
    assert fisher_drop(*sample) == pytest.approx(exact_drop(*sample), rel=1e-9)


def test_fishers_test_is_that_of_scipy():
    table = [[870, 130], [9_100, 900]]
    assert fisher_drop(870, 1_000, 9_100, 10_000) == pytest.approx(fisher_exact(table, "less").pvalue, rel=1e-8)


@pytest.mark.parametrize(
    "sample", [(8_000, 10_000, 9_000, 10_000), (0, 500, 5_000, 10_000), (850_000, 10**6, 9_000, 10_000)]
)
def test_fishers_test_keeps_its_digits_far_in_the_tail(sample):
    """Summed with 60 digits from logarithms of factorials it is the same."""
    value = fisher_drop(*sample)
    count, n, reference_count, reference_n = sample
    kind, total = count + reference_count, n + reference_n
    ratio, whole = Fraction(1), Fraction(1)
    for x in range(count, max(0, n + kind - total), -1):
        ratio *= Fraction(x * (total - kind - n + x), (kind - x + 1) * (n - x + 1))
        ratio = Fraction(int(ratio * 10**60), 10**60)
        if not ratio:
            break
        whole += ratio
    log_first = sum(map(math.lgamma, (kind + 1, total - kind + 1, n + 1, total - n + 1))) - sum(
        map(math.lgamma, (count + 1, kind - count + 1, n - count + 1, total - kind - n + count + 1, total + 1))
    )
    assert 0 < value < 1e-40
    assert math.log(value) == pytest.approx(log_first + math.log(whole), rel=1e-6)


@given(samples())
def test_z_tells_the_direction_of_the_exact_test(sample):
    count, n, reference_count, reference_n = sample
    assert np.sign(drop_z(*sample)) == np.sign(reference_count * n - count * reference_n)
    if drop_z(*sample) < 1:
        assert fisher_drop(*sample) > 0.05


@given(st.integers(0, 400), st.integers(0, 400), st.floats(0.001, 0.999))
def test_binomial_tails_are_those_of_scipy(count, more, share):
    n = count + more
    assert binomial_at_most(count, n, share) == pytest.approx(binom.cdf(count, n, share), rel=1e-7, abs=1e-300)
    assert binomial_at_least(count, n, share) == pytest.approx(binom.sf(count - 1, n, share), rel=1e-7, abs=1e-300)


@given(st.integers(0, 400), st.integers(0, 400), st.floats(1e-12, 0.4))
def test_bounds_of_a_share_are_clopper_and_pearsons(count, more, level):
    n = count + more
    low, high = share_low(count, n, level), share_high(count, n, level)
    assert low == pytest.approx(beta.ppf(level, count, more + 1) if count else 0.0, rel=1e-6)
    assert high == pytest.approx(beta.isf(level, count + 1, more) if more else 1.0, rel=1e-6)
    if n:
        assert low <= count / n <= high
    # At its bound, the share makes what was seen just as improbable as the level says.
    if count:
        assert binomial_at_least(count, n, low) == pytest.approx(level, rel=1e-5)


def test_bounds_of_shares_come_in_arrays():
    found = share_low(np.array([0, 5, 10]), np.array([10, 10, 10]), 0.025)
    assert found == pytest.approx([0.0, 0.18709, 0.69150], abs=1e-4)


def test_the_interval_of_a_difference_misses_it_no_more_often_than_told():
    rng = np.random.default_rng(0)
    count, other = rng.binomial(80, 0.85, 4_000), rng.binomial(120, 0.9, 4_000)
    low, high = difference(count, 80, other, 120, 0.05)
    missed = float(np.mean((low > -0.05) | (high < -0.05)))
    assert 0 < missed < 0.05


@given(st.integers(0, 200), st.integers(0, 200), st.floats(0, 0.5), st.floats(0.5, 1))
def test_a_share_within_its_limits_has_nothing_against_it(count, more, lowest, highest):
    n = count + more
    below, above = (float(each) for each in beyond_tolerance(count, n, lowest, highest))
    assert below == (float(binomial_at_most(count, n, lowest)) if count < lowest * n else 1)
    assert above == (float(binomial_at_least(count, n, highest)) if count > highest * n else 1)


def test_impossible_limits_are_never_passed():
    below, above = beyond_tolerance([0, 100], [100, 100], [-0.1, -0.1], [1.1, 1.1])
    assert below.tolist() == above.tolist() == [1.0, 1.0]


def test_relative_entropy_at_its_ends():
    assert relative_entropy(0.5, 0.5) == 0
    assert relative_entropy(0.0, 0.5) == pytest.approx(math.log(2))
    assert relative_entropy(0.5, 0.0) == relative_entropy(0.5, 1.0) == math.inf
    assert relative_entropy(1.0, 1.0) == relative_entropy(0.0, 0.0) == 0


@given(st.integers(1, 300), st.integers(0, 300), st.floats(0.01, 0.99))
def test_hoeffdings_bound_is_above_the_exact_chance_of_coins(n, count, share):
    count = min(count, n)
    assert mean_at_most(count / n, n, share) >= float(binomial_at_most(count, n, share)) * (1 - 1e-9)


@given(st.floats(0, 1), st.integers(1, 10_000), st.floats(1e-9, 0.4))
def test_bounds_of_a_mean_invert_that(mean, n, level):
    low, high = mean_low(mean, n, level), mean_high(mean, n, level)
    assert 0 <= low <= mean <= high <= 1
    if high < 1 - 1e-9 and high > mean + 1e-9:
        assert mean_at_most(mean, n, high) == pytest.approx(level, rel=1e-3)
    assert low == pytest.approx(1 - mean_high(1 - mean, n, level))
