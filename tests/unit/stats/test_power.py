import math

import numpy as np
import pytest
from scipy.stats import binomtest

from leanglot.stats.power import Plan, detectable_drop, further_examples, planned_flip_rate


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
