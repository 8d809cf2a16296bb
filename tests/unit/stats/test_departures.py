import numpy as np
import pytest

from leanglot.stats.clusters import cluster_sums
from leanglot.stats.departures import Departures, unseen_interval


def departures_of(differences, groups=None):
    differences = np.array(differences, dtype=float)
    return Departures.of(cluster_sums(differences, np.arange(differences.size) if groups is None else groups))


def test_no_change_leaves_the_rule_of_three_times_the_span():
    interval = departures_of([0.0] * 300).interval(2.0, 0.05)
    assert interval.bound == pytest.approx(2 * (1 - 0.05 ** (1 / 300)))
    assert interval.low == -interval.high == pytest.approx(-2 * (1 - 0.025 ** (1 / 300)))


def test_departures_are_counted_from_the_commonest_difference_to_either_side():
    few = departures_of([0.1] * 20 + [0.5, 0.3, -0.2])
    assert (few.usual, few.above, few.below, few.number) == (0.1, 2, 1, 3)


def test_losses_raise_the_upper_end_alone():
    nothing, lost = departures_of([0.0] * 100), departures_of([0.0] * 98 + [0.01, 0.01])
    assert lost.interval(1.0, 0.05).bound > nothing.interval(1.0, 0.05).bound
    assert lost.interval(1.0, 0.05).low == nothing.interval(1.0, 0.05).low


def test_rounding_alone_is_no_departure():
    assert departures_of([0.3 - 0.1, 0.2, 0.2, 0.4 - 0.2]).number == 0


def test_clusters_count_as_one_each():
    few = departures_of([0.0] * 100, np.repeat(np.arange(10), 10))
    assert few.n_effective == 10
    assert few.interval(1.0, 0.05).bound == pytest.approx(1 - 0.05**0.1)


def test_rounding_is_relative_to_the_span():
    large = np.array([1e6 + 0.1, 1e6 + 0.2, 1e6 + 0.3]) - np.array([0.1, 0.2, 0.3])
    assert Departures.of(cluster_sums(large - 1e6, np.arange(3)), span=1e6).number == 0


def test_a_large_cluster_that_departs_weighs_as_much_as_it_holds():
    groups = np.r_[np.repeat(np.arange(5), 20), np.arange(5, 2_005)]
    few = departures_of(np.r_[np.full(100, 0.9), np.zeros(2_000)], groups)
    assert few.above == 5
    interval = few.interval(1.0, 0.05)
    assert few.share_above == pytest.approx(100 / 2_100)
    assert interval.low <= few.drop <= interval.bound
    assert interval.bound > 0.05


def test_what_was_not_met_yet_may_be_as_large_as_the_span():
    hair = 1e-9 * np.random.default_rng(0).normal(size=21)
    interval = unseen_interval(cluster_sums(hair, np.arange(21)), 1.0, 0.05)
    assert interval.bound == pytest.approx(1 - 0.05 ** (1 / 21), rel=1e-3)
    assert interval.low == pytest.approx(-(1 - 0.025 ** (1 / 21)), rel=1e-3)
    certain = unseen_interval(cluster_sums(np.r_[np.zeros(299), 1.0], np.arange(300)), 1.0, 0.05)
    assert certain.bound == pytest.approx(1 / 300)


def test_the_bound_holds_for_rare_large_drops():
    rng = np.random.default_rng(0)
    below = 0
    for _ in range(500):
        differences = np.where(rng.random(200) < 0.02, rng.choice([0.5, 1.0], 200), 0.0)
        below += departures_of(differences).interval(1.0, 0.05).bound < 0.015
    assert below / 500 < 0.05
