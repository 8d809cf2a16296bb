"""Fused attention: the same answers from one operator, only where it means the same, and never across a kept layer."""

from collections import Counter

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from leanglot.compress import int8
from leanglot.compress.fusion import find_attention, fuse, save_fused
from leanglot.compress.products import read_products
from leanglot.export.onnx import export_onnx
from leanglot.models.graph import GRAPH_NAME, load_graph, save_graph
from leanglot.models.text_classifier import load_text_classifier
from leanglot.techniques import Int8

WIDE = Int8(reduce_range=False)
QUERY = "roberta.encoder.layer.0.attention.self.query"
MERGED = "roberta.encoder.layer.0.attention.self.qkv"


@pytest.fixture(scope="module")
def exported(any_family, tmp_path_factory):
    """The exported graph of a model of each family."""
    folder = tmp_path_factory.mktemp("exported")
    export_onnx(load_text_classifier(any_family), folder)
    return folder


def operators(folder):
    return Counter(node.op_type for node in load_graph(folder).graph.node)


def logits(folder, mask=((1,) * 9, (1,) * 4 + (0,) * 5, (0, 0) + (1,) * 7)):
    mask = np.asarray(mask)
    ids = np.where(mask == 1, np.random.default_rng(0).integers(4, 400, size=mask.shape), 1)
    session = ort.InferenceSession(str(folder / GRAPH_NAME), providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]


def test_a_fused_graph_answers_alike_with_padding_on_either_side(exported, tmp_path):
    made = save_fused(exported, tmp_path)
    assert (made.attention, made.kept, made.unfused, made.notes()) == (2, 0, 0, ())
    found = operators(tmp_path)
    assert (found["Attention"], found["Softmax"]) == (2, 0)
    assert found["Sum"] == found["LayerNormalization"] == made.residuals == 5
    np.testing.assert_allclose(logits(tmp_path), logits(exported), atol=2e-5)


def test_a_merged_matrix_is_named_after_the_three(onnx_artifact, tmp_path):
    save_fused(onnx_artifact, tmp_path)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in load_graph(tmp_path).graph.initializer}
    before = {tensor.name: numpy_helper.to_array(tensor) for tensor in load_graph(onnx_artifact).graph.initializer}
    assert f"{QUERY}.weight.T" not in weights
    np.testing.assert_array_equal(weights[f"{MERGED}.weight.T"][:, :32], before[f"{QUERY}.weight.T"])
    np.testing.assert_array_equal(weights[f"{MERGED}.bias"][32:64], before[f"{QUERY.replace('query', 'key')}.bias"])


@pytest.mark.parametrize("pattern", ["layer.0.*.*.query", "layer.0.attention.self.qkv", "layer.0"])
def test_attention_with_a_kept_layer_is_not_fused(onnx_artifact, tmp_path, pattern):
    done = int8.quantize(onnx_artifact, tmp_path, Int8(reduce_range=False, keep=(pattern,)))
    assert done.notes == ()
    assert operators(tmp_path)["QAttention"] == 1
    names = {tensor.name for tensor in load_graph(tmp_path).graph.initializer}
    assert f"{QUERY}.weight.T" in names
    assert (f"{QUERY.replace('query', 'value')}.weight.T" in names) is ("query" not in pattern)
    assert f"{MERGED.replace('.0.', '.1.')}.weight.T_quantized" in names
    exact, approximate = logits(onnx_artifact), logits(tmp_path)
    assert 0 < np.abs(exact - approximate).max() < 0.1 * np.abs(exact).max()


def test_one_scale_per_matrix_is_one_scale_for_each_of_the_three(exported, tmp_path):
    done = int8.quantize(exported, tmp_path, Int8(reduce_range=False, per_channel=False))
    assert done.notes == ()
    found = operators(tmp_path)
    assert (found["QAttention"], found["MatMulInteger"]) == (0, 12)
    assert found["Sum"] == 5


def test_quantized_attention_is_one_operator(exported, tmp_path):
    int8.quantize(exported, tmp_path, WIDE)
    found = operators(tmp_path)
    assert (found["QAttention"], found["Softmax"], found["Attention"]) == (2, 0, 0)
    exact, approximate = logits(exported), logits(tmp_path)
    assert 0 < np.abs(exact - approximate).max() < 0.1 * np.abs(exact).max()


