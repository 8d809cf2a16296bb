"""Quantization as arithmetic: the textbook's numbers, each granularity, and what is refused."""

import math

import numpy as np
import pytest

from leanglot.errors import ConfigError, DataError
from leanglot.numerics import quantization_error, quantize

TEXTBOOK = [-0.5, 0.2, 0.8, -0.3, 0.5]


def test_the_textbook_case():
    result = quantize(TEXTBOOK, bits=8, scheme="asymmetric")
    assert round(result.scale, 4) == 0.0051
    assert result.zero_point == 98
    assert result.q.tolist() == [0, 137, 255, 39, 196]
    assert result.q.dtype == np.uint8
    assert (result.bits, result.scheme, result.axis, result.block, result.shape) == (8, "asymmetric", None, None, (5,))


def test_the_textbook_case_back_again():
    result = quantize(TEXTBOOK)
    values = result.dequantize()
    step = 1.3 / 255
    np.testing.assert_allclose(values, np.array([-98, 39, 157, -59, 98]) * step, rtol=1e-15)
    error = quantization_error(TEXTBOOK, result)
    lost = np.array(TEXTBOOK) - values
    assert error.maximum == pytest.approx(np.abs(lost).max())
    assert error.mean == pytest.approx(np.abs(lost).mean())
    assert error.mean_relative == pytest.approx((np.abs(lost) / np.abs(TEXTBOOK)).mean())
    assert error.sqnr_db == pytest.approx(10 * math.log10(np.square(TEXTBOOK).sum() / np.square(lost).sum()))


def test_symmetric_codes_leave_out_the_lowest():
    result = quantize([-1.0, 0.5, 1.0], bits=4, scheme="symmetric")
    assert result.q.tolist() == [-7, 4, 7]
    assert result.q.dtype == np.int8
    assert (result.scale, result.zero_point) == (pytest.approx(1 / 7), 0)


@pytest.mark.parametrize(
    ("values", "zero_point", "codes"),
    [([1.0, 2.0], 0, [128, 255]), ([-1.0, -2.0], 255, [127, 0]), ([3.0, 3.0], 0, [255, 255])],
    ids=["positive", "negative", "constant"],
)
def test_the_asymmetric_range_contains_zero(values, zero_point, codes):
    result = quantize(values)
    assert (result.zero_point, result.q.tolist()) == (zero_point, codes)


@pytest.mark.parametrize("scheme", ["asymmetric", "symmetric"])
def test_zeros_have_scale_one_and_lose_nothing(scheme):
    result = quantize(np.zeros((2, 3)), scheme=scheme)
    assert (result.scale, result.zero_point) == (1, 0)
    error = quantization_error(np.zeros((2, 3)), result)
    assert (error.maximum, error.mean, error.mean_relative, error.sqnr_db) == (0, 0, None, None)


@pytest.mark.parametrize("axis", [0, -2])
def test_each_channel_has_a_scale_of_its_own(axis):
    x = np.array([[1.0, -1.0], [100.0, 40.0], [0.0, 0.0]])
    result = quantize(x, scheme="symmetric", axis=axis)
    assert result.axis == 0
    np.testing.assert_allclose(result.scale, [[1 / 127], [100 / 127], [1]])
    assert result.q.tolist() == [[127, -127], [127, 51], [0, 0]]
    assert result.zero_point.shape == (3, 1)


def test_blocks_lie_along_the_last_axis_and_the_last_may_be_shorter():
    x = np.array([[1.0, -2.0, 8.0, 4.0, 0.5], [3.0, 0.0, 1.0, 1.0, 7.0]])
    result = quantize(x, bits=4, scheme="symmetric", block=2)
    assert (result.axis, result.block) == (1, 2)
    np.testing.assert_allclose(result.scale, np.array([[2, 8, 0.5], [3, 1, 7]]) / 7)
    alone = [quantize(part, bits=4, scheme="symmetric").dequantize() for part in (x[0, :2], x[0, 2:4], x[0, 4:])]
    np.testing.assert_array_equal(result.dequantize()[0], np.concatenate(alone))


def test_blocks_lie_along_the_axis_that_is_named():
    x = np.arange(12.0).reshape(4, 3)
    along = quantize(x, axis=0, block=3)
    assert along.scale.shape == (2, 3)
    turned = quantize(x.T, block=3)
    np.testing.assert_array_equal(along.q, turned.q.T)
    np.testing.assert_array_equal(along.dequantize(), turned.dequantize().T)


