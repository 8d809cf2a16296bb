"""Undoing quantization: a layer that comes back is one that was never quantized, whatever form the others have."""

import gc
from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from leanglot.compress import embedding_rows, half, int8, static_int8, weight_only
from leanglot.compress.fusion import find_attention, fuse
from leanglot.compress.products import read_products
from leanglot.compress.undo import compare, open_undone, undone
from leanglot.errors import ModelError, RecipeError
from leanglot.export.onnx import export_onnx
from leanglot.models.graph import GRAPH_NAME, load_graph, save_graph
from leanglot.models.text_classifier import linear_layers, load_text_classifier
from leanglot.techniques import HalfPrecision, Int8, WeightOnly

TABLE = "roberta.embeddings.word_embeddings"
LAYER = "roberta.encoder.layer.0.output.dense"
ATTENTION = "roberta.encoder.layer.1.attention.self"


def dynamic(source, target, **changes):
    int8.quantize(source, target, Int8(reduce_range=True, **changes))


def static(source, target, **changes):
    rows = [np.random.default_rng(seed).integers(4, 400, size=9) for seed in range(4)]
    static_int8.quantize(source, target, Int8(activations="static", reduce_range=True, **changes), rows, pad_id=1)


def four_bits(source, target, **changes):
    weight_only.quantize(source, target, WeightOnly(**changes))


def in_encoder(layers):
    return [layer for layer in layers if ".layer." in layer]


def fused(layers):
    """The layers with queries, keys and values as one."""
    last = {"value": "qkv", "v_lin": "qkv"}
    parts = [layer.rpartition(".") for layer in layers if not layer.endswith(("query", "key", "q_lin", "k_lin"))]
    return [f"{before}{dot}{last.get(name, name)}" for before, dot, name in parts]


FORMS = pytest.mark.parametrize("quantize", [dynamic, static, four_bits])


@pytest.fixture
def folders(tmp_path):
    made = (tmp_path / "one", tmp_path / "other")
    for folder in made:
        folder.mkdir()
    return made


@pytest.fixture
def small_tables(monkeypatch):
    monkeypatch.setattr(embedding_rows, "_LARGE_TABLE", 10_000)


def tokens():
    ids = np.random.default_rng(0).integers(4, 400, size=(8, 12))
    return ids, np.ones_like(ids)


def logits(folder):
    session = ort.InferenceSession(str(folder / GRAPH_NAME), providers=["CPUExecutionProvider"])
    ids, mask = tokens()
    return session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]


def logits_without(undoing, layers):
    return open_undone(undoing, layers, threads=1).logits(*tokens())


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@FORMS
def test_all_layers_undone_are_the_fp32_graph_and_none_undone_the_quantized_one(
    onnx_artifact, folders, small_tables, tiny_classifier, quantize
):
    target, _ = folders
    quantize(onnx_artifact, target, embeddings=True)
    before = files_of(onnx_artifact), files_of(target)
    undoing = compare(onnx_artifact, target)
    encoder = in_encoder(linear_layers(tiny_classifier.module))
    found = [layer for layer in undoing.layers if not layer.startswith("classifier")]  # a quantizer may spare the head
    assert sorted(found) == sorted([TABLE, *(fused(encoder) if quantize is dynamic else encoder)])
    assert undoing.stuck == {}
    quantized, exact = logits(target), logits(onnx_artifact)
    assert np.array_equal(logits_without(undoing, ()), quantized)
    assert np.abs(quantized - exact).max() > 1e-3
    assert logits_without(undoing, undoing.layers) == pytest.approx(exact, abs=1e-5)
    assert (files_of(onnx_artifact), files_of(target)) == before


ENCODER = [(TABLE,), (LAYER,), (TABLE, LAYER, "roberta.encoder.layer.1.intermediate.dense")]
HEAD = [("classifier.dense",), (LAYER, "classifier.out_proj")]


