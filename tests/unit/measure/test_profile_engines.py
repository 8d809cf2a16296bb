"""Real profiles of a tiny model on each engine: shares add up, bytes are those of the ledger, answers stay."""

import os

import numpy as np
import pytest

from leanglot.artifacts import make_artifact
from leanglot.config import CandidateConfig
from leanglot.measure.calls import random_rows
from leanglot.measure.ledger import size_ledger
from leanglot.measure.profile_engines import profile_onnxruntime, profile_openvino
from leanglot.measure.profile_observed import WHOLE, Drill, engine_profile
from leanglot.measure.profile_pytorch import profile_pytorch, watched_modules
from leanglot.measure.subject import in_memory
from leanglot.quantizers import Making
from leanglot.results.manifest import read_manifest
from leanglot.runtimes.batching import pad
from leanglot.techniques import Int8


@pytest.fixture(scope="module")
def drill(tiny_classifier):
    rows = random_rows(in_memory(tiny_classifier, 1), [6, 12], 4)
    return Drill([pad([row], tiny_classifier.pad_id) for row in rows], 3)


def made(model, folder, runtime, *recipe):
    make_artifact(model, CandidateConfig(name="x", runtime=runtime, recipe=recipe), folder, Making())
    return folder


def check(profile):
    """What holds for every profile."""
    assert sum(row.share for row in profile.operators) + profile.outside_share == pytest.approx(1)
    assert sum(row.size_bytes for row in profile.operators) + profile.unplaced_bytes == profile.size_bytes
    assert sum(row.size_bytes for row in profile.parts) == profile.size_bytes
    for rows in (profile.modules, profile.kinds, profile.places, profile.parts):
        assert sum(row.share for row in rows) == pytest.approx(sum(row.share for row in profile.modules))
    assert {row.name for row in profile.parts} >= {"embeddings", "attention", "ffn", "head"}
    assert {"layer 0 attention", "layer 1 ffn"} <= {row.name for row in profile.places}
    assert list(profile.operators) == sorted(profile.operators, key=lambda row: -row.time_ms)
    assert min(profile.unprofiled_p50_ms, profile.profiled_p50_ms) > 0


def hooks(module):
    """All hooks, those that transformers itself leaves after it was asked for hidden states among them."""
    return [(*part._forward_hooks, *part._forward_pre_hooks) for part in module.modules()]


def test_pytorch_tells_operators_modules_and_bytes(tiny_classifier, drill):
    classifier = in_memory(tiny_classifier, 1)
    hooked = hooks(classifier.predictor.module)
    before = classifier.predictor.logits(*drill.batches[0])
    observed = profile_pytorch(classifier, classifier.predictor, drill)
    profile = engine_profile(observed, classifier.manifest, "model", {})
    check(profile)
    assert len(observed.operator_calls) == 8
    rows = {row.name: row for row in profile.operators}
    linear = 2 * (4 * (32 * 32 + 32) + 2 * 32 * 64 + 64 + 32) + 32 * 32 + 32 + 3 * 32 + 3
    assert rows["aten::linear"].runs == 2 * 6 + 2
    assert rows["aten::linear"].size_bytes == 4 * linear
    assert rows["aten::embedding"].size_bytes > rows["aten::layer_norm"].size_bytes > 0
    assert sum(row.share for row in profile.modules) == pytest.approx(1)
    modules = {row.name: row for row in profile.modules}
    layer = modules["roberta.encoder.layer.1"]
    assert layer.inclusive_ms > layer.time_ms
    assert modules["roberta.encoder.layer.1.attention.self.query"].size_bytes == 4 * (32 * 32 + 32)
    assert WHOLE in modules
    assert profile.size_bytes == sum(weight.nbytes for weight in tiny_classifier.module.state_dict().values())
    assert profile.fp32_bytes["attention"] == 4 * 2 * (4 * (32 * 32 + 32) + 2 * 32)
    np.testing.assert_array_equal(classifier.predictor.logits(*drill.batches[0]), before)
    assert hooks(classifier.predictor.module) == hooked


def test_hooks_are_gone_after_a_failure(tiny_classifier):
    hooked = hooks(tiny_classifier.module)
    with pytest.raises(ValueError, match="exactly one of"), watched_modules(tiny_classifier.module):
        tiny_classifier.module(no_such_input=1)
    assert hooks(tiny_classifier.module) == hooked


def test_the_profilers_library_is_quiet_and_the_variable_as_before(tiny_classifier, drill, capfd, monkeypatch):
    monkeypatch.setenv("KINETO_LOG_LEVEL", "7")
    classifier = in_memory(tiny_classifier, 1)
    profile_pytorch(classifier, classifier.predictor, Drill(drill.batches[:1], 1))
    assert os.environ["KINETO_LOG_LEVEL"] == "7"
    monkeypatch.delenv("KINETO_LOG_LEVEL")
    profile_pytorch(classifier, classifier.predictor, Drill(drill.batches[:1], 1))
    assert "KINETO_LOG_LEVEL" not in os.environ
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("recipe", [(), (Int8(embeddings=True),)], ids=["fp32", "int8"])
def test_onnx_runtime_tells_nodes_by_module_and_all_bytes(tiny_classifier, drill, tmp_path, recipe):
    folder = made(tiny_classifier, tmp_path, "onnxruntime", *recipe)
    observed = profile_onnxruntime(folder, 1, drill)
    profile = engine_profile(observed, read_manifest(folder), "artifact", {1: 0.5})
    check(profile)
    assert len(observed.operator_calls) == 8
    assert profile.unplaced_bytes == 0
    assert profile.hooked_p50_ms is None
    assert profile.threads_p50_ms == {1: 0.5}
    ledger = size_ledger(folder, read_manifest(folder))
    assert profile.size_bytes == sum(row.size_bytes for row in ledger)
    for part, row in ((row.name, row) for row in profile.parts):
        assert row.size_bytes == sum(each.size_bytes for each in ledger if each.part == part)
    kinds = {row.name for row in profile.operators if row.size_bytes > 4_000}
    assert kinds >= ({"Gather", "MatMul"} if not recipe else {"Gather"})
    table = max(profile.operators, key=lambda row: row.size_bytes)
    assert table.name == "Gather"
    nodes = observed.operator_calls[0].executed
    assert sum(each.adopted for each in nodes) < len(nodes) / 2


def test_openvino_tells_its_counters_by_module(tiny_classifier, tmp_path):
    pytest.importorskip("openvino")
    folder = made(tiny_classifier, tmp_path, "openvino")
    # Its counters are whole microseconds: what takes less does not count.
    rows = random_rows(in_memory(tiny_classifier, 1), [32], 64)
    observed = profile_openvino(folder, 1, Drill([pad(rows, tiny_classifier.pad_id)] * 4, 3))
    profile = engine_profile(observed, read_manifest(folder), "artifact", {})
    check(profile)
    assert len(observed.operator_calls) == 1
    rows_by_name = {row.name: row for row in profile.operators}
    assert {"FullyConnected", "Gather"} <= set(rows_by_name)
    assert rows_by_name["FullyConnected"].share_error is None
    assert profile.size_bytes == sum(row.size_bytes for row in size_ledger(folder, read_manifest(folder)))
