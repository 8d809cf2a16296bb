"""Graphs on disk keep their weights in a file of their own."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from leanglot.models.graph import DATA_NAME, GRAPH_NAME, load_graph, save_graph


def graph_with(weights):
    table = numpy_helper.from_array(weights, "weights")
    node = helper.make_node("MatMul", ["x", "weights"], ["y"])
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", weights.shape[0]])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", weights.shape[1]])]
    return helper.make_model(helper.make_graph([node], "g", inputs, outputs, [table]))


def test_the_weights_lie_beside_the_graph_and_come_back(tmp_path):
    weights = np.arange(2000, dtype=np.float32).reshape(40, 50)
    assert save_graph(graph_with(weights), tmp_path) == tmp_path / GRAPH_NAME
    assert (tmp_path / DATA_NAME).stat().st_size == weights.nbytes
    assert (tmp_path / GRAPH_NAME).stat().st_size < 1000
    np.testing.assert_array_equal(numpy_helper.to_array(load_graph(tmp_path).graph.initializer[0]), weights)


def test_saving_again_does_not_append_to_the_old_weights(tmp_path):
    save_graph(graph_with(np.ones((40, 50), np.float32)), tmp_path)
    save_graph(graph_with(np.zeros((30, 50), np.float32)), tmp_path)
    assert (tmp_path / DATA_NAME).stat().st_size == 30 * 50 * 4
    assert not numpy_helper.to_array(load_graph(tmp_path).graph.initializer[0]).any()
    onnx.checker.check_model(str(tmp_path / GRAPH_NAME))