@pytest.mark.parametrize(
    ("quantize", "layers"),
    [
        *((quantize, layers) for quantize in (dynamic, static, four_bits) for layers in ENCODER),
        *((four_bits, layers) for layers in HEAD),
    ],
)
def test_undoing_a_layer_is_never_having_quantized_it(onnx_artifact, folders, small_tables, quantize, layers):
    target, kept = folders
    quantize(onnx_artifact, target, embeddings=True)
    quantize(onnx_artifact, kept, embeddings=True, keep=layers)
    answers = logits_without(compare(onnx_artifact, target), layers)
    assert np.array_equal(answers, logits(kept))
    assert not np.array_equal(answers, logits(target))


@pytest.mark.parametrize("layers", [(f"{ATTENTION}.qkv",), (f"{ATTENTION}.qkv", LAYER)])
def test_a_fused_attention_comes_back_in_its_single_operators(onnx_artifact, folders, layers):
    target, kept = folders
    dynamic(onnx_artifact, target)
    dynamic(onnx_artifact, kept, keep=layers)
    undoing = compare(onnx_artifact, target)
    assert np.array_equal(logits_without(undoing, layers), logits(kept))
    operators = [node.op_type for node in undone(undoing, layers)[0].graph.node]
    assert [operators.count(name) for name in ("QAttention", "Softmax")] == [1, 1]


def test_an_attention_that_is_only_fused_is_no_quantized_layer(onnx_artifact, folders):
    target, _ = folders
    products = read_products(onnx_artifact)
    assert fuse(products, find_attention(products)).attention == 2
    products.save(products.with_weights(), target, ())
    undoing = compare(onnx_artifact, target)
    assert (undoing.layers, undoing.stuck) == ((), {})


def test_single_parts_of_an_attention_that_was_not_fused_come_back(onnx_artifact, folders):
    target, kept = folders
    dynamic(onnx_artifact, target, keep=(f"{ATTENTION}.key",))
    dynamic(onnx_artifact, kept, keep=(f"{ATTENTION}.key", f"{ATTENTION}.value"))
    undoing = compare(onnx_artifact, target)
    assert {f"{ATTENTION}.query", f"{ATTENTION}.value"} < set(undoing.layers)
    assert np.array_equal(logits_without(undoing, (f"{ATTENTION}.value",)), logits(kept))


def test_every_family_comes_back(any_family, folders):
    source, target = folders
    model = load_text_classifier(any_family)
    export_onnx(model, source)
    dynamic(source, target)
    undoing = compare(source, target)
    assert sorted(in_encoder(undoing.layers)) == sorted(fused(in_encoder(linear_layers(model.module))))
    assert logits_without(undoing, undoing.layers) == pytest.approx(logits(source), abs=1e-5)


def test_layers_that_were_kept_are_not_listed(onnx_artifact, folders):
    target, _ = folders
    four_bits(onnx_artifact, target, keep=("classifier", LAYER))
    layers = compare(onnx_artifact, target).layers
    assert len(layers) == 11
    assert not {LAYER, "classifier.dense", "classifier.out_proj", TABLE} & set(layers)


def test_what_only_the_quantized_layer_used_is_gone(onnx_artifact, folders):
    target, _ = folders
    dynamic(onnx_artifact, target)
    undoing = compare(onnx_artifact, target)
    whole, part = undone(undoing, ()), undone(undoing, (LAYER,))
    names = {f"{LAYER}.weight.T_{what}" for what in ("quantized", "scale", "zero_point")}
    assert whole[1].keys() - part[1].keys() == names
    assert part[1].keys() - whole[1].keys() == {f"{LAYER}.weight.T"}
    operators = [[node.op_type for node in model.graph.node] for model, _ in (whole, part)]
    for operator, fewer in {"MatMulInteger": 1, "DynamicQuantizeLinear": 1, "MatMul": -1}.items():
        assert operators[0].count(operator) - operators[1].count(operator) == fewer


def test_a_matrix_that_two_products_share_comes_back_in_both(folders):
    source, target = folders
    shared = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "tied.weight.T"], ["between"], "first"),
        helper.make_node("MatMul", ["between", "tied.weight.T"], ["logits"], "second"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 16])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 16])],
        [numpy_helper.from_array(shared, "tied.weight.T")],
    )
    save_graph(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), source)
    dynamic(source, target)
    undoing = compare(source, target)
    assert undoing.layers == ("tied",)
    model, _ = undone(undoing, ("tied",))
    assert [node.name for node in model.graph.node] == ["first", "second"]


