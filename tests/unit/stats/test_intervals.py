import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import binom, norm

from leanglot.stats.intervals import PairedCounts, counted_interval, share_bound, tango_upper, unequal_share_bound

Z95 = float(norm.isf(0.025))


@pytest.mark.parametrize(
    ("lost", "won", "n", "level", "low", "high", "digits"),
    [
        # Airway hyper-responsiveness (Bentur et al., 2009) in Fagerland, Lydersen and Laake (2014), Table II.
        (1, 7, 21, 0.95, -0.517, -0.026, 3),
        # Complete response before and after consolidation (Cavo et al., 2012), R package contingencytables.
        (6, 16, 161, 0.95, -0.1240, -0.0054, 4),
        # R package PropCIs: scoreci.mp(25, 28, 618, 0.90), which estimates second minus first.
        (28, 25, 618, 0.90, -0.0148, 0.0247, 4),
    ],
)
def test_tango_gives_the_published_limits(lost, won, n, level, low, high, digits):
    counts = PairedCounts(lost, won, n)
    z = float(norm.isf((1 - level) / 2))
    assert round(-tango_upper(counts.mirrored(), z), digits) == low
    assert round(tango_upper(counts, z), digits) == high


def profiled_statistic(counts, drop):
    """The score statistic with the nuisance share found by maximizing the likelihood numerically."""
    same = counts.n - counts.flips

    def minus_log_likelihood(won):
        shares = (won + drop, won, 1 - 2 * won - drop)
        seen = (counts.lost, counts.won, same)
        return -sum(k * math.log(max(p, 1e-300)) for k, p in zip(seen, shares, strict=True) if k)

    lowest, highest = max(0.0, -drop), (1 - drop) / 2
    won = minimize_scalar(minus_log_likelihood, bounds=(lowest, highest), method="bounded", options={"xatol": 1e-12}).x
    return (counts.lost - counts.won - counts.n * drop) / math.sqrt(counts.n * (2 * won + drop - drop**2))


@pytest.mark.parametrize(("lost", "won", "n"), [(9, 4, 200), (1, 0, 50), (0, 3, 30), (12, 2, 14), (40, 38, 90)])
def test_tango_inverts_the_score_statistic(lost, won, n):
    counts = PairedCounts(lost, won, n)
    assert profiled_statistic(counts, tango_upper(counts, Z95)) == pytest.approx(-Z95, abs=2e-3)
    assert profiled_statistic(counts, -tango_upper(counts.mirrored(), Z95)) == pytest.approx(Z95, abs=2e-3)


def test_without_flips_tango_is_wilson():
    assert tango_upper(PairedCounts(0, 0, 100), Z95) == pytest.approx(Z95**2 / (100 + Z95**2))


@pytest.mark.parametrize(("lost", "won", "drop"), [(10, 0, 1.0), (0, 10, -1.0)])
def test_all_flipped_gives_an_interval_that_ends_at_the_drop(lost, won, drop):
    interval = counted_interval(PairedCounts(lost, won, 10), 0.05)
    assert drop in (interval.low, interval.high)
    assert 0.2 < interval.high - interval.low < 0.65


def test_share_bound_is_the_rule_of_three_and_the_exact_binomial_bound():
    assert share_bound(0, 300, 0.05) == pytest.approx(1 - 0.05 ** (1 / 300))
    assert binom.cdf(4, 200, share_bound(4, 200, 0.05)) == pytest.approx(0.05)
    assert share_bound(7, 7, 0.05) == 1.0


def test_clusters_of_equal_size_that_never_failed_give_the_rule_of_three():
    assert unequal_share_bound(np.full(300, 7), 0.05) == pytest.approx(1 - 0.05 ** (1 / 300))
    assert unequal_share_bound(np.array([4]), 0.05) == pytest.approx(0.95)


@pytest.mark.parametrize("sizes", [[300] * 3 + [1] * 200, [9, 1, 1], [50, 20, 20, 3, 1, 1, 1]])
def test_the_unequal_bound_is_the_worst_case_over_chances_of_failure(sizes):
    sizes = np.array(sizes, dtype=float)
    bound = unequal_share_bound(sizes.astype(np.int64), 0.05)
    found = minimize(
        lambda p: -(sizes @ p) / sizes.sum(),
        np.full(sizes.size, 1e-3),
        bounds=[(0, 0.999)] * sizes.size,
        constraints={"type": "ineq", "fun": lambda p: np.sum(np.log1p(-p)) - np.log(0.05)},
    )
    assert bound == pytest.approx(-found.fun, abs=2e-3)


def test_nothing_won_takes_the_exact_bound_and_something_won_tangos():
    z = float(norm.isf(0.05))
    assert counted_interval(PairedCounts(0, 0, 268), 0.05).bound == pytest.approx(1 - 0.05 ** (1 / 268))
    assert counted_interval(PairedCounts(2, 1, 268), 0.05).bound == tango_upper(PairedCounts(2, 1, 268), z)


def test_few_clusters_widen_the_interval():
    counts = PairedCounts(6, 4, 200)
    widths = [
        interval.high - interval.low
        for interval in (counted_interval(counts, 0.05, degrees) for degrees in (None, 1000, 29, 4, 1))
    ]
    assert widths == sorted(widths)
    assert widths[1] == pytest.approx(widths[0], rel=0.01)
    assert widths[4] > 5 * widths[0]


def outcomes(n, loss, gain):
    """All likely (lost, won, probability) of n independent answers."""
    flips = loss + gain
    for flipped in range(int(binom.ppf(1e-7, n, flips)), int(binom.isf(1e-7, n, flips)) + 1):
        chance = binom.pmf(flipped, n, flips)
        lost = np.arange(flipped + 1)
        for k, p in zip(lost.tolist(), binom.pmf(lost, flipped, loss / flips).tolist(), strict=True):
            if p * chance > 1e-8:
                yield k, flipped - k, p * chance


def exact_rates(n, flip_rate, drop):
    """Exact chance that the bound falls below the drop, and that the interval covers it."""
    below = covered = 0.0
    for lost, won, chance in outcomes(n, (flip_rate + drop) / 2, (flip_rate - drop) / 2):
        interval = counted_interval(PairedCounts(lost, won, n), 0.05)
        below += chance * (interval.bound < drop)
        covered += chance * (interval.low <= drop <= interval.high)
    return below, covered


QUICK = [(30, 0.05, 0.0), (100, 0.05, 0.01), (268, 0.01, 0.01), (300, 0.02, 0.01), (500, 0.03, 0.01)]
SLOW = [
    (n, flips, drop)
    for n, flips in itertools.product((30, 100, 268, 300, 1000, 3000), (0.005, 0.02, 0.1, 0.3))
    for drop in (0.0, 0.005, 0.01, 0.02)
    if drop <= flips
]


@pytest.mark.parametrize(
    ("n", "flip_rate", "drop"), [*QUICK, *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW)]
)
@pytest.mark.no_cover  # enumerations
def test_the_bound_errs_in_5_percent_and_the_interval_covers(n, flip_rate, drop):
    below, covered = exact_rates(n, flip_rate, drop)
    assert below < 0.058
    assert covered > 0.93