def test_a_block_longer_than_the_axis_is_the_axis():
    x = np.array([[1.0, 2.0], [-3.0, 4.0]])
    np.testing.assert_array_equal(quantize(x, block=99).q, quantize(x, axis=0).q)


@pytest.mark.parametrize(
    ("given", "back"),
    [
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("int64", "float64"),
        ("uint8", "float64"),
    ],
)
def test_values_come_back_in_a_precision_that_fits(given, back):
    result = quantize(np.array([[0, 3], [2, 255]], dtype=given))
    assert result.dequantize().dtype == back
    np.testing.assert_allclose(result.dequantize(), [[0, 3], [2, 255]], rtol=1e-6)


def test_a_single_number_is_a_tensor():
    result = quantize(-2.5, bits=3, scheme="symmetric")
    assert (result.q, result.shape, result.dequantize()) == (-3, (), -2.5)
    assert quantization_error(-2.5, result).sqnr_db == math.inf


@pytest.mark.parametrize("largest", [3.4028234e38, 1.7e308])
def test_the_largest_numbers_stay_finite(largest):
    x = np.array([largest, -0.3 * largest], dtype=np.float32 if largest < 1e39 else np.float64)
    result = quantize(x)
    assert np.isfinite(result.dequantize()).all()
    error = quantization_error(x, result)
    assert error.maximum <= result.scale / 2 * 1.0001
    assert 40 < error.sqnr_db < 70


def test_numbers_too_small_for_a_scale_become_zeros():
    result = quantize(np.array([5e-324, 0]))
    assert result.dequantize().tolist() == [0, 0]


def test_noise_without_signal_is_minus_infinity():
    assert quantization_error([0.0, 0.0], quantize([1.0, 2.0])).sqnr_db == -math.inf


@pytest.mark.parametrize("bits", [1, 9, 0, -8, 4.0, True, "8", None])
def test_bits_beyond_two_to_eight_are_refused(bits):
    with pytest.raises(ConfigError, match=f"bits is {bits!r}") as caught:
        quantize(TEXTBOOK, bits=bits)
    assert "from 2 to 8" in caught.value.hint


def test_an_unknown_scheme_is_refused():
    with pytest.raises(ConfigError, match="scheme is 'affine'") as caught:
        quantize(TEXTBOOK, scheme="affine")
    assert caught.value.hint == "Allowed are asymmetric and symmetric."


@pytest.mark.parametrize("axis", [2, -3, 0.0, False, "0"])
def test_an_axis_that_is_not_there_is_refused(axis):
    with pytest.raises(ConfigError, match=f"axis is {axis!r}, and the array has 2 axes") as caught:
        quantize(np.ones((2, 2)), axis=axis)
    assert caught.value.hint == "Allowed are -2 to 1."


@pytest.mark.parametrize("block", [0, -1, 2.0, True])
def test_a_block_that_is_no_count_is_refused(block):
    with pytest.raises(ConfigError, match=f"block is {block!r}"):
        quantize(TEXTBOOK, block=block)


def test_a_single_number_has_no_blocks():
    with pytest.raises(ConfigError, match="block is given, and the array has 0 axes") as caught:
        quantize(1.0, block=2)
    assert caught.value.hint == "One number has no axes."


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused_with_its_place(bad):
    x = np.ones((2, 3))
    x[1, 2] = bad
    with pytest.raises(DataError, match=rf"at \[1, 2\] is {bad}, one of 1"):
        quantize(x)
    with pytest.raises(DataError, match=r"at \[1, 2\]"):
        quantization_error(x, quantize(np.ones((2, 3))))


@pytest.mark.parametrize("x", [[], np.ones((0, 4))])
def test_nothing_is_refused(x):
    with pytest.raises(DataError, match="nothing to quantize"):
        quantize(x)


@pytest.mark.parametrize("x", [["a"], [1j], [True], [None], [2**80]])
def test_what_is_no_real_number_is_refused(x):
    with pytest.raises(DataError, match="values are of type"):
        quantize(x)


def test_ragged_rows_are_refused():
    with pytest.raises(DataError, match="form no array"):
        quantize([[1.0, 2.0], [3.0]])


def test_errors_are_of_the_array_that_was_quantized():
    with pytest.raises(DataError, match=r"shape \(2,\), its quantized form \(5,\)"):
        quantization_error([1.0, 2.0], quantize(TEXTBOOK))