def test_a_variant_outlives_what_it_was_made_from(onnx_artifact, folders, small_tables):
    target, _ = folders
    dynamic(onnx_artifact, target, embeddings=True)
    undoing = compare(onnx_artifact, target)
    variant, expected = open_undone(undoing, (LAYER,), threads=1), logits_without(undoing, (LAYER,))
    del undoing
    gc.collect()
    assert np.array_equal(variant.logits(*tokens()), expected)


def renamed(graph, value, other):
    for node in graph.graph.node:
        node.input[:] = [other if name == value else name for name in node.input]
        node.output[:] = [other if name == value else name for name in node.output]
    return graph


@pytest.mark.parametrize(
    "value",
    [
        "output/dense/MatMul_output_0",  # the layer meets the other graph one value later
        "intermediate/intermediate_act_fn/Mul_1_output_0",  # what it reads is computed again
        "intermediate/dense/MatMul_output_0",
    ],
)
def test_values_of_another_name_are_computed_the_fp32_way(onnx_artifact, folders, value):
    target, other = folders
    dynamic(onnx_artifact, target)
    save_graph(renamed(load_graph(target), f"/module/roberta/encoder/layer.0/{value}", "renamed"), other)
    undoing = compare(onnx_artifact, other)
    assert LAYER in undoing.layers
    assert logits_without(undoing, undoing.layers) == pytest.approx(logits(onnx_artifact), abs=1e-5)


def test_layers_that_were_fused_into_one_are_told_and_not_undone(onnx_artifact, folders):
    target, fused_away = folders
    dynamic(onnx_artifact, target)
    graph, place = load_graph(target), "/module/roberta/encoder/layer.0/"
    for node in load_graph(onnx_artifact).graph.node:
        if node.output[0].startswith((f"{place}intermediate", f"{place}output/dense/MatMul")):
            last = node.output[0]
            renamed(graph, last, f"{last}_fused")
    graph = renamed(graph, f"{last}_fused", last)
    save_graph(graph, fused_away)
    undoing = compare(onnx_artifact, fused_away)
    both = {LAYER, "roberta.encoder.layer.0.intermediate.dense"}
    assert undoing.stuck.keys() == both
    assert not both & set(undoing.layers)
    assert last in undoing.stuck[LAYER]
    with pytest.raises(RecipeError, match=f"quantization of {LAYER} cannot be undone on the graph: it was fused"):
        undone(undoing, (LAYER,))


def test_layers_in_half_precision_are_told_and_not_undone(onnx_artifact, folders, tiny_classifier):
    target, _ = folders
    half.quantize(onnx_artifact, target, HalfPrecision(keep=(LAYER,)))
    undoing = compare(onnx_artifact, target)
    assert undoing.layers == ()
    assert LAYER not in undoing.stuck
    assert set(linear_layers(tiny_classifier.module)) - {LAYER} <= undoing.stuck.keys()
    assert set(undoing.stuck.values()) == {"the graph computes in half precision"}


def test_a_name_that_is_no_quantized_layer_is_refused(onnx_artifact, folders):
    target, _ = folders
    dynamic(onnx_artifact, target, keep=(LAYER,))
    undoing = compare(onnx_artifact, target)
    with pytest.raises(RecipeError, match=f"{LAYER} is no quantized layer of the graph"):
        open_undone(undoing, (LAYER,), threads=1)


def test_a_graph_that_the_engine_refuses_is_an_error_of_ours(onnx_artifact, folders):
    target, _ = folders
    dynamic(onnx_artifact, target)
    undoing = compare(onnx_artifact, target)
    undoing.graph.graph.node[0].op_type = "Nonsense"
    with pytest.raises(ModelError, match="cannot load the graph with 1 layers undone"):
        open_undone(replace(undoing), (LAYER,), threads=1)
