"""What holds for every embedding table stored as INT8 rows."""

from unittest import mock

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from leanglot.compress import embedding_rows

# Below this, numbers in float32 lose digits.
SMALLEST = float(np.finfo(np.float32).tiny)
VALUES = st.floats(-(2.0**100), 2.0**100, width=32) | st.floats(-1, 1, width=32)
TABLES = arrays.arrays(np.float32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=VALUES)


def lookup_of(table):
    """A graph that looks rows up."""
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])]
    outputs = [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", table.shape[1]])]
    node = helper.make_node("Gather", ["table", "ids"], ["rows"])
    graph = helper.make_graph([node], "g", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def stored_rows(table):
    """Every row of the table as the quantized graph gives it back."""
    model = lookup_of(table)
    with mock.patch.object(embedding_rows, "_LARGE_TABLE", 1):
        stored = embedding_rows.store_as_rows(model.graph, {"table": table})
    assert sorted(stored) == ["table_rows", "table_scales"]
    model.graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in stored.items())
    return ReferenceEvaluator(model).run(None, {"ids": np.arange(len(table))})[0]


@given(TABLES)
def test_no_value_is_off_by_more_than_half_a_scale(table):
    scale = np.abs(table).max(axis=1, keepdims=True) / 127
    error = np.abs(stored_rows(table).astype(np.float64) - table)
    assert (error <= 0.5001 * scale + 128 * SMALLEST).all()


@given(TABLES)
@example(np.full((1, 1), 190 * 2.0**-149, np.float32))  # its scale, rounded to a subnormal number, is a third too small
def test_signs_and_zeros_stay(table):
    rows = stored_rows(table)
    assert (rows[table == 0] == 0).all()
    assert (rows * np.sign(table) >= 0).all()


@given(TABLES, st.integers(-20, 20))
def test_a_row_scaled_by_a_power_of_two_is_stored_alike(table, exponent):
    table[np.abs(table) < 1e-20] = 0
    scaled = table * np.float32(2.0**exponent)
    np.testing.assert_array_equal(stored_rows(scaled), stored_rows(table) * np.float32(2.0**exponent))
