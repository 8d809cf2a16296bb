"""The error rates that the verdicts promise, by seeded simulation; each language is one repetition."""

import numpy as np
import pytest

from leanglot.decide import verdict
from leanglot.decide.verdict import judge

pytestmark = pytest.mark.no_cover  # tracing would take as long again as the simulations

MARGIN = 0.01


@pytest.fixture(autouse=True)
def _unplanned(monkeypatch):
    """What a sample could have shown is told beside a verdict and decides nothing, but takes most of the time."""
    monkeypatch.setattr(verdict, "detectable_flips", lambda *_: None)


def flips(rng, shape, flip_rate, drop):
    """Independent differences: 1 lost, -1 won, 0 unchanged."""
    return rng.choice([1, -1, 0], shape, p=[(flip_rate + drop) / 2, (flip_rate - drop) / 2, 1 - flip_rate])


def judged(differences, groups=None, margin=MARGIN):
    """Verdicts of one language per row of 0/1 differences, shape (languages, n)."""
    languages = np.repeat([f"x{i:05d}" for i in range(len(differences))], differences.shape[1])
    baseline = (differences >= 0).astype(int).ravel()
    candidate = baseline - differences.ravel()
    return list(judge(baseline, candidate, languages, margin, groups=groups).values())


def rate(verdicts, kind):
    return np.mean([verdict.verdict == kind for verdict in verdicts])


def coverage(verdicts, drop):
    return np.mean([verdict.drop_low <= drop <= verdict.drop_high for verdict in verdicts])


def at_most(level, repetitions):
    """Five percent, say, and three standard errors of the simulation."""
    return level + 3 * np.sqrt(level * (1 - level) / repetitions)


BOUND_CASES = [(300, 0.02), (800, 0.05), (800, 0.012)]
MORE_BOUND_CASES = [(268, 0.01), (500, 0.03), (1_500, 0.1), (3_000, 0.3), (3_000, 0.015)]


def slow(*cases):
    return [pytest.param(*case, marks=pytest.mark.slow) for case in cases]


@pytest.mark.parametrize(("n", "flip_rate"), [*BOUND_CASES, *slow(*MORE_BOUND_CASES)])
def test_a_drop_as_large_as_the_margin_passes_as_safe_in_5_percent(n, flip_rate):
    verdicts = judged(flips(np.random.default_rng(n), (400, n), flip_rate, MARGIN))
    assert rate(verdicts, "safe") < at_most(0.055, 400)


@pytest.mark.parametrize(
    ("n", "flip_rate", "drop"),
    [(30, 0.3, 0.0), (300, 0.02, 0.01), *slow((30, 0.05, 0.02), (1_000, 0.005, 0.0), (3_000, 0.1, 0.05))],
)
def test_intervals_cover(n, flip_rate, drop):
    verdicts = judged(flips(np.random.default_rng(n), (400, n), flip_rate, drop))
    assert coverage(verdicts, drop) > 0.93


@pytest.mark.parametrize(("families", "flip_rate"), [(150, 0.2), *slow((600, 0.2), (600, 0.04))])
def test_without_any_drop_a_family_of_languages_sees_harm_in_5_percent(families, flip_rate):
    rng = np.random.default_rng(5)
    alarms = [rate(judged(flips(rng, (6, 250), flip_rate, 0.0)), "harmed") > 0 for _ in range(families)]
    assert np.mean(alarms) < at_most(0.05, families)


def test_a_clear_drop_is_found_and_no_drop_is_found_safe():
    rng = np.random.default_rng(6)
    assert rate(judged(flips(rng, (20, 800), 0.08, 0.06)), "harmed") > 0.9
    assert rate(judged(flips(rng, (50, 3_100), 0.05, 0.0)), "safe") == pytest.approx(0.8, abs=0.15)


def clustered_flips(rng, sizes, flip_rate, drop, correlation):
    """Differences whose flips gather in clusters: a beta-binomial number each, and all in one direction."""
    weight = (1 - correlation) / correlation
    chances = rng.beta(flip_rate * weight, (1 - flip_rate) * weight, sizes.size)
    direction = np.where(rng.random(sizes.size) < (flip_rate + drop) / (2 * flip_rate), 1, -1)
    return (rng.random(sizes.sum()) < np.repeat(chances, sizes)) * np.repeat(direction, sizes)


def unequal_sizes(rng, count, n):
    """Cluster sizes that add up to n, of very different size."""
    shares = rng.lognormal(0, 0.7, count)
    return 1 + rng.multinomial(n - count, shares / shares.sum())


CLUSTERED = [(30, 600, 0.1, 0.2), (100, 800, 0.08, 0.4)]
MORE_CLUSTERED = [(60, 600, 0.3, 0.1), (100, 800, 0.03, 0.8), (400, 3_000, 0.03, 0.4), (40, 3_000, 0.2, 0.05)]


