"""A sliced model on its way through the exports and the quantizers, with other heads and neurons in each layer."""

from collections import Counter
from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
)

from leanglot.compress.fusion import save_fused
from leanglot.compress.slicing import drop_layers, slice_heads, slice_neurons
from leanglot.data.pool import TextPool
from leanglot.errors import RecipeError
from leanglot.export.onnx import export_onnx
from leanglot.export.openvino import export_openvino
from leanglot.models.graph import GRAPH_NAME, load_graph
from leanglot.models.openvino_graph import GRAPH_NAME as OPENVINO_NAME
from leanglot.models.structure import blocks_of
from leanglot.quantizers import Making, calibrate, quantize_graph
from leanglot.runtimes.openvino import import_openvino
from leanglot.techniques import HalfPrecision, Int8, WeightOnly

LAYERS = 3  # of four, one is dropped
HEADS = ((0, 2, 3), (1,), (0, 1, 2, 3), (0, 3))
NEURONS = (tuple(range(0, 64, 2)), tuple(range(10)), (5,), tuple(range(1, 64)))
STEPS = {
    "int8": Int8(reduce_range=False),
    "int8-static": Int8(activations="static", reduce_range=False),
    "int8-weights": WeightOnly(bits=8),
    "int4-weights": WeightOnly(bits=4),
    "fp16": HalfPrecision(dtype="fp16"),
}


@pytest.fixture(scope="module", params=["bert", "distilbert"])
def sliced(request, tiny_classifier):
    names = {"vocab_size": 500, "max_position_embeddings": 40, "pad_token_id": 1, "num_labels": 3}
    torch.manual_seed(0)
    if request.param == "bert":
        shape = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 64}
        module = BertForSequenceClassification(BertConfig(**shape, **names))
    else:
        shape = {"dim": 32, "n_layers": 4, "n_heads": 4, "hidden_dim": 64}
        module = DistilBertForSequenceClassification(DistilBertConfig(**shape, **names))
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    model = replace(tiny_classifier, module=module.eval())
    return drop_layers(slice_neurons(slice_heads(model, HEADS), NEURONS), (0, 1, 3))


@pytest.fixture(scope="module")
def trained(tiny_classifier):
    """Of one that learned something: rounding drowns what a random one says."""
    return slice_neurons(slice_heads(tiny_classifier, HEADS[:2]), NEURONS[:2])


@pytest.fixture(scope="module")
def onnx_folder(sliced, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    export_onnx(sliced, folder)
    return folder


@pytest.fixture(scope="module")
def making(tiny_rows):
    texts = [row["text"] for row in tiny_rows]
    return Making(calibration=TextPool(tuple(texts), tuple(row["language"] for row in tiny_rows), "tiny"))


def batches():
    """Of several sizes and lengths, with padding."""
    rng = np.random.default_rng(0)
    for rows, length in ((1, 1), (1, 7), (3, 12), (5, 32)):
        mask = (np.arange(length) < rng.integers(1, length + 1, size=(rows, 1))).astype(np.int64)
        yield {"input_ids": np.where(mask == 1, rng.integers(4, 400, size=mask.shape), 1), "attention_mask": mask}


def expected(model):
    with torch.inference_mode():
        return [
            model.module(**{name: torch.from_numpy(values) for name, values in feed.items()}).logits.numpy()
            for feed in batches()
        ]


def run_onnx(folder):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(str(folder / GRAPH_NAME), options, providers=["CPUExecutionProvider"])
    return [session.run(["logits"], feed)[0] for feed in batches()]


def run_openvino(folder):
    compiled = (
        import_openvino()
        .Core()
        .compile_model(
            str(folder / OPENVINO_NAME), "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        )
    )
    return [compiled(feed)["logits"].copy() for feed in batches()]


def quantize(runtime, model, making, folder, step):
    source, target = folder / "exported", folder / "quantized"
    source.mkdir(parents=True)
    target.mkdir()
    (export_openvino if runtime == "openvino" else export_onnx)(model, source)
    return quantize_graph(runtime, source, target, step, calibrate(model.tokenizer, model.pad_id, step, making))


def apart(found, wanted):
    """Relative error over all batches."""
    found, wanted = np.concatenate(found), np.concatenate(wanted)
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


def assert_close(found, wanted, tolerance):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance)


def operators(folder):
    return Counter(node.op_type for node in load_graph(folder).graph.node)


def test_onnx_answers_alike(sliced, onnx_folder):
    assert_close(run_onnx(onnx_folder), expected(sliced), 1e-4)


def test_openvino_answers_alike(sliced, tmp_path):
    export_openvino(sliced, tmp_path)
    assert_close(run_openvino(tmp_path), expected(sliced), 1e-4)


def test_the_attention_of_every_layer_is_fused(sliced, onnx_folder, tmp_path):
    fused = save_fused(onnx_folder, tmp_path)
    assert (fused.attention, fused.unfused, fused.different, fused.notes()) == (LAYERS, 0, 0, ())
    graph = load_graph(tmp_path).graph
    heads = [
        attribute.i
        for node in graph.node
        if node.op_type == "Attention"
        for attribute in node.attribute
        if attribute.name == "num_heads"
    ]
    assert heads == [3, 1, 2]
    assert_close(run_onnx(tmp_path), expected(sliced), 1e-4)


@pytest.mark.parametrize("kind", STEPS)
def test_quantizers_of_onnx_runtime_work(trained, making, tmp_path, kind):
    notes = quantize("onnxruntime", trained, making, tmp_path, STEPS[kind])
    assert notes == ()
    if kind == "int8":  # the others quantize the attention in pieces
        assert operators(tmp_path / "quantized")["QAttention"] == len(blocks_of(trained.module))
    assert 0 < apart(run_onnx(tmp_path / "quantized"), expected(trained)) < 0.1


@pytest.mark.parametrize("kind", ["int8-static", "int8-weights", "int4-weights", "fp16"])
def test_quantizers_of_openvino_work(trained, making, tmp_path, kind):
    step = STEPS[kind]
    if kind == "int4-weights":  # its blocks must divide the layers' inputs
        with pytest.raises(RecipeError, match="Blocks of 32 do not divide the 24 inputs"):
            quantize("openvino", trained, making, tmp_path / "refused", step)
        step = WeightOnly(bits=4, keep=("*.output.dense",))
    quantize("openvino", trained, making, tmp_path, step)
    assert 0 < apart(run_openvino(tmp_path / "quantized"), expected(trained)) < 0.1
