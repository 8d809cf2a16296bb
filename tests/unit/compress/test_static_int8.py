"""Static INT8: activation ranges are constants of the graph, found on calibration texts."""

import logging

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from leanglot.compress import embedding_rows, static_int8
from leanglot.compress.activation_ranges import activation_ranges
from leanglot.compress.products import read_products
from leanglot.errors import ModelError, RecipeError
from leanglot.models.graph import GRAPH_NAME, load_graph, load_skeleton, save_graph
from leanglot.runtimes.batching import pad
from leanglot.techniques import Calibration, Int8

PAD = 1


def config(**options):
    return Int8(**{"activations": "static", "reduce_range": False, **options})


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "quantized"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def rows(tiny_classifier, tiny_rows):
    encodings = tiny_classifier.tokenizer.encode_batch([row["text"] for row in tiny_rows])
    return [np.asarray(encoding.ids, dtype=np.int64) for encoding in encodings]


@pytest.fixture(scope="module")
def quantized(onnx_artifact, rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("static")
    assert static_int8.quantize(onnx_artifact, folder, config(), rows, PAD).path == folder / GRAPH_NAME
    return folder


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def operators(folder):
    return [node.op_type for node in load_graph(folder).graph.node]


def session(folder, optimized=None):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    return ort.InferenceSession(str(folder / GRAPH_NAME), options, providers=["CPUExecutionProvider"])


def _nodes(path):
    return onnx.load(str(path), load_external_data=False).graph.node


def logits(folder, rows):
    ids, mask = pad(rows, PAD)
    return session(folder).run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]


@pytest.mark.parametrize("method", ["minmax", "percentile", "entropy"])
def test_answers_stay_and_logits_stay_close(onnx_artifact, target, rows, method):
    before = files_of(onnx_artifact)
    calibration = Calibration(method=method)
    static_int8.quantize(onnx_artifact, target, config(calibration=calibration), rows, PAD)
    assert files_of(onnx_artifact) == before
    exact, approximate = logits(onnx_artifact, rows), logits(target, rows)
    assert np.mean(exact.argmax(1) == approximate.argmax(1)) > 0.95
    difference = np.linalg.norm(exact - approximate) / np.linalg.norm(exact)
    assert 0 < difference < 0.1


def test_every_linear_layer_but_the_heads_is_stored_in_eight_bits(quantized, onnx_artifact):
    _, arrays = load_skeleton(quantized)
    layers = {layer for layer in read_products(onnx_artifact).layers().values() if not layer.startswith("classifier")}
    assert len(layers) == 12
    assert {arrays[f"classifier.{name}.weight.T"].dtype for name in ("dense", "out_proj")} == {np.dtype(np.float32)}
    for layer in layers:
        assert arrays[f"{layer}.weight.T_quantized"].dtype == np.int8
        assert f"{layer}.weight.T" not in arrays
        assert f"{layer}.weight" not in arrays
    onnx.checker.check_model(str(quantized / GRAPH_NAME), full_check=True)


def test_only_the_graph_and_its_weights_are_written(quantized):
    assert sorted(files_of(quantized)) == ["model.onnx", "model.onnx.data"]


def test_ranges_are_the_calibrated_constants(quantized, onnx_artifact, rows):
    graph, arrays = load_skeleton(quantized)
    pairs = [node for node in graph.graph.node if node.op_type == "QuantizeLinear"]
    assert "DynamicQuantizeLinear" not in operators(quantized)
    ranges = activation_ranges(onnx_artifact, {node.input[0] for node in pairs}, rows, PAD, Calibration())
    assert len(ranges) == len(pairs) == 8  # query, key and value share one
    for node in pairs:
        low, high = ranges[node.input[0]]
        scale, zero = (arrays[name] for name in node.input[1:])
        assert zero.dtype == np.uint8
        assert scale == pytest.approx((max(high, 0) - min(low, 0)) / 255, rel=1e-5)
        assert -float(zero) * scale == pytest.approx(min(low, 0), abs=float(scale))


def test_the_engine_multiplies_integers_and_widens_no_weights(quantized, tmp_path):
    session(quantized, tmp_path / "optimized.onnx")
    made = [node.op_type for node in _nodes(tmp_path / "optimized.onnx")]
    assert made.count("MatMulIntegerToFloat") == 12
    assert "DequantizeLinear" not in made


def test_other_readers_of_an_activation_read_it_in_full(quantized, onnx_artifact):
    """Only products read from quantize-dequantize pairs: residual connections are as they were."""
    graph = load_graph(quantized).graph
    dequantized = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    readers = {node.op_type for node in graph.node if dequantized & set(node.input)}
    assert readers == {"MatMul"}
    before = [list(node.input) for node in load_graph(onnx_artifact).graph.node if node.op_type == "Add"]
    after = [list(node.input) for node in graph.node if node.op_type == "Add"]
    assert [inputs for inputs in before if inputs not in after] == []


def test_attention_and_the_head_stay_in_floating_point(quantized):
    graph = load_graph(quantized).graph
    dequantized = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    products = [node for node in graph.node if node.op_type == "MatMul"]
    assert sum(not dequantized & set(node.input) for node in products) == 6
    assert sum(dequantized >= set(node.input) for node in products) == 12


def test_neither_padding_nor_batch_mates_change_the_outputs(quantized, rows):
    together = logits(quantized, rows)
    alone = np.concatenate([logits(quantized, [row]) for row in rows[:20]])
    assert together[:20] == pytest.approx(alone, abs=1e-4)


