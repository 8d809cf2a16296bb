"""INT8: weights in 8 bits, embedding tables as INT8 rows, decided for the target machine."""

import logging
import shutil

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from leanglot.compress import embedding_rows, int8
from leanglot.errors import ModelError, RecipeError
from leanglot.models.graph import GRAPH_NAME, load_graph, load_skeleton, save_graph
from leanglot.models.text_classifier import linear_layers
from leanglot.techniques import Int8

WIDE = Int8(reduce_range=False)


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "quantized"
    folder.mkdir()
    return folder


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def operators(graph):
    return [node.op_type for node in graph.graph.node]


def logits(folder):
    ids = np.random.default_rng(0).integers(4, 400, size=(8, 12))
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    session = ort.InferenceSession(str(folder / GRAPH_NAME), providers=["CPUExecutionProvider"])
    return session.run(["logits"], feed)[0]


def damaged(source, folder, name, value):
    """A copy of a graph with one weight set to a value."""
    folder.mkdir()
    model, weights = load_skeleton(source)
    weights[name] = np.array(weights[name])
    weights[name][1, 2] = value
    save_graph(model, folder, weights)
    return folder


def lookup_graph(table):
    """A graph that looks rows up and multiplies with nothing."""
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])]
    outputs = [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, table.shape[-1]])]
    node = helper.make_node("Gather", ["table", "ids"], ["rows"])
    graph = helper.make_graph([node], "g", inputs, outputs, [numpy_helper.from_array(table, "table")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.mark.parametrize(
    ("isa", "reduced"),
    [
        ((), True),
        (("avx2", "fma"), True),
        (("avx2", "avx512f", "avx512_bf16"), True),
        (("avx2", "avx_vnni"), False),
        (("avx2", "avx512f", "avx512_vnni"), False),
        (("avx512f", "amx_int8"), False),
        (("neon", "dotprod"), False),
    ],
)
def test_weights_get_seven_bits_where_eight_could_saturate(isa, reduced):
    assert int8.resolve(Int8(), isa).reduce_range is reduced


@pytest.mark.parametrize("decided", [True, False])
def test_an_explicit_choice_stays(decided):
    config = Int8(reduce_range=decided, embeddings=True)
    assert int8.resolve(config, ("avx2",)) == int8.resolve(config, ("avx512_vnni",)) == config


def test_every_linear_layer_is_stored_in_eight_bits_and_the_logits_stay_close(onnx_artifact, target, tiny_classifier):
    before = files_of(onnx_artifact)
    assert int8.quantize(onnx_artifact, target, WIDE).path == target / GRAPH_NAME
    assert files_of(onnx_artifact) == before
    made, head = operators(load_graph(target)), 2
    quantized = made.count("MatMulInteger") + 3 * made.count("QAttention")
    assert quantized + head == len(linear_layers(tiny_classifier.module)) == 14
    assert (target / "model.onnx.data").stat().st_size < (onnx_artifact / "model.onnx.data").stat().st_size
    exact, approximate = logits(onnx_artifact), logits(target)
    difference = np.abs(exact - approximate).max()
    assert 0 < difference < 0.1 * np.abs(exact).max()


def test_only_the_graph_and_its_weights_are_left(onnx_artifact, target):
    int8.quantize(onnx_artifact, target, WIDE)
    assert sorted(files_of(target)) == ["model.onnx", "model.onnx.data"]


@pytest.mark.parametrize(("reduce_range", "largest"), [(False, 127), (True, 64)])
def test_a_reduced_range_leaves_a_bit_unused(onnx_artifact, target, reduce_range, largest):
    int8.quantize(onnx_artifact, target, Int8(reduce_range=reduce_range))
    stored = [tensor for tensor in load_graph(target).graph.initializer if tensor.data_type == TensorProto.INT8]
    extremes = [int(np.abs(numpy_helper.to_array(tensor).astype(int)).max()) for tensor in stored if tensor.dims]
    assert largest * 0.97 <= max(extremes) <= largest + 1


@pytest.mark.parametrize(("per_channel", "matrices", "dimensions"), [(True, 8, 1), (False, 12, 0)])
def test_scales_are_per_output_channel_or_per_matrix(onnx_artifact, target, per_channel, matrices, dimensions):
    int8.quantize(onnx_artifact, target, Int8(reduce_range=False, per_channel=per_channel))
    scales = [tensor for tensor in load_graph(target).graph.initializer if tensor.name.endswith("_scale")]
    assert len(scales) == matrices
    assert {len(tensor.dims) for tensor in scales} == {dimensions}


def test_small_tables_are_left_alone(onnx_artifact, target):
    int8.quantize(onnx_artifact, target, Int8(reduce_range=False, embeddings=True))
    table = max(load_graph(target).graph.initializer, key=lambda tensor: np.prod(tensor.dims))
    assert table.data_type == TensorProto.FLOAT


def test_a_models_embeddings_become_rows_when_asked(onnx_artifact, target, monkeypatch):
    monkeypatch.setattr(embedding_rows, "_LARGE_TABLE", 10_000)
    int8.quantize(onnx_artifact, target, Int8(reduce_range=False, embeddings=True))
    table = max(load_graph(target).graph.initializer, key=lambda tensor: np.prod(tensor.dims))
    assert table.data_type == TensorProto.INT8
    onnx.checker.check_model(str(target / GRAPH_NAME), full_check=True)
    ids = np.array([[0, 10, 11, 2, 1], [0, 12, 13, 14, 2]])
    feed = {"input_ids": ids, "attention_mask": (ids != 1).astype(np.int64)}
    exact, approximate = (
        ort.InferenceSession(str(folder / GRAPH_NAME), providers=["CPUExecutionProvider"]).run(["logits"], feed)[0]
        for folder in (onnx_artifact, target)
    )
    assert np.abs(exact - approximate).max() < 0.1 * np.abs(exact).max()


@pytest.mark.parametrize(("weights", "dtype"), [("signed", TensorProto.INT8), ("unsigned", TensorProto.UINT8)])
@pytest.mark.parametrize("per_channel", [True, False])
def test_weights_are_signed_or_not(onnx_artifact, target, weights, dtype, per_channel):
    int8.quantize(onnx_artifact, target, Int8(reduce_range=False, weights=weights, per_channel=per_channel))
    matrices = [tensor for tensor in load_graph(target).graph.initializer if tensor.name.endswith("_quantized")]
    assert {tensor.data_type for tensor in matrices} == {dtype}
    exact, approximate = logits(onnx_artifact), logits(target)
    assert 0 < np.abs(exact - approximate).max() < 0.1 * np.abs(exact).max()


def test_a_kept_layer_stays_in_fp32(onnx_artifact, target):
    int8.quantize(onnx_artifact, target, Int8(reduce_range=False, keep=("layer.0.output", "layer.1.intermediate")))
    names = {tensor.name for tensor in load_graph(target).graph.initializer if len(tensor.dims) == 2}
    assert names >= {
        "roberta.encoder.layer.0.output.dense.weight.T",
        "roberta.encoder.layer.1.intermediate.dense.weight.T",
        "roberta.encoder.layer.1.output.dense.weight.T_quantized",
    }
    assert "roberta.encoder.layer.1.output.dense.weight.T" not in names
    assert operators(load_graph(target)).count("MatMulInteger") > 0


def test_the_head_stays_in_fp32(onnx_artifact, target):
    int8.quantize(onnx_artifact, target, WIDE)
    kinds = {tensor.name: tensor.data_type for tensor in load_graph(target).graph.initializer}
    assert kinds["classifier.dense.weight.T"] == kinds["classifier.out_proj.weight.T"] == TensorProto.FLOAT


def test_a_model_of_nothing_but_rows_is_quantized(tmp_path, target):
    source = tmp_path / "source"
    source.mkdir()
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 8]) for name in ("x", "logits")]
    node = helper.make_node("Gemm", ["x", "layer.weight", "layer.bias"], ["logits"], "gemm", transB=1)
    graph = helper.make_graph([node], "g", values[:1], values[1:])
    weight = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    save_graph(model, source, {"layer.weight": weight, "layer.bias": np.ones(8, np.float32)})
    int8.quantize(source, target, WIDE)
    x = np.random.default_rng(1).normal(size=(5, 8)).astype(np.float32)
    (given,) = ort.InferenceSession(str(target / GRAPH_NAME), providers=["CPUExecutionProvider"]).run(None, {"x": x})
    assert operators(load_graph(target)).count("MatMulInteger") == 1
    np.testing.assert_allclose(given, x @ weight.T + 1, atol=0.1)


