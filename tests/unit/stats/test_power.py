import math

import numpy as np
import pytest
from scipy.stats import binomtest

from leanglot.stats.power import Plan, detectable_drop, detectable_flips, further_examples, planned_flip_rate


@pytest.mark.parametrize(("n", "points"), [(500, 2.8), (1_012, 2.0), (2_974, 1.15), (5_010, 0.9)])
def test_detectable_drop_at_five_percent_flips(n, points):
    assert 100 * detectable_drop(Plan(n, 0.0, 0.05), 0.05) == pytest.approx(points, abs=0.04)


def test_detectable_drop_is_found_in_about_80_percent_of_samples():
    n, flips = 1_000, 0.06
    drop = detectable_drop(Plan(n, 0.0, flips), 0.05)
    rng = np.random.default_rng(0)
    draws = rng.multinomial(n, [(flips + drop) / 2, (flips - drop) / 2, 1 - flips], size=2_000)
    found = np.mean([binomtest(int(a), int(a + b)).pvalue < 0.05 for a, b, _ in draws])
    assert 0.74 < found < 0.86


@pytest.mark.parametrize(("n", "alpha"), [(6, 0.05), (16, 0.05), (30, 0.05), (200, 0.05), (200, 0.002), (2_000, 0.05)])
def test_the_exact_test_finds_the_detectable_drop_in_80_percent_of_samples(n, alpha):
    flips = planned_flip_rate(0, n)
    drop = detectable_flips(n, flips, alpha)
    chances = [max(flips, drop) + drop, max(flips, drop) - drop]
    draws = np.random.default_rng(0).multinomial(n, [chances[0] / 2, chances[1] / 2, 1 - sum(chances) / 2], size=2_000)
    found = np.mean([binomtest(int(a), int(a + b)).pvalue < alpha for a, b, _ in draws if a + b]) * np.mean(
        draws[:, :2].sum(axis=1) > 0
    )
    assert found == pytest.approx(0.8, abs=0.03)


def test_a_sample_in_which_everything_lost_is_no_finding_detects_nothing():
    assert detectable_flips(5, 0.05, 0.05) is None
    assert detectable_flips(9, 0.05, 0.002) is None
    assert detectable_flips(10, 0.05, 0.002) == pytest.approx(0.8 ** (1 / 10), abs=1e-4)


def test_large_samples_agree_with_the_normal_plan():
    plan = Plan(20_000, 0.0, 0.05)
    assert detectable_flips(20_000, 0.05, 0.05) == pytest.approx(detectable_drop(plan, 0.05), rel=0.03)


def test_flip_rate_is_drawn_towards_five_percent():
    assert planned_flip_rate(0, 16) == pytest.approx(0.0431, abs=5e-5)
    assert planned_flip_rate(0, 0) == 0.05
    assert planned_flip_rate(3_000, 10_000) == pytest.approx(0.2975, abs=5e-5)


def test_about_3100_examples_show_that_nothing_was_lost():
    assert further_examples(Plan(1, 0.0, 0.05), 0.01, 0.05, 0.05) == pytest.approx(3_090, abs=3)


def test_a_clear_drop_needs_few_more_and_a_borderline_one_many():
    clear, borderline, none = (
        further_examples(Plan(300, drop, 0.05), 0.01, 0.05, 0.05) for drop in (0.025, 0.006, 0.0)
    )
    assert clear < none < borderline
    assert math.isfinite(borderline)


def test_an_unlucky_sample_needs_more_than_the_plan_from_scratch_says():
    # 5,000 examples would do from scratch, but these showed a drop just under the margin.
    more = further_examples(Plan(5_000, 0.0085, 0.05), 0.01, 0.05, 0.05)
    assert more > 300


def test_a_stricter_level_for_harm_needs_more():
    plan = Plan(400, 0.02, 0.05)
    assert further_examples(plan, 0.01, 0.05, 0.05 / 24) > further_examples(plan, 0.01, 0.05, 0.05)


def test_further_examples_settle_in_about_80_percent_of_samples():
    flips, n = 0.05, 500
    more = round(further_examples(Plan(n, 0.0, flips), 0.01, 0.05, 0.05))
    rng = np.random.default_rng(4)
    draws = rng.multinomial(more, [flips / 2, flips / 2, 1 - flips], size=4_000)
    drop = (draws[:, 0] - draws[:, 1]) / (n + more)
    settled = np.mean(drop + 1.6449 * math.sqrt(flips / (n + more)) < 0.01)
    assert 0.78 < settled < 0.90
