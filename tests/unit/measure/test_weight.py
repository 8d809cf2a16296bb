"""Bytes on disk and zeros among the weights."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from leanglot.artifacts import make_artifact
from leanglot.config import CandidateConfig
from leanglot.measure.weight import folder_size, graph_sparsity, weigh
from leanglot.models.graph import save_graph
from leanglot.runtimes.loading import load
from leanglot.techniques import Int8, MagnitudePruning

HALF = MagnitudePruning(sparsity=0.5)


def graph_of(nodes, **tensors):
    stored = [numpy_helper.from_array(np.array(values, dtype=np.float32), name) for name, values in tensors.items()]
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
    make_artifact(tiny_classifier, CandidateConfig(name="half", runtime=runtime, recipe=(HALF,)), tmp_path, isa=())
    weight = weigh(tmp_path, load(tmp_path, threads=1))
    assert weight.sparsity == pytest.approx(0.5, abs=0.001)
    assert weight.size_bytes == folder_size(tmp_path) > 50_000


def test_dense_models_show_none(torch_artifact, onnx_artifact):
    sparsities = [weigh(folder, load(folder, threads=1)).sparsity for folder in (torch_artifact, onnx_artifact)]
    assert sparsities == [0, 0]


def test_the_zeros_of_quantized_matrices_count(tiny_classifier, tmp_path):
    config = CandidateConfig(name="half-int8", recipe=(HALF, Int8()))
    make_artifact(tiny_classifier, config, tmp_path, isa=())
    assert 0.5 <= weigh(tmp_path, load(tmp_path, threads=1)).sparsity < 0.6
