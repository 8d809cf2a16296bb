"""Fused attention: the same answers from one operator, only where it means the same, and never across a kept layer."""

from collections import Counter
from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from transformers import AlbertConfig, AlbertForSequenceClassification, BertConfig, BertForSequenceClassification
from transformers.models.bert import modeling_bert

from leanglot.compress import int8
from leanglot.compress.fusion import find_attention, fuse, save_fused
from leanglot.compress.fusion_checks import live_nodes
from leanglot.compress.products import read_products
from leanglot.compress.undo import compare, open_undone
from leanglot.export.onnx import export_onnx
from leanglot.models.graph import GRAPH_NAME, load_graph, save_graph
from leanglot.models.text_classifier import TextClassifier, load_text_classifier
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


def attention_graph(
    folder,
    *,
    scale=0.5,
    mask="padding",
    heads=2,
    width=8,
    order=(0, 2, 1, 3),
    last=(0, 2, 1, 3),
    axis=-1,
    shape=(0, 0, 8),
    split=(0, 0, -1, 4),
):
    """One self-attention in the form that the exporter writes, with a normalization before it and a sum after it."""
    rng = np.random.default_rng(0)
    weights = {"norm.weight": np.ones(width, np.float32), "norm.bias": np.zeros(width, np.float32)}
    weights["table"] = rng.normal(size=(50, width)).astype(np.float32)
    constants = {"split": split, "shape": shape, "scale": scale, "zero": 0, "step": 1}
    constants |= {"one": 1.0, "lowest": -1e9, "axes": [1, 2], "later": np.triu(np.full((5, 5), -1e9), 1)}
    constants |= {"places_last": [0, 1, 2], "places_first": [0, 1, 3], "window": 6, "feature": [-1]}
    weights["learned"] = np.full(1, 0.5, np.float32)
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
        helper.make_node("Add", ["padding", "learned"], ["biased"]),
        helper.make_node("ReduceMax", ["x"], ["strongest"], axes=[2], keepdims=0),
        helper.make_node("Unsqueeze", ["strongest", "axes"], ["of_keys"]),
        helper.make_node("Add", ["padding", "of_keys"], ["content"]),
        helper.make_node("Shape", ["input_ids"], ["lengths"]),
        helper.make_node("Gather", ["lengths", "step"], ["length"]),
        helper.make_node("Range", ["zero", "length", "step"], ["places"]),
        helper.make_node("Unsqueeze", ["places", "places_last"], ["keys"]),
        helper.make_node("Unsqueeze", ["places", "places_first"], ["queries"]),
        helper.make_node("Sub", ["keys", "queries"], ["distance"]),
        helper.make_node("Abs", ["distance"], ["apart"]),
        helper.make_node("Greater", ["apart", "window"], ["is_far"]),
        helper.make_node("Cast", ["is_far"], ["far"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["far", "lowest"], ["hides_far"]),
        helper.make_node("Add", ["padding", "hides_far"], ["local"]),
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
        helper.make_node("Softmax", ["masked"], ["shares"], axis=axis),
        helper.make_node("MatMul", ["shares", "v4"], ["heads"]),
        helper.make_node("Transpose", ["heads"], ["turned"], perm=last),
        helper.make_node("Reshape", ["turned", "shape"], ["logits"]),
    ]
    for number, node in enumerate(nodes):
        node.name = f"node{number}"
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["b", "n"]) for n in ("input_ids", "attention_mask")]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)]
    nodes = live_nodes(nodes, ["logits"])
    weights = {name: weights[name] for name in {name for node in nodes for name in node.input} & weights.keys()}
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


OTHER_FORMS = {
    "another scale": {"scale": 0.3},
    "later tokens hidden": {"mask": "causal"},
    "padding not hidden": {"mask": "later"},
    "no mask to add": {"mask": "float_mask"},
    "what is added depends on the hidden states": {"mask": "content"},
    "what is added is learned": {"mask": "biased"},
    "tokens far away are hidden": {"mask": "local"},
    "another order of the queries": {"order": (0, 2, 3, 1)},
    "another order of the outputs": {"last": (0, 1, 2, 3)},
    "shares over the queries": {"axis": -2},
    "another shape of the outputs": {"shape": (0, -1, 4)},
    "another split into heads": {"split": (0, -1, 4, 4)},
}


