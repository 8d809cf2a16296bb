"""What holds for every array rounded to integer codes."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from leanglot.numerics import quantization_error, quantize

SCHEMES = st.sampled_from(["asymmetric", "symmetric"])
BITS = st.integers(2, 8)
VALUES = st.floats(-(2.0**100), 2.0**100, width=32) | st.floats(-1, 1, width=32) | st.sampled_from([0.0, 1.0, -1.0])
SHAPES = arrays.array_shapes(max_dims=3, max_side=7)
ARRAYS = arrays.arrays(st.sampled_from([np.float32, np.float64]), SHAPES, elements=VALUES)


@st.composite
def granularities(draw):
    """An array with an axis and a block that fit it."""
    x = draw(ARRAYS)
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    return x, axis, draw(st.none() | st.integers(1, 9))


def widened(result):
    """The scale that counts for each value."""
    if result.block is None:
        return np.broadcast_to(result.scale, result.shape)
    indices = np.arange(result.shape[result.axis]) // result.block
    return np.take(result.scale, indices, axis=result.axis)


@given(granularities(), BITS, SCHEMES)
@example((np.array([-1.5, 253.5]), None, None), 8, "asymmetric")  # both ends round away from each other
def test_no_value_is_off_by_more_than_half_a_scale(case, bits, scheme):
    x, axis, block = case
    result = quantize(x, bits, scheme, axis, block)
    exact = (result.q.astype(np.float64) - spread(result, result.zero_point)) * widened(result)
    error = np.abs(exact - x)
    assert (error <= widened(result) * (0.5 + 1e-9)).all()
    # The values that come back are rounded once more, to the array's own precision.
    np.testing.assert_allclose(result.dequantize(), exact, rtol=np.finfo(result.dtype).eps, atol=2e-45)


def spread(result, numbers):
    if result.block is None:
        return numbers
    return np.take(numbers, np.arange(result.shape[result.axis]) // result.block, axis=result.axis)


@given(granularities(), BITS, SCHEMES)
def test_codes_stay_in_their_range_and_zero_stays_zero(case, bits, scheme):
    x, axis, block = case
    result = quantize(x, bits, scheme, axis, block)
    if scheme == "asymmetric":
        assert result.q.dtype == np.uint8
        assert result.q.max() <= 2**bits - 1
        assert ((np.asarray(result.zero_point) >= 0) & (np.asarray(result.zero_point) <= 2**bits - 1)).all()
    else:
        assert np.abs(result.q.astype(int)).max() <= 2 ** (bits - 1) - 1
        assert not np.any(result.zero_point)
    assert (result.dequantize()[x == 0] == 0).all()
    assert (np.asarray(result.scale) > 0).all()


@given(granularities(), BITS, SCHEMES)
def test_what_was_quantized_once_is_quantized_alike(case, bits, scheme):
    x, axis, block = case
    first = quantize(x, bits, scheme, axis, block)
    again = quantize(first.dequantize(), bits, scheme, axis, block)
    step = np.finfo(first.dtype).eps * 2**bits
    np.testing.assert_allclose(
        again.dequantize(), first.dequantize(), rtol=step, atol=step * float(np.max(widened(first))) + 1e-44
    )


@given(ARRAYS, st.integers(2, 7), SCHEMES)
def test_each_bit_more_tightens_the_bound(x, bits, scheme):
    fewer, more = (quantize(x, count, scheme) for count in (bits, bits + 1))
    steps = [2**count - 1 if scheme == "asymmetric" else 2 ** (count - 1) - 1 for count in (bits, bits + 1)]
    if x.any():
        assert more.scale == pytest.approx(fewer.scale * steps[0] / steps[1], rel=1e-12)
    slack = 1e-6 * float(np.abs(x).max()) + 1e-44
    assert quantization_error(x, more).maximum <= fewer.scale / 2 * (steps[0] / steps[1]) + slack


@pytest.mark.parametrize("scheme", ["asymmetric", "symmetric"])
def test_each_bit_is_worth_about_six_decibels(scheme):
    x = np.random.default_rng(0).uniform(-1, 1, 20_000)
    ratios = [quantization_error(x, quantize(x, bits, scheme)).sqnr_db for bits in range(2, 9)]
    gains = np.diff(ratios)
    assert (gains > 4).all()
    assert gains[-1] == pytest.approx(20 * np.log10(2), abs=0.3)


@given(ARRAYS, BITS)
def test_negation_negates_symmetric_codes(x, bits):
    straight, turned = quantize(x, bits, "symmetric"), quantize(-x, bits, "symmetric")
    np.testing.assert_array_equal(turned.q, -straight.q)


@given(granularities(), BITS, SCHEMES, st.integers(-20, 20))
def test_scaling_by_a_power_of_two_changes_no_code(case, bits, scheme, exponent):
    x, axis, block = case
    x[np.abs(x) < 1e-20] = 0
    factor = 2.0**exponent
    straight, scaled = (quantize(a, bits, scheme, axis, block) for a in (x, x * x.dtype.type(factor)))
    np.testing.assert_array_equal(scaled.q, straight.q)


@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 9)), elements=VALUES), BITS, SCHEMES)
def test_channels_and_blocks_never_have_larger_scales(x, bits, scheme):
    whole = quantize(x, bits, scheme).scale * (1 + 1e-12)
    rows = quantize(x, bits, scheme, axis=0)
    blocks = quantize(x, bits, scheme, block=3)
    assert (rows.scale[x.any(axis=1)] <= whole).all()
    assert (widened(blocks)[widened(rows) < 1] <= np.maximum(widened(rows)[widened(rows) < 1] * (1 + 1e-12), 1)).all()


@given(ARRAYS, BITS, SCHEMES)
def test_errors_are_ordered_and_no_relative_error_passes_one(x, bits, scheme):
    error = quantization_error(x, quantize(x, bits, scheme))
    assert 0 <= error.mean <= error.maximum * (1 + 1e-12)
    assert (error.mean_relative is None) == (not x.any())
    assert (error.sqnr_db is None) == (not x.any())
