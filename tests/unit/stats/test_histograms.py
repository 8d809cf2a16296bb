"""Histograms of any number of values, and the ranges that are read off them."""

import numpy as np
import pytest

from leanglot.stats.histograms import BINS, Range, empty, entropy, minmax, percentile


def histogram_of(values, bins=BINS):
    return empty(bins).with_values(np.asarray(values, dtype=np.float32))


def mean_squared_error(values, chosen):
    low, high = min(chosen.low, 0), max(chosen.high, 0)
    scale = (high - low) / 255
    zero = round(-low / scale)
    integers = np.clip(np.rint(values / scale) + zero, 0, 255)
    return float(np.mean(((integers - zero) * scale - values) ** 2))


def test_values_are_counted_in_bins_of_a_power_of_two():
    histogram = histogram_of([-1.0, -0.1, 0.0, 0.1, 2.9], bins=8)
    assert (histogram.width, histogram.first) == (0.5, -2)
    assert histogram.counts.tolist() == [1, 1, 2, 0, 0, 0, 0, 1]
    assert histogram.total == 5


def test_the_span_doubles_when_it_is_exceeded():
    small = histogram_of([0.0, 0.9, 1.1, 1.9], bins=4)
    assert (small.width, small.counts.tolist()) == (0.5, [1, 1, 1, 1])
    large = small.with_values(np.array([2.5]))
    assert (large.width, large.counts.tolist()) == (1.0, [2, 2, 1, 0])
    assert small.counts.tolist() == [1, 1, 1, 1]


def test_the_bins_move_when_there_is_room_on_the_other_side():
    moved = histogram_of([0.0, 0.6], bins=4).with_values(np.array([-0.3]))
    assert (moved.width, moved.first, moved.counts.tolist()) == (0.5, -1, [1, 1, 1, 0])


def test_extremes_are_exact_and_an_outlier_is_never_lost():
    histogram = histogram_of([0.1, 0.2]).with_values(np.array([1e30, -3.3]))
    assert minmax(histogram) == Range(-3.3, 1e30)
    assert histogram.total == 4


def test_memory_does_not_grow_with_the_values():
    histogram = empty()
    for step in range(20):
        histogram = histogram.with_values(np.random.default_rng(step).standard_normal((300, 700)) * 2.0**step)
    assert histogram.counts.shape == (BINS,)
    assert histogram.total == 20 * 210_000


def test_no_values_add_nothing():
    assert empty().with_values(np.empty((0, 4))).total == 0


@pytest.mark.parametrize("read", [minmax, lambda h: percentile(h, 99), entropy])
def test_no_values_have_no_range(read):
    with pytest.raises(ValueError, match="without values"):
        read(empty())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_must_be_finite(bad):
    with pytest.raises(ValueError, match="finite"):
        histogram_of([0.0, bad, 1.0])


@pytest.mark.parametrize("value", [0.0, 1.0, -2.5, 1e-40, 3e38])
@pytest.mark.parametrize("read", [minmax, lambda h: percentile(h, 99.9), entropy])
def test_equal_values_have_themselves_as_range(value, read):
    exact = float(np.float32(value))
    assert read(histogram_of([value] * 10_000)) == Range(exact, exact)


def test_a_percentile_cuts_the_same_number_off_either_end():
    values = np.arange(-1000, 1001)
    low, high = percentile(histogram_of(values), 90.0)
    assert (low, high) == (-900.0, 901.0)


def test_a_percentile_of_one_sided_values_keeps_their_end():
    values = np.maximum(np.random.default_rng(0).standard_normal(100_000), 0)
    low, high = percentile(histogram_of(values), 99.9)
    assert low == 0.0
    assert high == pytest.approx(np.quantile(values, 0.9995), abs=2 * histogram_of(values).width)


def test_all_of_the_values_are_the_extremes():
    histogram = histogram_of(np.random.default_rng(0).standard_normal(1000))
    assert percentile(histogram, 100.0) == minmax(histogram)


@pytest.mark.parametrize("shape", ["two-sided", "one-sided", "gelu-like"])
def test_entropy_clips_rare_outliers_for_finer_levels_of_all_others(shape):
    usual = np.random.default_rng(0).standard_normal(200_000)
    usual = {"two-sided": usual, "one-sided": np.abs(usual), "gelu-like": np.where(usual < 0, usual / 20, usual)}[shape]
    histogram = histogram_of([*usual, 30, 31, 29, 30])
    chosen, whole = entropy(histogram), minmax(histogram)
    assert whole.high == 31
    assert 3 < chosen.high < 10
    assert mean_squared_error(usual, chosen) < 0.2 * mean_squared_error(usual, whole)


def test_entropy_gives_each_side_its_own_threshold():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.exponential(1.0, 100_000), -rng.exponential(0.1, 100_000), [60.0]])
    low, high = entropy(histogram_of(values))
    assert -low < high / 3


def test_entropy_is_not_misled_by_zeros():
    """Zero is always one of the integers, so that any number of zeros asks for no finer levels."""
    positive = np.abs(np.random.default_rng(0).standard_normal(100_000))
    some, many = (np.concatenate([np.zeros(count), positive]) for count in (1000, 10_000_000))
    assert entropy(histogram_of(many)).high == pytest.approx(entropy(histogram_of(some)).high, rel=0.1)


def test_entropy_clips_nothing_where_every_value_has_its_level():
    values = np.arange(-100, 100)
    assert entropy(histogram_of(values), levels=1024) == minmax(histogram_of(values))
