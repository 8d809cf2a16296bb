"""Weight-only quantization: blocks of 4 or 8 bits, by the layers' own names, close to the model it came from."""

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from leanglot.compress import embedding_rows, weight_only
from leanglot.errors import RecipeError
from leanglot.models.graph import GRAPH_NAME, load_graph, save_graph
from leanglot.models.text_classifier import linear_layers
from leanglot.techniques import WeightOnly

LAYER = "roberta.encoder.layer.0.output.dense"


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "quantized"
    folder.mkdir()
    return folder


def logits(folder):
    ids = np.random.default_rng(0).integers(4, 400, size=(8, 12))
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    session = ort.InferenceSession(str(folder / GRAPH_NAME), providers=["CPUExecutionProvider"])
    return session.run(["logits"], feed)[0]


def dimensions(folder):
    return {tensor.name: tuple(tensor.dims) for tensor in load_graph(folder).graph.initializer}


def products(folder):
    nodes = [node for node in load_graph(folder).graph.node if node.op_type == "MatMulNBits"]
    return [{a.name: helper.get_attribute_value(a) for a in node.attribute} for node in nodes]


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(("bits", "error"), [(8, 0.02), (4, 0.3)])
def test_every_layer_is_stored_in_blocks_and_the_logits_stay_close(
    onnx_artifact, target, tiny_classifier, bits, error, symmetric
):
    done = weight_only.quantize(onnx_artifact, target, WeightOnly(bits=bits, symmetric=symmetric))
    assert done.path == target / GRAPH_NAME
    assert done.notes == ()
    made = products(target)
    assert len(made) == len(linear_layers(tiny_classifier.module)) == 14
    assert {(node["bits"], node["block_size"]) for node in made} == {(bits, 32)}
    assert (f"{LAYER}.weight.T_zero_points" in dimensions(target)) is not symmetric
    exact, approximate = logits(onnx_artifact), logits(target)
    assert 0 < np.abs(exact - approximate).max() < error * np.abs(exact).max()


@pytest.mark.parametrize(("block", "blocks"), [(32, 2), (64, 1), (128, 1)])
def test_weights_share_a_scale_by_blocks(onnx_artifact, target, block, blocks):
    weight_only.quantize(onnx_artifact, target, WeightOnly(block=block))
    stored = dimensions(target)
    assert stored[f"{LAYER}.weight.T_Q4"] == (32, blocks, block // 2)
    assert np.prod(stored[f"{LAYER}.weight.T_scales"]) == 32 * blocks
    assert f"{LAYER}.weight.T" not in stored


def test_kept_layers_and_tables_stay_in_fp32(onnx_artifact, target, monkeypatch):
    monkeypatch.setattr(embedding_rows, "_LARGE_TABLE", 10_000)
    weight_only.quantize(onnx_artifact, target, WeightOnly(embeddings=True, keep=("embeddings", "layer.0")))
    stored = dimensions(target)
    assert {f"{LAYER}.weight.T", "roberta.embeddings.word_embeddings.weight"} <= stored.keys()
    assert f"{LAYER.replace('.0.', '.1.')}.weight.T_Q4" in stored
    assert len(products(target)) == 8


def test_embeddings_become_rows_when_asked(onnx_artifact, target, monkeypatch):
    monkeypatch.setattr(embedding_rows, "_LARGE_TABLE", 10_000)
    weight_only.quantize(onnx_artifact, target, WeightOnly(bits=8, embeddings=True))
    kinds = {tensor.name: tensor.data_type for tensor in load_graph(target).graph.initializer}
    assert kinds["roberta.embeddings.word_embeddings.weight_rows"] == TensorProto.INT8
    exact, approximate = logits(onnx_artifact), logits(target)
    assert np.abs(exact - approximate).max() < 0.05 * np.abs(exact).max()


def test_a_pattern_that_names_no_layer_is_refused(onnx_artifact, target):
    with pytest.raises(RecipeError, match="'decoder' matches no layer"):
        weight_only.quantize(onnx_artifact, target, WeightOnly(keep=("decoder",)))


@pytest.mark.parametrize(("keep", "message"), [((), "no matrix product"), (("table",), "leaves nothing")])
def test_a_graph_with_nothing_to_quantize_is_refused(tmp_path, target, keep, message):
    source = tmp_path / "source"
    source.mkdir()
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])]
    outputs = [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", 3])]
    graph = helper.make_graph([helper.make_node("Gather", ["table", "ids"], ["rows"])], "g", inputs, outputs)
    save_graph(helper.make_model(graph), source, {"table": np.ones((4, 3), np.float32)})
    with pytest.raises(RecipeError, match=message):
        weight_only.quantize(source, target, WeightOnly(keep=keep))
    assert list(target.iterdir()) == []


def test_quantizing_says_nothing(onnx_artifact, target, caplog, capfd):
    weight_only.quantize(onnx_artifact, target, WeightOnly())
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
