"""Linear layers of a graph by name, however it multiplies with their weights; which of them read one row per text."""

import numpy as np
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper
from transformers import BloomConfig, BloomForSequenceClassification, GPT2Config, GPT2ForSequenceClassification

from leanglot.compress import int8, weight_only
from leanglot.compress.products import read_products
from leanglot.compress.undo import compare, open_undone
from leanglot.export.onnx import export_onnx
from leanglot.models.graph import GRAPH_NAME, load_graph, save_graph
from leanglot.models.text_classifier import TextClassifier, load_text_classifier
from leanglot.techniques import Int8, WeightOnly

RNG = np.random.default_rng(0)


def gemm_graph(folder, shape, **attributes):
    """One ``Gemm``, its weight of a shape."""
    folder.mkdir()
    outputs = shape[0] if attributes.get("transB") else shape[1]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "logits")]
    node = helper.make_node("Gemm", ["x", "layer.weight", "layer.bias"], ["logits"], "gemm", **attributes)
    graph = helper.make_graph([node], "g", values[:1], values[1:])
    weights = {"layer.weight": RNG.normal(size=shape), "layer.bias": RNG.normal(size=outputs)}
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    save_graph(model, folder, {name: values.astype(np.float32) for name, values in weights.items()})
    return folder


def run(folder, feed):
    session = ort.InferenceSession(str(folder / GRAPH_NAME), providers=["CPUExecutionProvider"])
    return session.run(None, feed)[0]


@pytest.mark.parametrize("shape", [(16, 16), (16, 48), (48, 16)])
@pytest.mark.parametrize("turned", [{}, {"transB": 0}, {"transB": 1}, {"transB": 1, "alpha": 1.0, "beta": 1.0}])
def test_a_gemm_becomes_the_product_and_the_sum_that_it_is(tmp_path, shape, turned):
    source, target = gemm_graph(tmp_path / "source", shape, **turned), tmp_path / "target"
    target.mkdir()
    products = read_products(source)
    assert [node.op_type for node in products.model.graph.node] == ["MatMul", "Add"]
    assert [*products.layers().values()] == ["layer"]
    save_graph(products.model, target, products.weights)
    x = RNG.normal(size=(5, shape[1] if turned.get("transB") else shape[0])).astype(np.float32)
    np.testing.assert_allclose(run(target, {"x": x}), run(source, {"x": x}), atol=1e-5)


@pytest.mark.parametrize("attributes", [{"alpha": 0.5}, {"beta": 0.5, "transB": 1}, {"transA": 1}])
def test_a_gemm_that_does_more_is_left_alone(tmp_path, attributes):
    products = read_products(gemm_graph(tmp_path / "source", (16, 16), **attributes))
    assert [node.op_type for node in products.model.graph.node] == ["Gemm"]
    assert products.layers() == {}
    assert products.heads == set()


HEADS = {"bert": {"bert.pooler.dense", "classifier"}, "distilbert": {"pre_classifier", "classifier"}}
XLMR = {"classifier.dense", "classifier.out_proj"}


def test_the_head_is_what_reads_one_row_per_text(any_family, tmp_path):
    export_onnx(load_text_classifier(any_family), tmp_path)
    assert read_products(tmp_path).heads == HEADS.get(any_family.name, XLMR)


NAMES = {"num_labels": 3, "pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 2, "vocab_size": 300}
GPT2 = GPT2ForSequenceClassification, GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=64, **NAMES)
BLOOM = BloomForSequenceClassification, BloomConfig(hidden_size=32, n_layer=2, n_head=4, **NAMES)


@pytest.fixture(params=[GPT2, BLOOM], ids=["gpt2", "bloom"])
def decoder(request, tmp_path):
    """The graph of a decoder, all of whose layers read every token."""
    make, config = request.param
    torch.manual_seed(0)
    model = make(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    folder = tmp_path / "decoder"
    folder.mkdir()
    export_onnx(
        TextClassifier(model, tokenizer=None, labels=("a", "b", "c"), max_length=60, pad_id=1, source="s", name="m"),
        folder,
    )
    return folder


def tokens():
    mask = (np.arange(12) < np.asarray([[12], [5], [1], [9]])).astype(np.int64)
    return {
        "input_ids": np.where(mask, np.random.default_rng(1).integers(3, 300, mask.shape), 1),
        "attention_mask": mask,
    }


@pytest.mark.parametrize(
    ("quantize", "config"),
    [(int8.quantize, Int8(reduce_range=False)), (weight_only.quantize, WeightOnly(bits=8))],
    ids=["int8", "weight-only"],
)
def test_a_decoders_layers_are_quantized_and_none_is_spared(decoder, tmp_path, quantize, config):
    target = tmp_path / "target"
    target.mkdir()
    products = read_products(decoder)
    assert products.heads == set()
    assert len(products.layers()) == 9
    assert "score" in products.layers().values()
    quantize(decoder, target, config)
    stored = {tensor.name for tensor in load_graph(target).graph.initializer}
    assert stored.isdisjoint(f"{layer}.weight{end}" for layer in products.layers().values() for end in ("", ".T"))
    exact, approximate = run(decoder, tokens()), run(target, tokens())
    assert 0 < np.abs(exact - approximate).max() < 0.1 * np.abs(exact).max()
    undoing = compare(decoder, target)
    assert sorted(undoing.layers) == sorted(products.layers().values())
    back = open_undone(undoing, undoing.layers, threads=1).logits(**tokens())
    np.testing.assert_allclose(back, exact, atol=1e-4)


def pooled_graph(folder, nodes):
    """Rows of tokens through some nodes into a ``Gemm``."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["tokens"]),
        *nodes,
        helper.make_node("Gemm", ["rows", "layer.weight", "layer.bias"], ["logits"], "gemm", transB=1),
    ]
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["b", "n"])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)]
    weights = {"table": RNG.normal(size=(50, 8)), "layer.weight": np.eye(8), "layer.bias": np.ones(8)}
    weights = {name: values.astype(np.float32) for name, values in weights.items()}
    weights |= {"first": np.asarray(0), "flat": np.asarray([-1, 8])}
    model = helper.make_model(
        helper.make_graph(nodes, "g", inputs, outputs), opset_imports=[helper.make_opsetid("", 17)]
    )
    save_graph(model, folder, weights)
    return folder


FIRST = helper.make_node("Gather", ["tokens", "first"], ["picked"], axis=1)
MEAN = helper.make_node("ReduceMean", ["tokens"], ["picked"], axes=[1], keepdims=0)
FLAT = helper.make_node("Reshape", ["tokens", "flat"], ["picked"])
ACTIVATION = helper.make_node("Tanh", ["picked"], ["rows"])


@pytest.mark.parametrize(("pick", "head"), [(FIRST, True), (MEAN, True), (FLAT, False)], ids=["first", "mean", "flat"])
def test_rows_are_texts_where_tokens_were_picked(tmp_path, pick, head):
    products = read_products(pooled_graph(tmp_path, [pick, ACTIVATION]))
    assert products.heads == ({"layer"} if head else set())
