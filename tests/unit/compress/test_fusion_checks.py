"""Trying a fused graph out: what cannot be computed, or comes out otherwise, is not the same."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from leanglot.compress.fusion_checks import live_nodes, masks_padding_alone, same_answers
from leanglot.compress.products import Products


def products(nodes, weights=None, tables=None):
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["b", "n"]) for n in ("input_ids", "attention_mask")]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return Products(model, weights or {}, tables or {})


TABLE = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)


def lookup(table, *, length=None, operator="Mul"):
    """Rows of the tokens, in proportion to the mask; with positions, no text can be longer than ``length``."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Cast", ["attention_mask"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["float", "axis"], ["column"]),
        helper.make_node(operator, ["rows", "column"], ["kept" if length else "logits"]),
    ]
    weights = {"axis": np.asarray([2])}
    if length:
        nodes += [
            helper.make_node("CumSum", ["attention_mask", "one"], ["places"]),
            helper.make_node("Gather", ["positions", "places"], ["placed"]),
            helper.make_node("Add", ["kept", "placed"], ["logits"]),
        ]
        weights |= {"one": np.asarray(1), "positions": np.ones((length + 1, 4), np.float32)}
    return products(nodes, weights, {"table": table})


def test_a_graph_computes_what_it_computes():
    assert same_answers(lookup(TABLE), lookup(TABLE.copy()), ["rows"])


def test_a_row_that_differs_is_seen():
    other = TABLE.copy()
    other[:, 2] *= 1.01
    assert not same_answers(lookup(TABLE), lookup(other), [])


def test_a_value_between_that_differs_is_seen():
    weights = {"zero": np.zeros(4, np.float32), "axis": np.asarray([2])}

    def graph(table):
        nodes = [helper.make_node("Gather", ["table", "input_ids"], ["rows"])]
        nodes += [helper.make_node("Mul", ["rows", "zero"], ["logits"])]
        return products(nodes, dict(weights), {"table": table})

    assert same_answers(graph(TABLE), graph(2 * TABLE), [])
    assert not same_answers(graph(TABLE), graph(2 * TABLE), ["rows"])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_not_the_same(value):
    broken = TABLE.copy()
    broken[:, 1] = value
    assert not same_answers(lookup(TABLE), lookup(broken), [])
    assert not same_answers(lookup(broken), lookup(TABLE), [])


def test_texts_are_as_long_as_the_model_takes():
    assert same_answers(lookup(TABLE, length=20), lookup(TABLE, length=20), [])
    assert not same_answers(lookup(TABLE, length=20), lookup(TABLE, length=10), [])
    assert not same_answers(lookup(TABLE, length=4), lookup(TABLE, length=4), [])


def test_what_cannot_be_loaded_or_run_is_not_the_same():
    good = lookup(TABLE)
    for bad in (lookup(TABLE, operator="Nonsense"), lookup(TABLE[:, :, None])):
        assert not same_answers(good, bad, [])
        assert not same_answers(bad, good, [])
    assert not same_answers(good, good, ["no such value"])


def mask_graph(value):
    nodes = [
        helper.make_node("Cast", ["attention_mask"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["one", "float"], ["flat"]),
        helper.make_node("Unsqueeze", ["flat", "axes"], ["four"]),
        helper.make_node("Mul", ["four", "lowest"], ["padding"]),
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("ReduceSum", ["rows", "last"], ["of_token"], keepdims=0),
        helper.make_node("Mul", ["of_token", "never"], ["nothing"]),
        helper.make_node("Unsqueeze", ["nothing", "axes"], ["nothings"]),
        helper.make_node("Add", ["padding", "nothings"], ["ignores_tokens"]),
        helper.make_node("Unsqueeze", ["of_token", "axes"], ["biases"]),
        helper.make_node("Add", ["padding", "biases"], ["reads_tokens"]),
    ]
    weights = {"one": np.float32(1), "lowest": np.float32(-1e9), "axes": np.asarray([1, 2]), "last": np.asarray([2])}
    weights |= {"never": np.float32(0)}
    graph = products(nodes, {name: np.asarray(v) for name, v in weights.items()}, {"table": TABLE})
    return masks_padding_alone(graph, value)


@pytest.mark.parametrize(
    ("value", "plain"),
    [("padding", True), ("ignores_tokens", True), ("reads_tokens", False), ("flat", False), ("four", False)],
)
def test_a_mask_is_what_hides_padding_and_nothing_else(value, plain):
    assert mask_graph(value) is plain


def test_a_mask_that_does_not_exist_hides_nothing():
    assert mask_graph("no such value") is False


def test_memory_that_is_not_laid_out_as_usual_is_read_alike():
    turned = np.asfortranarray(TABLE)
    assert same_answers(lookup(TABLE), lookup(turned), [])
    assert same_answers(lookup(TABLE), replace(lookup(turned), heads={"x"}), [])


def test_live_nodes_are_those_that_outputs_need():
    nodes = [onnx.helper.make_node("Abs", [a], [b]) for a, b in (("x", "a"), ("a", "b"), ("x", "c"))]
    assert [node.output[0] for node in live_nodes(nodes, ["b"])] == ["a", "b"]