@pytest.mark.parametrize(("count", "n", "flip_rate", "correlation"), [*CLUSTERED, *slow(*MORE_CLUSTERED)])
def test_clusters_keep_the_error_rates_and_the_coverage(count, n, flip_rate, correlation):
    rng, drop, repetitions = np.random.default_rng(count + n), 0.02, 300
    sizes = [unequal_sizes(rng, count, n) for _ in range(repetitions)]
    differences = np.array([clustered_flips(rng, s, flip_rate, drop, correlation) for s in sizes])
    groups = np.concatenate([np.repeat(np.arange(count), s) for s in sizes])
    verdicts = judged(differences, groups, margin=drop)
    assert rate(verdicts, "safe") < at_most(0.055, repetitions)
    assert coverage(verdicts, drop) > 0.92  # three standard errors of 300 repetitions below 0.95 would be 0.912
    naive = judged(differences, margin=drop)
    assert coverage(naive, drop) < coverage(verdicts, drop)


@pytest.mark.parametrize(("families", "count"), [(100, 40), *slow((400, 40), (400, 12))])
def test_clusters_without_any_drop_see_harm_in_5_percent_of_families(families, count):
    rng, alarms = np.random.default_rng(8), []
    for _ in range(families):
        sizes = [unequal_sizes(rng, count, 300) for _ in range(5)]
        differences = np.array([clustered_flips(rng, s, 0.15, 0.0, 0.4) for s in sizes])
        groups = np.concatenate([np.repeat(np.arange(count), s) for s in sizes])
        alarms.append(rate(judged(differences, groups), "harmed") > 0)
    assert np.mean(alarms) < at_most(0.05, families)


def real_differences(rng, kind, shape, drop):
    if kind == "normal":
        return rng.normal(drop, 0.1, shape)
    if kind == "skewed":
        return rng.exponential(0.05, shape) - 0.05 + drop
    changed = rng.random(shape) < 0.3
    return np.where(changed, rng.normal(drop / 0.3, 0.1, shape), 0.0)


@pytest.mark.parametrize(
    ("kind", "n"),
    [("normal", 30), ("sparse", 200), *slow(("skewed", 60), ("skewed", 400), ("sparse", 1_000), ("normal", 800))],
)
def test_real_scores_keep_the_error_rates_and_the_coverage(kind, n):
    repetitions = 150
    differences = real_differences(np.random.default_rng(n), kind, (repetitions, n), MARGIN)
    languages = np.repeat([f"x{i:05d}" for i in range(repetitions)], n)
    verdicts = list(judge(np.zeros(differences.size), -differences.ravel(), languages, MARGIN).values())
    assert rate(verdicts, "safe") < at_most(0.07, repetitions)
    assert coverage(verdicts, MARGIN) > 0.90


def broken_groups(rng, count, size, flip_rate, broken):
    """Groups that are lost as a whole now and then, among independent flips."""
    lost = rng.random(count) < broken
    single = flips(rng, (count, size), flip_rate, 0.0)
    return np.where(lost[:, None], 1, single).ravel()


WHOLE_GROUPS = [(100, 30, 0.02, 0.01), (20, 50, 0.1, 0.05)]
MORE_WHOLE_GROUPS = [(50, 20, 0.04, 0.02), (200, 15, 0.02, 0.01), (60, 30, 0.1, 0.05), (300, 10, 0.02, 0.01)]


@pytest.mark.parametrize(("count", "size", "flip_rate", "broken"), [*WHOLE_GROUPS, *slow(*MORE_WHOLE_GROUPS)])
def test_groups_that_are_lost_as_a_whole_are_not_hidden_by_single_flips(count, size, flip_rate, broken):
    rng, repetitions = np.random.default_rng(count), 300
    differences = np.array([broken_groups(rng, count, size, flip_rate, broken) for _ in range(repetitions)])
    groups = np.tile(np.repeat(np.arange(count), size), repetitions)
    assert rate(judged(differences, groups, margin=broken), "safe") < at_most(0.055, repetitions)


@pytest.mark.parametrize("n", [21, *[pytest.param(n, marks=pytest.mark.slow) for n in (100, 300, 1_000)]])
def test_rare_losses_are_not_hidden_by_a_hair_of_noise(n):
    rng, repetitions = np.random.default_rng(n), 200
    lost = rng.random((repetitions, n)) < MARGIN / 0.9
    differences = rng.normal(0, 0.001, (repetitions, n)) + 0.9 * lost
    baseline = np.full(differences.size, 0.95)
    languages = np.repeat([f"x{i:05d}" for i in range(repetitions)], n)
    verdicts = list(judge(baseline, baseline - np.clip(differences.ravel(), -0.05, 0.95), languages, MARGIN).values())
    assert rate(verdicts, "safe") < at_most(0.06, repetitions)


@pytest.mark.parametrize("n", [3, 6, 12])
@pytest.mark.parametrize("flip_rate", [0.3, 0.7, 1.0])
def test_few_examples_prove_no_gain_that_is_not_there(n, flip_rate):
    verdicts = judged(flips(np.random.default_rng(n), (600, n), flip_rate, MARGIN))
    assert rate(verdicts, "safe") < at_most(0.05, 600)
