"""The stored baseline of schema version 1 stays readable, and means the same."""

from build_monitor_baseline import GOLDEN, LABELS, build

from leanglot.results.baseline_store import store_monitor_baseline
from leanglot.results.manifest import Manifest, write_manifest
from leanglot.results.monitor_baseline import MonitorBaseline, read_monitor_baseline


def test_it_is_still_written_so():
    again = "run tests/golden/build_monitor_baseline.py and read the difference"
    assert build().model_dump_json(indent=1) + "\n" == GOLDEN.read_text(encoding="utf-8"), again


def test_it_is_read_from_an_artifact(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"graph")
    facts = {"name": "int8", "runtime": "onnxruntime", "model_file": "model.onnx", "labels": LABELS}
    write_manifest(tmp_path, Manifest(**facts, max_length=32, pad_id=0, source="0" * 64))
    store_monitor_baseline(tmp_path, MonitorBaseline.model_validate_json(GOLDEN.read_bytes()))
    assert (tmp_path / "monitor.json").read_bytes() == GOLDEN.read_bytes()
    found = read_monitor_baseline(tmp_path)
    assert {tag: (each.n, each.correct) for tag, each in found.languages.items()} == {
        "de": (250, 227),
        "sw": (1, 1),
        "th": (40, 37),
    }
    german = found.languages["de"]
    assert (german.unknown, german.scripts) == (7, {"Latn": 248, "Zyyy": 2})
    assert german.labels == {"HassGetWeather": 83, "HassTurnOff": 85, "HassTurnOn": 82}
