"""Embedding tables as INT8 rows: a quarter of the bytes, and the rows come back close."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from leanglot.compress.embedding_rows import lookup_tables, quantize_rows, store_as_rows


def table_graph(*, uses=1, axis=0):
    """A graph with as many look-ups in one table that it does not hold."""
    inputs = [helper.make_tensor_value_info(f"ids{use}", TensorProto.INT64, [f"n{use}"]) for use in range(uses)]
    outputs = [helper.make_tensor_value_info(f"rows{use}", TensorProto.FLOAT, [None, None]) for use in range(uses)]
    nodes = [helper.make_node("Gather", ["table", f"ids{use}"], [f"rows{use}"], axis=axis) for use in range(uses)]
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def quantized(model, table):
    """The graph with its table stored as rows, and what it stores."""
    stored = store_as_rows(model.graph, {"table": table})
    model.graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in stored.items())
    return model, stored


def run(model, **feed):
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {name: np.asarray(ids, np.int64) for name, ids in feed.items()})


def large_table(seed=0):
    """The smallest table that counts as large."""
    return np.random.default_rng(seed).normal(size=(2000, 500)).astype(np.float32)


def test_a_table_takes_a_quarter_and_looks_up_close_rows():
    table = large_table()
    table[7] = 0
    model, stored = quantized(table_graph(), table)
    assert [node.op_type for node in model.graph.node] == ["Gather", "Cast", "Gather", "Mul"]
    assert sorted(stored) == ["table_rows", "table_scales"]
    assert stored["table_rows"].nbytes == table.nbytes / 4
    assert stored["table_scales"].shape == (2000, 1)
    onnx.checker.check_model(model)
    ids = [7, 1999, 0, 7, 42]
    (rows,) = run(model, ids0=ids)
    half = np.abs(table[ids]).max(axis=1, keepdims=True) / 254
    assert (np.abs(rows - table[ids]) <= half * 1.001).all()
    assert not rows[[0, 3]].any()


def test_a_table_that_is_looked_up_twice_is_stored_once():
    table = large_table()
    model, stored = quantized(table_graph(uses=2), table)
    assert sorted(stored) == ["table_rows", "table_scales"]
    first, second = run(model, ids0=[1, 2], ids1=[2])
    np.testing.assert_array_equal(first[1], second[0])
    np.testing.assert_allclose(first, table[[1, 2]], atol=0.05)


def test_a_table_that_also_multiplies_is_none_that_is_only_looked_up():
    model = table_graph()
    assert lookup_tables(model.graph) == {"table"}
    model.graph.node.append(helper.make_node("Transpose", ["table"], ["turned"]))
    assert lookup_tables(model.graph) == set()


def test_a_table_that_is_looked_up_by_columns_is_none_either():
    assert lookup_tables(table_graph(axis=1).graph) == set()


@pytest.mark.parametrize(
    "table",
    [
        np.ones((1999, 500), np.float32),
        np.ones((2000, 500), np.float16),
        np.ones((2, 1000, 500), np.float32),
    ],
    ids=["small", "another type", "no matrix"],
)
def test_what_is_no_large_table_of_rows_stays(table):
    model = table_graph()
    before = model.SerializeToString()
    stored = store_as_rows(model.graph, {"table": table})
    assert stored["table"] is table
    assert len(stored) == 1
    assert model.SerializeToString() == before


def test_rows_are_quantized_each_by_itself():
    table = large_table()
    rows, scales = quantize_rows(table)
    alone_rows, alone_scales = quantize_rows(table[1500:1501])
    np.testing.assert_array_equal(rows[1500:1501], alone_rows)
    np.testing.assert_array_equal(scales[1500:1501], alone_scales)