def test_kept_embeddings_stay_in_fp32(onnx_artifact, target, monkeypatch):
    monkeypatch.setattr(embedding_rows, "_LARGE_TABLE", 10_000)
    int8.quantize(onnx_artifact, target, Int8(reduce_range=False, embeddings=True, keep=("word_embeddings",)))
    table = max(load_graph(target).graph.initializer, key=lambda tensor: np.prod(tensor.dims))
    assert (table.name, table.data_type) == ("roberta.embeddings.word_embeddings.weight", TensorProto.FLOAT)


def test_embeddings_alone_can_be_quantized(onnx_artifact, target, monkeypatch):
    monkeypatch.setattr(embedding_rows, "_LARGE_TABLE", 10_000)
    int8.quantize(onnx_artifact, target, Int8(reduce_range=False, embeddings=True, keep=("encoder", "classifier")))
    graph = load_graph(target)
    assert "MatMulInteger" not in operators(graph)
    assert [t.name for t in graph.graph.initializer if t.data_type == TensorProto.INT8] == [
        "roberta.embeddings.word_embeddings.weight_rows"
    ]


def test_a_pattern_that_names_no_layer_is_refused(onnx_artifact, target):
    with pytest.raises(RecipeError, match=r"'encoder\.layer\.7' matches no layer"):
        int8.quantize(onnx_artifact, target, Int8(reduce_range=False, keep=("encoder.layer.7",)))
    assert files_of(target) == {}


