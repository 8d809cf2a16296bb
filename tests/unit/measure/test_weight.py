"""Bytes on disk and zeros among the weights."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from leanglot.artifacts import make_artifact
from leanglot.config import CandidateConfig
from leanglot.measure.weight import folder_size, graph_sparsity, weigh
from leanglot.models.graph import save_graph
from leanglot.quantizers import Making
from leanglot.runtimes.classifier import Classifier
from leanglot.runtimes.loading import load
from leanglot.techniques import Int8, MagnitudePruning, WeightOnly

HALF = MagnitudePruning(sparsity=0.5)


def graph_of(nodes, **tensors):
    arrays = {name: np.asarray(values, getattr(values, "dtype", np.float32)) for name, values in tensors.items()}
    stored = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    return helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, stored))


def test_all_files_below_the_folder_count(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a.bin").write_bytes(bytes(1000))
    (tmp_path / "deep" / "er" / "b.bin").write_bytes(bytes(234))
    assert folder_size(tmp_path) == 1234


def test_an_empty_folder_weighs_nothing(tmp_path):
    assert folder_size(tmp_path) == 0


def test_zeros_are_counted_in_matrices_that_are_multiplied_with(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["h"]),
        helper.make_node("Gemm", ["h", "second", "bias"], ["g"]),
        helper.make_node("Add", ["g", "added"], ["y"]),
    ]
    first, second = [[0, 1, 0], [1, 1, 1]], [[1, 1], [1, 1], [0, 1]]
    graph = graph_of(nodes, first=first, second=second, bias=[0, 0], added=[[0, 0], [0, 0]])
    save_graph(graph, tmp_path)
    assert graph_sparsity(tmp_path) == 3 / 12


def test_a_graph_without_matrices_has_no_sparsity(tmp_path):
    graph = graph_of([helper.make_node("Add", ["x", "added"], ["y"])], added=[[0, 0]])
    save_graph(graph, tmp_path)
    assert graph_sparsity(tmp_path) is None


@pytest.mark.parametrize("runtime", ["pytorch", "onnxruntime"])
def test_pruning_shows_on_either_runtime(tiny_classifier, tmp_path, runtime):
    make_artifact(tiny_classifier, CandidateConfig(name="half", runtime=runtime, recipe=(HALF,)), tmp_path, Making())
    weight = weigh(tmp_path, load(tmp_path, threads=1))
    assert weight.sparsity == pytest.approx(0.5, abs=0.001)
    assert weight.size_bytes == folder_size(tmp_path) > 50_000


def test_dense_models_show_none(torch_artifact, onnx_artifact):
    sparsities = [weigh(folder, load(folder, threads=1)).sparsity for folder in (torch_artifact, onnx_artifact)]
    assert sparsities == [0, 0]


def test_the_zeros_of_quantized_matrices_count(tiny_classifier, tmp_path):
    config = CandidateConfig(name="half-int8", recipe=(HALF, Int8()))
    make_artifact(tiny_classifier, config, tmp_path, Making())
    assert 0.5 <= weigh(tmp_path, load(tmp_path, threads=1)).sparsity < 0.6


def test_a_quantized_weight_is_zero_where_it_equals_its_zero_point(tmp_path):
    nodes = [
        helper.make_node("MatMulInteger", ["x", "unsigned", "", "points"], ["h"]),
        helper.make_node("DequantizeLinear", ["signed", "scale", "point"], ["weights"]),
        helper.make_node("Cast", ["half"], ["widened"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["h", "weights"], ["i"]),
        helper.make_node("MatMul", ["i", "widened"], ["y"]),
    ]
    unsigned = np.array([[7, 0, 9], [7, 8, 0]], np.uint8)
    signed = np.array([[0, 1], [0, 0], [-3, 5]], np.int8)
    half = np.array([[0, 1, 0], [0, 2, 3]], np.float16)
    points = {"points": np.array([7, 8, 0], np.uint8), "point": np.array([0], np.int8)}
    graph = graph_of(nodes, unsigned=unsigned, signed=signed, half=half, scale=[0.1], **points)
    save_graph(graph, tmp_path)
    assert graph_sparsity(tmp_path) == (4 + 3 + 3) / 18


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
def test_zeros_in_blocks_are_counted_without_the_padding(tmp_path, bits, symmetric):
    rows, columns, block = 3, 40, 32  # two blocks a row, the second with 24 values of padding
    rng = np.random.default_rng(0)
    values = rng.integers(0, 4, (rows, 2 * block)).astype(np.uint8) + (0 if not symmetric else 2 ** (bits - 1) - 2)
    points = rng.integers(0, 4, (rows, 2)).astype(np.uint8)
    zero = np.full((rows, 2), 2 ** (bits - 1)) if symmetric else points
    packed = values if bits == 8 else values[:, ::2] | values[:, 1::2] << 4
    packed_points = points if bits == 8 else points[:, ::2] | points[:, 1::2] << 4
    tensors = {"packed": packed.reshape(rows, 2, -1), "scales": np.ones(rows * 2, np.float32)}
    tensors |= {} if symmetric else {"points": packed_points.reshape(-1)}
    sizes = {"K": columns, "N": rows, "bits": bits, "block_size": block}
    node = helper.make_node("MatMulNBits", ["x", *tensors], ["y"], domain="com.microsoft", **sizes)
    save_graph(graph_of([node], **tensors), tmp_path)
    expected = (values == np.repeat(zero, block, axis=1))[:, :columns].mean()
    assert 0.1 < expected < 0.5
    assert graph_sparsity(tmp_path) == pytest.approx(expected)


def test_weights_that_cannot_be_compared_with_zero_have_no_sparsity(torch_artifact):
    real = load(torch_artifact, threads=1)
    manifest = real.manifest.model_copy(update={"recipe": (HALF, WeightOnly())})
    quantized = Classifier(manifest, real.tokenizer, real.predictor)
    assert weigh(torch_artifact, quantized).sparsity is None


def test_the_ledger_says_where_the_bytes_are(onnx_artifact):
    weight = weigh(onnx_artifact, load(onnx_artifact, threads=1))
    held = sum(row.size_bytes for row in weight.ledger)
    assert 0.5 * weight.size_bytes < held < weight.size_bytes
    assert {row.part for row in weight.ledger} >= {"embeddings", "attention", "ffn", "head"}
