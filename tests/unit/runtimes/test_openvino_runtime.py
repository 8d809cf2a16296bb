"""Executing with OpenVINO: settings that hold on every machine, answers of one's own, and not a word to anybody."""

import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import numpy as np
import pytest

from leanglot.errors import MissingExtraError, ModelError
from leanglot.export.openvino import export_openvino
from leanglot.measure.subject import describe
from leanglot.models.openvino_graph import DATA_NAME, GRAPH_NAME
from leanglot.runtimes.openvino import import_openvino, open_predictor, without_telemetry


@pytest.fixture(scope="module")
def manifest(tiny_classifier):
    return describe(tiny_classifier).model_copy(update={"runtime": "openvino", "model_file": GRAPH_NAME})


@pytest.fixture(scope="module")
def exported(tiny_classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("openvino")
    export_openvino(tiny_classifier, folder)
    return folder


@pytest.fixture(scope="module")
def predictor(exported, manifest):
    return open_predictor(exported, manifest, threads=1)


def batch(size=2, length=9, seed=0):
    ids = np.random.default_rng(seed).integers(4, 400, size=(size, length))
    return ids, np.ones_like(ids)


@pytest.mark.parametrize("threads", [1, 2])
def test_nothing_is_left_to_the_machine(exported, manifest, threads):
    compiled = open_predictor(exported, manifest, threads).request.get_compiled_model()
    assert compiled.get_property("INFERENCE_NUM_THREADS") == threads
    assert compiled.get_property("NUM_STREAMS") == 1
    assert compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"
    assert compiled.get_property("DYNAMIC_QUANTIZATION_GROUP_SIZE") == 32
    assert compiled.get_property("ENABLE_CPU_PINNING") is False


def test_an_answer_survives_the_next_call(predictor):
    first = predictor.logits(*batch(seed=1))
    kept = first.copy()
    second = predictor.logits(*batch(seed=2))
    assert first.dtype == np.float32
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, kept)
    first[:] = 0
    np.testing.assert_array_equal(predictor.logits(*batch(seed=2)), second)


def test_inputs_need_not_be_contiguous(predictor):
    ids, mask = batch(size=4, length=20)
    expected = predictor.logits(np.ascontiguousarray(ids[::2, :8]), np.ascontiguousarray(mask[::2, :8]))
    np.testing.assert_array_equal(predictor.logits(ids[::2, :8], mask[::2, :8]), expected)


def test_inputs_stay_as_they_are(predictor):
    ids, mask = batch()
    before = ids.copy(), mask.copy()
    predictor.logits(ids, mask)
    np.testing.assert_array_equal(ids, before[0])
    np.testing.assert_array_equal(mask, before[1])


def test_threads_can_share_a_predictor(predictor):
    batches = [batch(size=1 + seed % 3, length=3 + seed, seed=seed) for seed in range(12)]
    expected = [predictor.logits(*one) for one in batches]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: predictor.logits(*one), batches * 5))
    for position, logits in enumerate(found):
        np.testing.assert_array_equal(logits, expected[position % len(batches)])


def test_opening_writes_nothing_and_says_nothing(exported, manifest, capfd):
    before = {path.name: path.stat().st_mtime_ns for path in exported.iterdir()}
    open_predictor(exported, manifest, threads=1).logits(*batch())
    assert {path.name: path.stat().st_mtime_ns for path in exported.iterdir()} == before
    assert set(before) == {GRAPH_NAME, DATA_NAME}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("damage", ["cut graph", "no graph", "no weights", "cut weights"])
def test_a_damaged_artifact_is_refused(exported, manifest, tmp_path, damage):
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    what, _, name = damage.partition(" ")
    path = tmp_path / (GRAPH_NAME if name == "graph" else DATA_NAME)
    if what == "no":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelError, match=r"OpenVINO 2\S+ cannot load .*model\.xml") as caught:
        open_predictor(tmp_path, manifest, threads=1)
    assert "again" in caught.value.hint


def test_a_missing_package_is_named_with_its_extra(exported, manifest, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match=r'pip install "leanglot\[openvino\]"'):
        open_predictor(exported, manifest, threads=1)


def test_telemetry_that_the_caller_loaded_stays_loaded(monkeypatch):
    loaded = ModuleType("openvino_telemetry")
    monkeypatch.setitem(sys.modules, "openvino_telemetry", loaded)
    with without_telemetry(), pytest.raises(ImportError):
        import openvino_telemetry  # noqa: F401
    assert sys.modules["openvino_telemetry"] is loaded


def test_telemetry_is_only_hidden_while_importing(monkeypatch):
    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)
    import_openvino()
    assert "openvino_telemetry" not in sys.modules


def test_loggers_keep_their_class():
    before = logging.getLoggerClass()
    with without_telemetry():
        logging.setLoggerClass(type("Other", (logging.Logger,), {}))
    assert logging.getLoggerClass() is before


def test_a_fresh_process_reports_nothing_and_leaves_nothing_in_the_home_folder(exported, manifest, tmp_path):
    code = """
import sys
from pathlib import Path
import numpy as np
from leanglot.results.manifest import Manifest
from leanglot.runtimes.openvino import open_predictor
predictor = open_predictor(Path(sys.argv[1]), Manifest.model_validate_json(sys.argv[2]), 1)
ids = np.array([[0, 5, 2]])
assert predictor.logits(ids, np.ones_like(ids)).shape == (1, 3)
assert not [name for name in sys.modules if name.startswith("openvino_telemetry")], "telemetry was imported"
assert "torch" not in sys.modules, "torch was imported"
"""
    arguments = [sys.executable, "-W", "error", "-c", code, str(exported), manifest.model_dump_json()]
    outside = {name: value for name, value in os.environ.items() if name != "CI"}  # where telemetry is off anyway
    done = subprocess.run(
        arguments, env={**outside, "HOME": str(tmp_path)}, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.rglob("*")) == []