def attention_graph(folder, *, scale=0.5, mask="padding", heads=2, width=8, order=(0, 2, 1, 3)):
    """One self-attention in the form that the exporter writes, with a normalization before it and a sum after it."""
    rng = np.random.default_rng(0)
    weights = {"norm.weight": np.ones(width, np.float32), "norm.bias": np.zeros(width, np.float32)}
    weights["table"] = rng.normal(size=(50, width)).astype(np.float32)
    constants = {"size": [width // heads], "free": [-1], "zeros": [0, 0], "shape": [0, 0, width], "scale": scale}
    constants |= {"one": 1.0, "lowest": -1e9, "axes": [1, 2], "later": np.triu(np.full((5, 5), -1e9), 1)}
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(_array(value), name))
        for name, value in constants.items()
    ]
    nodes += [
        helper.make_node("Gather", ["table", "input_ids"], ["looked"]),
        helper.make_node("LayerNormalization", ["looked", "norm.weight", "norm.bias"], ["x"], axis=-1),
        helper.make_node("Cast", ["attention_mask"], ["float_mask"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["one", "float_mask"], ["padding_2d"]),
        helper.make_node("Unsqueeze", ["padding_2d", "axes"], ["padding_4d"]),
        helper.make_node("Mul", ["padding_4d", "lowest"], ["padding"]),
        helper.make_node("Add", ["padding", "later"], ["causal"]),
        helper.make_node("Mul", ["looked", "lowest"], ["content"]),
        helper.make_node("Concat", ["zeros", "free", "size"], ["split"], axis=0),
    ]
    for part, perm in (("q", order), ("k", (0, 2, 3, 1)), ("v", (0, 2, 1, 3))):
        weights[f"a.{part}.weight.T"] = rng.normal(size=(width, width)).astype(np.float32)
        weights[f"a.{part}.bias"] = rng.normal(size=width).astype(np.float32)
        nodes += [
            helper.make_node("MatMul", ["x", f"a.{part}.weight.T"], [f"{part}1"]),
            helper.make_node("Add", [f"a.{part}.bias", f"{part}1"], [f"{part}2"]),
            helper.make_node("Reshape", [f"{part}2", "split"], [f"{part}3"]),
            helper.make_node("Transpose", [f"{part}3"], [f"{part}4"], perm=perm),
        ]
    nodes += [
        helper.make_node("MatMul", ["q4", "k4"], ["scores"]),
        helper.make_node("Mul", ["scores", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", mask], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["shares"], axis=-1),
        helper.make_node("MatMul", ["shares", "v4"], ["heads"]),
        helper.make_node("Transpose", ["heads"], ["turned"], perm=(0, 2, 1, 3)),
        helper.make_node("Reshape", ["turned", "shape"], ["logits"]),
    ]
    for number, node in enumerate(nodes):
        node.name = f"node{number}"
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["b", "n"]) for n in ("input_ids", "attention_mask")]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    save_graph(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder, weights)
    return folder


def _array(value):
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype == np.float64 else array.astype(np.int64)


def fused_count(folder):
    return len(find_attention(read_products(folder)))


def test_the_form_of_the_exporter_is_recognized(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "fused").mkdir()
    source = attention_graph(tmp_path / "source")
    assert save_fused(source, tmp_path / "fused").attention == 1
    mask = ((1, 1, 1, 1, 1), (1, 1, 1, 0, 0))
    np.testing.assert_allclose(logits_of_rows(tmp_path / "fused", mask), logits_of_rows(source, mask), atol=1e-5)


def logits_of_rows(folder, mask):
    ids = np.random.default_rng(0).integers(0, 50, size=np.shape(mask))
    session = ort.InferenceSession(str(folder / GRAPH_NAME), providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"input_ids": ids, "attention_mask": np.asarray(mask)})[0]


@pytest.mark.parametrize(
    "change",
    [{"scale": 0.3}, {"mask": "causal"}, {"mask": "later"}, {"mask": "float_mask"}, {"order": (0, 2, 3, 1)}],
    ids=["another scale", "later tokens hidden", "padding not hidden", "no mask to add", "another order"],
)
def test_another_form_is_left_alone_and_told(tmp_path, change):
    source = attention_graph(tmp_path, **change)
    assert fused_count(source) == 0
    products = read_products(source)
    made = fuse(products, find_attention(products))
    assert (made.attention, made.unfused) == (0, 1)
    assert "1 of 1 attention layers" in made.notes()[0]


def test_quantizing_tells_what_is_not_fused(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "target").mkdir()
    done = int8.quantize(attention_graph(tmp_path / "source", scale=0.3), tmp_path / "target", WIDE)
    assert len(done.notes) == 1
    assert operators(tmp_path / "target")["MatMulInteger"] == 3
