"""Graphs on disk keep their weights in a file of their own."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from leanglot.errors import ModelError
from leanglot.models.graph import DATA_NAME, GRAPH_NAME, load_graph, load_skeleton, save_graph


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


def test_weights_can_be_given_beside_the_graph(tmp_path):
    weights = np.arange(2000, dtype=np.float32).reshape(40, 50)
    graph = graph_with(np.zeros((40, 50), np.float32))
    del graph.graph.initializer[:]
    save_graph(graph, tmp_path, {"weights": weights.T.copy().T, "small": np.float32([1, 2])})
    onnx.checker.check_model(str(tmp_path / GRAPH_NAME))
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in load_graph(tmp_path).graph.initializer}
    np.testing.assert_array_equal(stored["weights"], weights)
    np.testing.assert_array_equal(stored["small"], [1, 2])
    assert (tmp_path / DATA_NAME).stat().st_size == weights.nbytes


def test_the_skeleton_comes_without_its_weights_and_these_unread(tmp_path):
    weights = np.arange(2000, dtype=np.float32).reshape(40, 50)
    save_graph(graph_with(weights), tmp_path, {"odd": np.zeros(257, np.int8), "more": np.ones((30, 50), np.float32)})
    skeleton, arrays = load_skeleton(tmp_path)
    assert not skeleton.graph.initializer
    assert isinstance(arrays["weights"], np.memmap)
    np.testing.assert_array_equal(arrays["weights"], weights)
    np.testing.assert_array_equal(arrays["odd"], np.zeros(257))
    np.testing.assert_array_equal(arrays["more"], np.ones((30, 50)))


def test_weights_outside_the_folder_are_not_read(tmp_path):
    save_graph(graph_with(np.ones((40, 50), np.float32)), tmp_path)
    graph = onnx.load(str(tmp_path / GRAPH_NAME), load_external_data=False)
    graph.graph.initializer[0].external_data[0].value = "../secret"
    (tmp_path / GRAPH_NAME).write_bytes(graph.SerializeToString())
    with pytest.raises(ModelError, match=r"'\.\./secret', not in model\.onnx\.data"):
        load_skeleton(tmp_path)
