"""Activation ranges: observed without padding, whatever the batch, in bounded memory."""

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from leanglot.compress import activation_ranges as module
from leanglot.compress.activation_ranges import activation_ranges
from leanglot.compress.products import read_products
from leanglot.errors import ModelError, RecipeError
from leanglot.models.graph import load_skeleton, save_graph
from leanglot.techniques import Calibration

WIDTH = 64
PAD = 1


@pytest.fixture
def runs(monkeypatch):
    """What each run of a session gave back from here on: bytes, the batch's shape, and the tensors' names."""
    seen = []
    original = ort.InferenceSession

    class Tracked:
        def __init__(self, *arguments, **options):
            self.session = original(*arguments, **options)

        def run(self, names, feed):
            values = self.session.run(names, feed)
            seen.append((sum(value.nbytes for value in values), feed["input_ids"].shape, names))
            return values

    monkeypatch.setattr(ort, "InferenceSession", Tracked)
    return seen


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """Looks rows of a table up, and doubles them, in several tensors; the row of the padding is enormous."""
    folder = tmp_path_factory.mktemp("graph")
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["b", "l"]) for n in ("input_ids", "attention_mask")]
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["looked_up"]),
        helper.make_node("Add", ["looked_up", "looked_up"], ["doubled"]),
        helper.make_node("Transpose", ["doubled"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["looked_up", "turned"], ["scores"]),
        helper.make_node("ReduceMax", ["doubled"], ["logits"], axes=[1], keepdims=0),
        helper.make_node("ReduceSum", ["attention_mask"], ["length"]),
    ]
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["b", WIDTH])
    proto = helper.make_graph(nodes, "g", inputs, [logits])
    table = np.random.default_rng(0).uniform(-1, 1, (50, WIDTH)).astype(np.float32)
    table[PAD] = 1e6
    save_graph(
        helper.make_model(proto, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder, {"table": table}
    )
    return folder


@pytest.fixture(scope="module")
def table(graph):
    return load_skeleton(graph)[1]["table"]


def texts(*lengths):
    rng = np.random.default_rng(1)
    return [rng.integers(2, 50, length) for length in lengths]


def test_extremes_are_those_of_the_texts(graph, table):
    rows = texts(3, 5, 9, 5)
    found = activation_ranges(graph, ["looked_up", "doubled", "logits"], rows, PAD, Calibration())
    seen = table[np.concatenate(rows)]
    pooled = [2 * table[row].max(axis=0) for row in rows]
    assert found == {
        "doubled": (2 * seen.min(), 2 * seen.max()),
        "looked_up": (seen.min(), seen.max()),
        "logits": (np.min(pooled), np.max(pooled)),
    }


@pytest.mark.parametrize("method", ["minmax", "percentile", "entropy"])
def test_neither_padding_nor_batch_mates_change_a_range(graph, method):
    """Tensors of every shape: by token, by text, and token by token, as attention has them."""
    names, config = ["doubled", "logits", "scores"], Calibration(method=method)
    rows = texts(*range(2, 30), *range(2, 30))
    together = activation_ranges(graph, names, rows, PAD, config)
    shuffled = [rows[place] for place in np.random.default_rng(2).permutation(len(rows))]
    assert all(abs(limit) < 1000 for found in together.values() for limit in found)
    for name, found in activation_ranges(graph, names, shuffled, PAD, config).items():
        assert found == pytest.approx(together[name], rel=1e-5)


def test_each_method_is_used(graph):
    rows = texts(*[20] * 40)
    ranges = {
        method: activation_ranges(graph, ["scores"], rows, PAD, Calibration(method=method, percentile=90))["scores"]
        for method in ("minmax", "percentile", "entropy")
    }
    spans = {method: high - low for method, (low, high) in ranges.items()}
    assert spans["percentile"] < spans["minmax"]
    assert spans["entropy"] <= spans["minmax"]
    assert len(set(ranges.values())) == 3


def test_no_run_has_padding(graph, runs):
    activation_ranges(graph, ["doubled"], texts(3, 5, 9, 5, 3, 3), PAD, Calibration())
    assert sorted(shape for _, shape, names in runs if names == ["doubled"]) == [(1, 9), (2, 5), (3, 3)]


def observed(runs, names):
    return [(size, shape) for size, shape, asked in runs if set(asked) <= set(names)]


def test_batches_shrink_to_the_cap(graph, runs, monkeypatch):
    names, rows = ["doubled", "looked_up"], texts(*[64] * 300)
    per_text = len(names) * 64 * WIDTH * 4
    monkeypatch.setattr(module, "_MIB", 5 * per_text + 7)
    activation_ranges(graph, names, rows, PAD, Calibration(memory_mb=1))
    sizes = observed(runs, names)
    assert [shape for _, shape in sizes] == [(5, 64)] * 60
    assert {size for size, _ in sizes} == {5 * per_text}


def test_a_cap_that_is_never_met_changes_nothing(graph, runs):
    names, rows = ["doubled", "looked_up"], texts(*[64] * 300)
    activation_ranges(graph, names, rows, PAD, Calibration(memory_mb=4096))
    sizes = observed(runs, names)
    assert {texts for _, (texts, _) in sizes} == {module.DEFAULT_BATCH_TOKENS // 64, 300 % 16}


@pytest.mark.parametrize("cap", [33_000, 60_000, 100_000, 400_000])
def test_no_run_exceeds_the_cap_and_the_ranges_are_the_same(graph, runs, cap, monkeypatch):
    names = ["doubled", "looked_up", "scores", "turned", "logits"]
    rows = texts(*[16] * 20, *[40] * 20, *[90] * 9)
    free = activation_ranges(graph, names, rows, PAD, Calibration())
    del runs[:]
    monkeypatch.setattr(module, "_MIB", cap)
    capped = activation_ranges(graph, names, rows, PAD, Calibration(memory_mb=1))
    sizes = [size for size, _ in observed(runs, names)]
    assert 0.4 * cap < max(sizes) <= cap
    for name in names:
        assert capped[name] == pytest.approx(free[name], rel=1e-5)


def test_a_cap_below_one_text_takes_several_passes(graph, runs, monkeypatch):
    monkeypatch.setattr(module, "_MIB", 40 * WIDTH * 4)
    names = ["doubled", "looked_up", "turned"]
    done = []
    activation_ranges(graph, names, texts(40, 40), PAD, Calibration(memory_mb=1), done.append)
    sizes = observed(runs, names)
    assert [shape for _, shape in sizes] == [(1, 40)] * 6
    assert {size for size, _ in sizes} == {40 * WIDTH * 4}
    assert sum(done) == 2


def test_a_cap_too_small_for_one_tensor_says_what_is_needed(graph):
    with pytest.raises(RecipeError, match="1 MiB cannot hold scores for one text of 600 tokens") as caught:
        activation_ranges(graph, ["scores", "doubled"], texts(600), PAD, Calibration(memory_mb=1))
    assert "at least 2" in caught.value.hint
    assert activation_ranges(graph, ["scores"], texts(600), PAD, Calibration(memory_mb=2))


def test_progress_adds_up_to_the_texts(graph):
    done = []
    activation_ranges(graph, ["doubled"], texts(3, 4, 4, 9), PAD, Calibration(), done.append)
    assert done == [1, 2, 1]


def test_no_texts_are_refused(graph):
    with pytest.raises(RecipeError, match="no text to calibrate on"):
        activation_ranges(graph, ["doubled"], [], PAD, Calibration())


def test_an_unknown_tensor_is_named(graph):
    with pytest.raises(ModelError, match="no activations tripled"):
        activation_ranges(graph, ["doubled", "tripled"], texts(3), PAD, Calibration())


def test_a_tensor_that_is_not_finite_is_named(graph, tmp_path):
    model, arrays = load_skeleton(graph)
    broken = np.array(arrays["table"])
    broken[7] = np.inf
    save_graph(model, tmp_path, {"table": broken})
    with pytest.raises(ModelError, match="activations doubled are NaN or infinite"):
        activation_ranges(tmp_path, ["doubled"], [np.array([3, 7])], PAD, Calibration())
    assert activation_ranges(tmp_path, ["doubled"], [np.array([3, 8])], PAD, Calibration())


def test_a_damaged_graph_is_refused(graph, tmp_path):
    model, arrays = load_skeleton(graph)
    model.graph.node[0].op_type = "NoSuchOperator"
    save_graph(model, tmp_path, dict(arrays))
    with pytest.raises(ModelError, match="cannot load"):
        activation_ranges(tmp_path, ["doubled"], texts(3), PAD, Calibration())


def test_a_size_that_follows_nothing_is_refused(tmp_path):
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["b", "l"]) for n in ("input_ids", "attention_mask")]
    nodes = [
        helper.make_node("NonZero", ["input_ids"], ["places"]),
        helper.make_node("Cast", ["places"], ["logits"], to=1),
    ]
    nodes.append(helper.make_node("ReduceSum", ["attention_mask"], ["length"]))
    proto = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)])
    save_graph(helper.make_model(proto, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path)
    with pytest.raises(ModelError, match="follows neither"):
        activation_ranges(tmp_path, ["logits"], [np.array([0, 5, 0])], PAD, Calibration())


def test_a_models_own_activations(onnx_artifact, tiny_rows):
    products = read_products(onnx_artifact)
    names = {node.input[0] for node in products.model.graph.node if node.name in products.layers()}
    found = activation_ranges(onnx_artifact, names, texts(3, 8, 20), PAD, Calibration())
    assert len(found) == len(names) == 10
    assert all(low < 0 < high for low, high in found.values())