@pytest.mark.parametrize("change", OTHER_FORMS.values(), ids=OTHER_FORMS)
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


@pytest.mark.parametrize("wrong", [{"heads": 1}, {"biases": ("a.q.bias", "a.k.bias", "a.k.bias")}])
def test_what_computes_something_else_once_fused_is_left_as_it_was(tmp_path, wrong):
    source = attention_graph(tmp_path)
    products, plain = read_products(source), read_products(source)
    found = [replace(attention, **wrong) for attention in find_attention(products)]
    made = fuse(products, found)
    assert (made.attention, made.unfused, made.different) == (0, 0, 1)
    assert made.notes() == (
        "1 of 1 attention layers compute something else when they are fused, and are not: right, but slower.",
    )
    assert products.weights.keys() == plain.weights.keys()
    assert products.model == plain.model


SMALL = {"vocab_size": 420, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}
SMALL |= {"max_position_embeddings": 40, "num_labels": 3, "pad_token_id": 1}


def exported_model(model, folder):
    """A model's graph; all its weights matter."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    folder.mkdir()
    labels = ("a", "b", "c")
    export_onnx(
        TextClassifier(model.eval(), tokenizer=None, labels=labels, max_length=30, pad_id=1, source="s", name="m"),
        folder,
    )
    return folder


@pytest.mark.parametrize("groups", [1, 2])
def test_layers_that_share_their_weights_are_each_fused_and_come_back(tmp_path, groups):
    config = AlbertConfig(**SMALL, embedding_size=16, num_hidden_layers=4, num_hidden_groups=groups)
    source = exported_model(AlbertForSequenceClassification(config), tmp_path / "source")
    for name in ("fused", "quantized"):
        (tmp_path / name).mkdir()
    assert save_fused(source, tmp_path / "fused").attention == 4
    int8.quantize(source, tmp_path / "quantized", WIDE)
    exact = logits(source)
    np.testing.assert_allclose(logits(tmp_path / "fused"), exact, atol=1e-4)
    assert 0 < np.abs(logits(tmp_path / "quantized") - exact).max() < 0.2 * np.abs(exact).max()
    graph = load_graph(tmp_path / "quantized").graph
    assert operators(tmp_path / "quantized")["QAttention"] == 4
    assert sum(tensor.name.endswith(".qkv.weight.T_quantized") for tensor in graph.initializer) == groups
    undoing = compare(source, tmp_path / "quantized")
    merged = [layer for layer in undoing.layers if layer.endswith(".qkv")]
    assert (len(merged), undoing.stuck) == (groups, {})
    ids = np.random.default_rng(1).integers(4, 400, size=(2, 9))
    back = open_undone(undoing, undoing.layers, threads=1).logits(ids, np.ones_like(ids))
    session = ort.InferenceSession(str(source / GRAPH_NAME), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0]
    np.testing.assert_allclose(back, expected, atol=1e-4)


def planted(change):
    """BERT's attention with something changed."""

    def forward(module, query, key, value, attention_mask, scaling, **_):
        scores = query @ key.transpose(2, 3) * scaling
        mask, axis = attention_mask, -1
        places = torch.arange(query.shape[2])
        if change == "window":
            mask = mask.masked_fill(((places[None] - places[:, None]).abs() > 6)[None, None], -1e9)
        if change == "keys":
            mask = mask + value.mean(-1)[:, :1, None, :]
        if change == "softmax":
            axis = -2
        shares = torch.softmax(scores + mask, dim=axis)
        output = shares @ value
        return (output.permute(0, 2, 3, 1) if change == "order" else output.transpose(1, 2)).contiguous(), shares

    return forward


@pytest.mark.parametrize("change", ["", "window", "keys", "softmax", "order"])
def test_a_changed_bert_answers_as_before(tmp_path, monkeypatch, change):
    monkeypatch.setattr(modeling_bert, "eager_attention_forward", planted(change))
    source = exported_model(
        BertForSequenceClassification(BertConfig(**SMALL, num_hidden_layers=1)), tmp_path / "source"
    )
    (tmp_path / "fused").mkdir()
    made = save_fused(source, tmp_path / "fused")
    assert (made.attention, made.unfused) == ((0, 1) if change else (1, 0))
    mask = np.tri(20, dtype=np.int64)[9:]
    np.testing.assert_allclose(logits(tmp_path / "fused", mask), logits(source, mask), atol=1e-4)
