import numpy as np
import pytest

from leanglot.stats.clusters import (
    cluster_sums,
    counted_whole,
    design_effect,
    largest_design_effect,
    observed_design_effect,
)


def clusters_of(differences, groups):
    return cluster_sums(np.array(differences, dtype=float), np.array(groups))


def test_sums_and_sizes():
    clusters = clusters_of([1, 0, -1, 1, 1], [0, 0, 1, 1, 2])
    assert clusters.n == 5
    assert clusters.drop == pytest.approx(0.4)
    assert sorted(zip(clusters.sizes.tolist(), clusters.sums.tolist(), strict=True)) == [(1, 1), (2, 0), (2, 1)]
    assert clusters.squares.sum() == 4


def test_the_order_of_the_examples_changes_no_bit():
    rng = np.random.default_rng(3)
    differences, groups = rng.normal(size=60), np.repeat(np.arange(12), 5)
    shuffled = rng.permutation(60)
    straight, mixed = cluster_sums(differences, groups), cluster_sums(differences[shuffled], groups[shuffled])
    np.testing.assert_array_equal(straight.sums, mixed.sums)
    np.testing.assert_array_equal(straight.squares, mixed.squares)


def test_clusters_of_one_have_no_design_effect():
    differences = np.random.default_rng(0).normal(size=50)
    clusters = clusters_of(differences, range(50))
    assert observed_design_effect(clusters) == pytest.approx(1.0)
    assert largest_design_effect(clusters) == 1.0
    assert design_effect(clusters) == pytest.approx(1.0)


def test_clusters_that_flip_as_one_have_the_largest_design_effect():
    whole = np.repeat(np.random.default_rng(1).choice([-1, 0, 1], 200), 6)
    clusters = clusters_of(whole, np.repeat(np.arange(200), 6))
    assert largest_design_effect(clusters) == 6
    assert observed_design_effect(clusters) == pytest.approx(6, rel=0.02)


def test_independent_flips_in_clusters_have_a_design_effect_near_one():
    flips = np.random.default_rng(2).choice([-1, 0, 1], 4_000, p=[0.1, 0.8, 0.1])
    clusters = clusters_of(flips, np.repeat(np.arange(400), 10))
    assert observed_design_effect(clusters) == pytest.approx(1, abs=0.2)
    assert design_effect(clusters) == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_without_variation_the_largest_effect_is_assumed(value):
    clusters = clusters_of([value] * 40, np.repeat(np.arange(4), 10))
    assert observed_design_effect(clusters) is None
    assert design_effect(clusters) == 10


def test_one_flip_alone_hardly_lowers_the_assumed_effect():
    differences = np.zeros(400)
    differences[3] = 1
    clusters = clusters_of(differences, np.repeat(np.arange(20), 20))
    assert observed_design_effect(clusters) == pytest.approx(1, abs=0.1)
    assert design_effect(clusters) > 10


def test_one_big_cluster_counts_for_little_more_than_one():
    clusters = clusters_of(np.zeros(110), [0] * 100 + list(range(1, 11)))
    assert clusters.n / largest_design_effect(clusters) < 1.3


def test_a_single_cluster_shows_no_design_effect():
    assert observed_design_effect(clusters_of([1, 0, 0], [0, 0, 0])) is None


def test_a_cluster_that_draws_the_mean_to_itself_is_no_less_uncertain():
    rng = np.random.default_rng(4)
    groups = np.r_[np.zeros(500, np.int64), np.arange(1, 301)]
    effects = []
    for _ in range(50):
        whole = rng.choice([0.0, 1.0], 301, p=[0.7, 0.3])
        effects.append(observed_design_effect(clusters_of(whole[groups], groups)))
    assert np.mean(effects) > 100  # its own deviation alone, not corrected, gives about 60


def test_whole_clusters_count_where_most_of_them_was_lost_or_won():
    differences = [1, 1, 0, 1, 0, 0, -1, -1, -1, 1, 0, 0]
    counts = counted_whole(clusters_of(differences, np.repeat(np.arange(4), 3)))
    assert (counts.lost, counts.won, counts.n) == (1, 1, 4)
    uneven = counted_whole(clusters_of([1] * 6 + [0] * 3 + [-1], [0] * 6 + [1] * 3 + [2]))
    assert uneven.n == pytest.approx(100 / 46)
    assert (uneven.lost / uneven.n, uneven.won / uneven.n) == pytest.approx((0.6, 0.1))
