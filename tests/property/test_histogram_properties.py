"""What holds for every histogram."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from leanglot.stats.histograms import empty, entropy, minmax, percentile

VALUES = arrays(np.float32, st.integers(1, 300), elements=st.floats(-(2.0**60), 2.0**60, width=32))
BINS = st.sampled_from([2, 5, 64, 2048])


def in_parts(values, cuts, bins):
    histogram = empty(bins)
    for part in np.split(values, sorted(min(cut, len(values)) for cut in cuts)):
        histogram = histogram.with_values(part)
    return histogram


@given(VALUES, st.lists(st.integers(0, 300), max_size=5), BINS, st.randoms(use_true_random=False))
def test_neither_order_nor_parts_matter(values, cuts, bins, random):
    order = list(range(len(values)))
    random.shuffle(order)
    whole, parts = empty(bins).with_values(values), in_parts(values[order], cuts, bins)
    assert (whole.exponent, whole.first, whole.low, whole.high) == (parts.exponent, parts.first, parts.low, parts.high)
    assert np.array_equal(whole.counts, parts.counts)


@given(VALUES, BINS)
def test_every_value_is_in_its_bin(values, bins):
    histogram = empty(bins).with_values(values)
    assert histogram.total == len(values)
    edges = (histogram.first + np.arange(bins + 1)) * histogram.width
    counts, _ = np.histogram(values.astype(np.float64), edges)
    last = np.searchsorted(edges, float(values.max()), side="right") - 1
    assert last < bins
    assert np.array_equal(counts, histogram.counts)


@given(VALUES, st.floats(50.1, 100))
def test_percentiles_are_numpys_within_a_bin(values, share):
    histogram = empty().with_values(values)
    low, high = percentile(histogram, share)
    tail = (100 - share) / 2
    exact = values.astype(np.float64)
    width = histogram.width
    # At a tie between two order statistics either is a right answer.
    methods = ("inverted_cdf", "lower", "higher")
    lows = [np.percentile(exact, tail, method=method) for method in methods]
    highs = [np.percentile(exact, 100 - tail, method=method) for method in methods]
    assert min(lows) - width <= low <= max(lows)
    assert min(highs) <= high <= max(highs) + width
    inside = np.mean((exact >= low) & (exact <= high))
    assert inside >= share / 100 - 1e-9


@given(VALUES)
def test_ranges_stay_within_the_extremes(values):
    histogram = empty().with_values(values)
    whole = minmax(histogram)
    assert whole == (values.min(), values.max())
    for low, high in (entropy(histogram), percentile(histogram, 75.0)):
        assert whole.low <= low <= high <= whole.high


@given(VALUES)
def test_entropy_keeps_bins_enough_for_all_levels(values):
    histogram = empty().with_values(values)
    low, high = entropy(histogram, levels=16)
    span = max(histogram.high, 0.0) - min(histogram.low, 0.0)
    assert max(high, 0.0) - min(low, 0.0) >= min(15 * histogram.width, span)


@given(st.floats(-50, 50), st.floats(0.01, 5), st.integers(0, 1000))
def test_entropy_holds_most_values_wherever_they_lie(centre, spread, seed):
    values = np.random.default_rng(seed).normal(centre, spread, 5_000)
    low, high = entropy(empty().with_values(values))
    assert low <= high
    assert np.mean((values >= low) & (values <= high)) >= 0.45
