"""FP16 weights: half the bytes, the same answers but for rounding, and nothing that overflows."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from leanglot.compress import half
from leanglot.errors import RecipeError
from leanglot.models.graph import GRAPH_NAME, load_graph, load_skeleton, save_graph
from leanglot.techniques import HalfPrecision

TABLE = "roberta.embeddings.word_embeddings.weight"
MATRIX = "roberta.encoder.layer.0.output.dense.weight.T"


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "half"
    folder.mkdir()
    return folder


def logits(folder):
    ids = np.random.default_rng(0).integers(4, 400, size=(8, 12))
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    session = ort.InferenceSession(str(folder / GRAPH_NAME), providers=["CPUExecutionProvider"])
    return session.run(["logits"], feed)[0]


def kinds(folder):
    return {t.name: t.data_type for t in load_graph(folder).graph.initializer}


def with_weight(source, folder, name, value):
    """A copy of a graph with one value of a weight replaced."""
    folder.mkdir()
    model, weights = load_skeleton(source)
    weights[name] = np.array(weights[name])
    weights[name][1, 2] = value
    save_graph(model, folder, weights)
    return folder


def test_matrices_take_half_the_bytes_and_the_logits_stay(onnx_artifact, target):
    done = half.quantize(onnx_artifact, target, HalfPrecision())
    assert (done.path, done.notes) == (target / GRAPH_NAME, ())
    sizes = [(folder / "model.onnx.data").stat().st_size for folder in (onnx_artifact, target)]
    assert 0.49 < sizes[1] / sizes[0] < 0.55
    stored = kinds(target)
    assert stored[TABLE] == stored[MATRIX] == stored["classifier.out_proj.weight"] == TensorProto.FLOAT16
    onnx.checker.check_model(str(target / GRAPH_NAME), full_check=True)
    exact, rounded = logits(onnx_artifact), logits(target)
    assert 0 < np.abs(exact - rounded).max() < 0.01 * np.abs(exact).max()
    assert rounded.dtype == np.float32


def test_rows_are_widened_after_they_were_looked_up(onnx_artifact, target):
    half.quantize(onnx_artifact, target, HalfPrecision())
    nodes = load_graph(target).graph.node
    assert [node.op_type for node in nodes if TABLE in node.input] == ["Gather"]


def test_kept_layers_stay_in_fp32(onnx_artifact, target):
    half.quantize(onnx_artifact, target, HalfPrecision(keep=("embeddings", "classifier", "LayerNorm")))
    stored = kinds(target)
    assert stored[TABLE] == stored["classifier.out_proj.weight"] == TensorProto.FLOAT
    assert stored[MATRIX] == TensorProto.FLOAT16


def test_a_pattern_that_names_no_layer_is_refused(onnx_artifact, target):
    with pytest.raises(RecipeError, match="'decoder' matches no layer"):
        half.quantize(onnx_artifact, target, HalfPrecision(keep=("decoder",)))


def test_keeping_everything_is_refused(onnx_artifact, target):
    with pytest.raises(RecipeError, match="leaves nothing"):
        half.quantize(onnx_artifact, target, HalfPrecision(keep=("roberta", "classifier")))


@pytest.mark.parametrize("value", [65505.0, -1e30, np.inf, np.nan])
@pytest.mark.parametrize("name", [TABLE, MATRIX])
def test_weights_beyond_the_range_are_refused_by_name(onnx_artifact, target, tmp_path, name, value):
    source = with_weight(onnx_artifact, tmp_path / "source", name, value)
    with pytest.raises(RecipeError, match=name) as caught:
        half.quantize(source, target, HalfPrecision())
    layer = name.removesuffix(".T").removesuffix(".weight")
    assert layer in caught.value.hint
    assert list(target.iterdir()) == []
    half.quantize(source, target, HalfPrecision(keep=(layer,)))
    assert kinds(target)[name] == TensorProto.FLOAT


def test_the_largest_number_of_the_range_passes(onnx_artifact, target, tmp_path):
    source = with_weight(onnx_artifact, tmp_path / "source", MATRIX, -65504.0)
    half.quantize(source, target, HalfPrecision())
    assert load_skeleton(target)[1][MATRIX][1, 2] == -65504


def test_bfloat16_is_refused(onnx_artifact, target):
    with pytest.raises(RecipeError, match="cannot run bf16"):
        half.quantize(onnx_artifact, target, HalfPrecision(dtype="bf16"))


def test_a_graph_without_matrices_is_refused(tmp_path, target):
    source = tmp_path / "source"
    source.mkdir()
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "bias"], ["y"])], "g", values[:1], values[1:])
    save_graph(helper.make_model(graph), source, {"bias": np.ones(1, np.float32)})
    with pytest.raises(RecipeError, match="no matrix product"):
        half.quantize(source, target, HalfPrecision())