def test_keeping_everything_is_refused(onnx_artifact, target):
    with pytest.raises(RecipeError, match="leaves nothing to quantize"):
        int8.quantize(onnx_artifact, target, Int8(reduce_range=False, keep=("roberta", "classifier")))
    assert files_of(target) == {}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused_by_name(onnx_artifact, target, tmp_path, value):
    source = damaged(onnx_artifact, tmp_path / "damaged", "roberta.encoder.layer.1.output.dense.weight.T", value)
    with pytest.raises(ModelError, match=r"layer\.1\.output\.dense\.weight\.T hold NaN or infinity"):
        int8.quantize(source, target, WIDE)


def test_an_undecided_config_is_refused(onnx_artifact, target):
    with pytest.raises(RecipeError, match="reduce_range is undecided") as caught:
        int8.quantize(onnx_artifact, target, Int8())
    assert "resolve(config, isa)" in caught.value.hint
    assert files_of(target) == {}


def test_a_graph_without_matrices_is_refused(tmp_path, target):
    source = tmp_path / "source"
    source.mkdir()
    save_graph(lookup_graph(np.ones((4, 3), np.float32)), source)
    with pytest.raises(RecipeError, match="no matrix product"):
        int8.quantize(source, target, WIDE)
    assert files_of(target) == {}


def test_logging_is_as_it_was_after_quantizing(onnx_artifact, target, tmp_path):
    logging.disable(logging.INFO)
    try:
        int8.quantize(onnx_artifact, target, WIDE)
        assert logging.root.manager.disable == logging.INFO
    finally:
        logging.disable(logging.NOTSET)
    shutil.rmtree(target)
    with pytest.raises(Exception, match="No such file"):
        int8.quantize(onnx_artifact, target, WIDE)
    assert logging.root.manager.disable == logging.NOTSET


def test_quantizing_advises_nothing(onnx_artifact, target, caplog):
    int8.quantize(onnx_artifact, target, WIDE)
    assert caplog.records == []
