"""Traces of ONNX Runtime read back, and the operator that works with each weight."""

import json

import pytest

from leanglot.errors import ModelError
from leanglot.measure.profile_graph import GraphWeights, holdings, onnx_weights, read_trace
from leanglot.measure.profile_rows import Executed, TimedCall


def node(name, kind, start, took, **about):
    about = {"op_name": kind, **about}
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": start, "dur": took, "args": about}


def run(start, took):
    return {"cat": "Session", "name": "model_run", "ts": start, "dur": took, "args": {}}


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_a_trace_is_shared_out_over_its_runs_whatever_their_order(tmp_path):
    events = [
        {"cat": "Session", "name": "session_initialization", "ts": 0, "dur": 90, "args": {}},
        run(300, 80),
        node("b", "Add", 320, 7),
        node("a", "MatMul", 110, 20, parameter_size="64"),
        node("b", "Add", 140, 5),
        node("a", "MatMul", 310, 9),
        node("between", "Add", 250, 5),
        run(100, 50),
    ]
    first, second = read_trace(write(tmp_path / "trace.json", events))
    assert first == (0.05, (Executed("MatMul", "", 0.02, "a", weight_bytes=64), Executed("Add", "", 0.005, "b")))
    assert [each.name for each in second[1]] == ["a", "b"]


@pytest.mark.parametrize("content", ["", "[", "{}x", '[{"name": "model_run"}]', "[1]", '[{"cat": "Node", "name": 3}]'])
def test_what_is_no_trace_is_refused(tmp_path, content):
    with pytest.raises(ModelError, match="is no trace of ONNX Runtime"):
        read_trace(write(tmp_path / "trace.json", content))


def test_a_missing_trace_is_refused(tmp_path):
    with pytest.raises(ModelError, match="is no trace"):
        read_trace(tmp_path / "none.json")


def test_weights_are_found_by_name_by_size_and_by_module():
    executed = (
        Executed("Gather", "emb", 1.0, "Gather_9", weight_bytes=40),
        Executed("Gather", "emb", 1.0, "Gather_8", weight_bytes=400),
        Executed("FusedMatMul", "l.q", 2.0, "/module/l/q/MatMul/Fusion"),
        Executed("Gemm", "l.k", 2.0, "fused /module/l/k/Gemm"),
        Executed("Add", "l", 0.1, "/module/l/Add"),
        Executed("Gelu", "l", 3.0, "/module/l/Gelu"),
    )
    weights = GraphWeights(
        sizes={
            "emb.rows": ("int8", 400),
            "l.q.weight": ("float32", 10),
            "l.k.weight": ("float32", 11),
            "l.v.bias": ("float32", 12),
            "lost.weight": ("float32", 13),
        },
        users={
            "emb.rows": [("", "Gather")],
            "l.q.weight": [("/module/l/q/MatMul", "MatMul")],
            "l.k.weight": [("/module/l/k/Gemm", "Gemm")],
            "l.v.bias": [("/module/l/v/Add", "Add")],
        },
    )
    found = {own.name: (own.operator, own.module) for own in holdings(weights, [TimedCall(9.1, executed)])}
    assert found == {
        "emb.rows": ("Gather", "emb"),
        "l.q.weight": ("FusedMatMul", "l.q"),
        "l.k.weight": ("Gemm", "l.k"),
        "l.v.bias": ("Gelu", "l"),
        "lost.weight": (None, None),
    }


def test_the_users_of_a_stored_graphs_weights_are_its_nodes(onnx_artifact):
    weights = onnx_weights(onnx_artifact)
    (query,) = (name for name in weights.sizes if "layer.1.attention.self.query.weight" in name)
    assert weights.sizes[query] == ("float32", 32 * 32 * 4)
    assert [kind for _, kind in weights.users[query]] == ["MatMul"]