@pytest.mark.parametrize("weights", ["signed", "unsigned"])
@pytest.mark.parametrize(("reduce_range", "width"), [(False, 255), (True, 128)])
def test_weights_are_as_the_config_says(onnx_artifact, target, rows, weights, reduce_range, width):
    static_int8.quantize(onnx_artifact, target, config(weights=weights, reduce_range=reduce_range), rows, PAD)
    stored = [values for name, values in load_skeleton(target)[1].items() if name.endswith(".weight.T_quantized")]
    assert {values.dtype for values in stored} == {np.dtype(np.int8 if weights == "signed" else np.uint8)}
    spread = max(int(values.max()) - int(values.min()) for values in stored)
    assert width * 0.97 <= spread <= width
    agreement = logits(target, rows).argmax(1) == logits(onnx_artifact, rows).argmax(1)
    assert np.mean(agreement) > 0.95


@pytest.mark.parametrize(("per_channel", "dimensions"), [(True, 1), (False, 0)])
def test_scales_are_per_output_channel_or_per_matrix(onnx_artifact, target, rows, per_channel, dimensions):
    static_int8.quantize(onnx_artifact, target, config(per_channel=per_channel), rows, PAD)
    scales = [values for name, values in load_skeleton(target)[1].items() if name.endswith(".weight.T_scale")]
    assert len(scales) == 12
    assert {values.ndim for values in scales} == {dimensions}


def test_kept_layers_stay_as_they_were(onnx_artifact, target, rows):
    static_int8.quantize(onnx_artifact, target, config(keep=("classifier", "layer.0.attention")), rows, PAD)
    before, after = load_skeleton(onnx_artifact)[1], load_skeleton(target)[1]
    quantized = {name.removesuffix(".weight.T_quantized") for name in after if name.endswith("_quantized")}
    assert len(quantized) == 12 - 4
    assert not any("classifier" in name or "layer.0.attention" in name for name in quantized)
    kept = "roberta.encoder.layer.0.attention.self.query.weight.T"
    assert np.array_equal(before[kept], after[kept])


def test_a_pattern_that_keeps_nothing_is_refused(onnx_artifact, target, rows):
    with pytest.raises(RecipeError, match="'decoder' matches no layer"):
        static_int8.quantize(onnx_artifact, target, config(keep=("decoder",)), rows, PAD)
    assert files_of(target) == {}


def test_keeping_everything_is_refused(onnx_artifact, target, rows):
    with pytest.raises(RecipeError, match="leaves nothing to quantize"):
        static_int8.quantize(onnx_artifact, target, config(keep=("roberta", "classifier")), rows, PAD)


def test_the_embedding_table_becomes_rows_when_asked(onnx_artifact, target, rows, monkeypatch):
    monkeypatch.setattr(embedding_rows, "_LARGE_TABLE", 10_000)
    static_int8.quantize(onnx_artifact, target, config(embeddings=True), rows, PAD)
    arrays = load_skeleton(target)[1]
    assert arrays["roberta.embeddings.word_embeddings.weight_rows"].dtype == np.int8
    exact, approximate = logits(onnx_artifact, rows), logits(target, rows)
    assert np.linalg.norm(exact - approximate) < 0.1 * np.linalg.norm(exact)


def test_kept_layers_and_tables_can_leave_the_other_kind(onnx_artifact, target, rows, monkeypatch):
    monkeypatch.setattr(embedding_rows, "_LARGE_TABLE", 10_000)
    keep = ("roberta.encoder", "classifier")
    static_int8.quantize(onnx_artifact, target, config(embeddings=True, keep=keep), rows, PAD)
    assert "roberta.embeddings.word_embeddings.weight_rows" in load_skeleton(target)[1]
    assert "QuantizeLinear" not in operators(target)
    assert logits(target, rows).shape == (len(rows), 3)


def test_an_undecided_config_is_refused(onnx_artifact, target, rows):
    with pytest.raises(RecipeError, match="reduce_range is undecided"):
        static_int8.quantize(onnx_artifact, target, config(reduce_range=None), rows, PAD)


def test_no_calibration_texts_are_refused(onnx_artifact, target):
    with pytest.raises(RecipeError, match="no text to calibrate on"):
        static_int8.quantize(onnx_artifact, target, config(), [], PAD)
    assert files_of(target) == {}


def test_a_graph_without_products_is_refused(tmp_path, target, rows):
    source = tmp_path / "source"
    source.mkdir()
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["b", "l"])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)]
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["logits"])]
    table = numpy_helper.from_array(np.ones((500, 3), np.float32), "table")
    proto = helper.make_graph(nodes, "g", inputs, outputs, [table])
    save_graph(helper.make_model(proto, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), source)
    with pytest.raises(RecipeError, match="no matrix product"):
        static_int8.quantize(source, target, config(), rows, PAD)


def test_weights_that_are_not_finite_are_named(onnx_artifact, tmp_path, target, rows):
    model, arrays = load_skeleton(onnx_artifact)
    name = "roberta.encoder.layer.0.output.dense.weight.T"
    broken = {**arrays, name: np.where(np.arange(32) == 3, np.nan, arrays[name]).astype(np.float32)}
    source = tmp_path / "source"
    source.mkdir()
    save_graph(model, source, broken)
    with pytest.raises(ModelError, match=r"layer\.0\.output\.dense\.weight"):
        static_int8.quantize(source, target, config(), rows, PAD)


def test_quantizing_advises_nothing_and_leaves_logging_alone(onnx_artifact, target, rows, caplog, capfd):
    static_int8.quantize(onnx_artifact, target, config(), rows, PAD)
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
    assert logging.root.manager.disable == logging.NOTSET
