"""Quantiles of a sketch, beside those of the values themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanglot.errors import RunError
from leanglot.stats.sketch import LARGEST_MS, SMALLEST_MS, LogSketch, SketchState

milliseconds = st.lists(st.floats(SMALLEST_MS, LARGEST_MS), min_size=1, max_size=200)
shares = st.floats(0, 1)


def sketch_of(values):
    sketch = LogSketch()
    sketch.add(np.asarray(values, dtype=np.float64))
    return sketch


@given(milliseconds, shares)
def test_a_quantile_lies_within_one_percent_of_the_value_of_its_rank(values, q):
    exact = float(np.quantile(values, q, method="lower"))
    assert sketch_of(values).quantile(q) == pytest.approx(exact, rel=0.0100001)


@given(milliseconds, milliseconds)
def test_merging_is_as_if_all_values_had_been_added_to_one_in_either_order(one, other):
    merged, mirrored = sketch_of(one), sketch_of(other)
    merged.merge(sketch_of(other))
    mirrored.merge(sketch_of(one))
    assert merged.state() == mirrored.state() == sketch_of(one + other).state()
    assert merged.n == len(one) + len(other)


@given(milliseconds)
def test_a_stored_sketch_goes_on_as_if_nothing_had_happened(values):
    stored = SketchState.model_validate_json(sketch_of(values).state().model_dump_json())
    restored, kept = LogSketch.restored(stored), sketch_of(values)
    for sketch in (restored, kept):
        sketch.add(np.array([12.5]))
    assert restored.state() == kept.state()


def test_values_beyond_the_range_count_as_its_ends():
    sketch = sketch_of([0.0, -3.0, 1e12])
    assert sketch.n == 3
    assert sketch.quantile(0) == pytest.approx(SMALLEST_MS, rel=0.0101)
    assert sketch.quantile(1) == pytest.approx(LARGEST_MS, rel=0.0101)


def test_its_size_does_not_grow():
    sketch = sketch_of(np.geomspace(SMALLEST_MS, LARGEST_MS, 100_000))
    held = len(sketch.state().bins)
    sketch.add(np.geomspace(SMALLEST_MS, LARGEST_MS, 77_777))
    assert held == len(sketch.state().bins) < 1_200


@pytest.mark.parametrize("q", [-0.1, 1.1])
def test_no_quantile_beyond_all_values(q):
    with pytest.raises(ValueError, match="quantile"):
        sketch_of([1.0]).quantile(q)


def test_no_quantile_of_nothing():
    sketch = sketch_of([])
    with pytest.raises(ValueError, match="of 0 values"):
        sketch.quantile(0.5)


@pytest.mark.parametrize(
    "state",
    [
        SketchState(bins=(1, 2), counts=(1,)),
        SketchState(bins=(1, 1), counts=(1, 1)),
        SketchState(bins=(-1,), counts=(1,)),
        SketchState(bins=(10**6,), counts=(1,)),
        SketchState(bins=(3,), counts=(0,)),
    ],
    ids=["lengths", "twice", "below", "above", "empty"],
)
def test_a_damaged_state_is_refused(state):
    with pytest.raises(RunError, match="damaged"):
        LogSketch.restored(state)
