"""leanglot route on a finished run of the tiny model, and the router that comes out."""

import json
import shutil
from pathlib import Path

import pytest

import leanglot
from leanglot.cli import main
from leanglot.results.router_manifest import ROUTER_NAME, read_router_manifest
from tiny_rows import LANGUAGES, rows


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


def fail(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert call(*arguments) == 2
    return " ".join(capsys.readouterr().err.split())


@pytest.fixture(scope="module")
def place(tiny_model: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run that routed itself, data, other texts and prices."""
    folder = tmp_path_factory.mktemp("route")
    texts = rows(dict.fromkeys(LANGUAGES, 40), seed=9)
    (folder / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in texts), encoding="utf-8")
    shutil.copy(tiny_data, folder / "data.jsonl")
    settings = {"model": str(tiny_model), "data": "data.jsonl", "output": "run", "threads": 1, "routing": {}}
    candidates = [{"name": "onnx"}, {"name": "int8", "recipe": [{"technique": "int8"}]}]
    settings |= {"candidates": candidates, "calibration": "texts.jsonl", "steps": False}
    (folder / "run.yaml").write_text(json.dumps(settings), encoding="utf-8")
    costs = {"monthly_predictions": 1e6, "traffic": {"de": 0.6, "en": 0.3, "fr": 0.1}, "error_cost": 0.1}
    costs |= {"infrastructure": {"price_per_hour": 0.1}}
    (folder / "costs.yaml").write_text(json.dumps(costs), encoding="utf-8")
    assert call("optimize", folder / "run.yaml", "--quick") == 0
    return folder


def test_a_run_routes_itself_where_its_settings_ask_for_it(place):
    report = leanglot.read_report(place / "run")
    assert set(report.routing) == set(LANGUAGES)
    facts = report.routing_facts
    assert facts.artifact == "router"
    assert facts.memory_measured
    assert facts.objective == "mean latency"
    assert facts.detection.examples == report.data.examples
    assert facts.detection.size_bytes > 1000
    assert facts.detected_accuracy is not None
    assert set(facts.verdicts) == set(facts.detected_verdicts) == set(LANGUAGES)
    router = leanglot.load(place / "run" / "router", threads=1)
    assert router.manifest.languages == report.routing
    assert router.predict(["filler-1 de-music-3"], languages=["de-CH"])[0].label == "music"
    assert "## Routing" in (place / "run" / "report.md").read_text(encoding="utf-8")


def test_it_decides_alone_and_writes_nothing(place, capsys):
    before = sorted(place.rglob("*"))
    assert call("route", place / "run") == 0
    printed = capsys.readouterr().out
    assert "Routing" in printed
    assert "no texts were there to learn from" in " ".join(printed.split())
    assert sorted(place.rglob("*")) == before


@pytest.mark.slow
def test_a_router_with_prices_and_detection_is_written_and_evaluated(place, tmp_path, capsys):
    out = tmp_path / "router"
    texts = ["--texts", place / "texts.jsonl", "--data", place / "data.jsonl"]
    asked = ["route", place / "run", "--costs", place / "costs.yaml", *texts, "--out", out, "--json"]
    assert call(*asked) == 0
    found = json.loads(capsys.readouterr().out)
    facts = found["routing_facts"]
    assert facts["objective"] == "monthly cost"
    assert found["routing"]["fr"] == facts["fallback"]
    assert any("No examples of fr were judged" in note for note in facts["notes"])
    assert facts["artifact"] is None
    assert read_router_manifest(out).identifier is not None
    assert "already exists" in fail(capsys, *asked)
    assert call(*asked, "--force") == 0
    capsys.readouterr()

    one = ["--data", place / "data.jsonl", "--threads", 1]
    assert call("evaluate", out, *one, "--against", place / "run/candidates/onnx/artifact", "--json") == 0
    evaluated = json.loads(capsys.readouterr().out)
    assert set(evaluated["verdicts"]) == set(LANGUAGES)
    assert any("Languages were told as in the data" in note for note in evaluated["data"]["notes"])
    assert "is a router over several artifacts" in fail(capsys, "benchmark", out, *one)


def test_a_router_is_judged_against_another_one(place, tmp_path, capsys):
    assert call("route", place / "run", "--no-detect", "--out", tmp_path / "blind", "--max-variants", 1) == 0
    one = ["--data", place / "data.jsonl", "--threads", 1]
    capsys.readouterr()
    assert call("evaluate", tmp_path / "blind", *one, "--against", place / "run" / "router") == 0
    assert "the router detects none" in " ".join(capsys.readouterr().out.split())


def test_judged_texts_teach_the_languages_where_there_are_no_others(place, capsys):
    assert call("route", place / "run", "--data", place / "data.jsonl", "--json") == 0
    facts = json.loads(capsys.readouterr().out)["routing_facts"]
    assert "learned from judged texts" in " ".join(facts["notes"])
    assert "sw had fewer than 8 texts" in " ".join(facts["notes"])
    assert facts["detection"]["learned_from"].endswith("each held out while it was told")
    assert facts["detected_accuracy"] is not None


def test_texts_alone_count_detection_on_themselves(place, capsys):
    assert call("route", place / "run", "--texts", place / "texts.jsonl", "--json") == 0
    facts = json.loads(capsys.readouterr().out)["routing_facts"]
    assert facts["detection"]["learned_from"].endswith("counted on these, held out in turns")
    assert facts["detected_accuracy"] is None


def test_saved_it_stands_in_the_report(place, tmp_path, capsys):
    shutil.copytree(place / "run", tmp_path / "run")
    assert call("route", tmp_path / "run", "--max-variants", 1, "--save") == 0
    capsys.readouterr()
    assert leanglot.read_report(tmp_path / "run").routing_facts.config.max_variants == 1


def test_limits_that_cannot_be_kept_are_told_with_the_nearest(place, capsys):
    told = fail(capsys, "route", place / "run", "--max-memory-mb", 1)
    assert "No routing keeps within max_memory 1 MB" in told
    assert "One of these alone would do: max_memory" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--max-p95-ms", "-1", "--min-chance", "2"], "--max-p95-ms: Input should be greater than 0"),
        (["--max-memory-mb", "0"], "--max-memory-mb"),
        (["--detect"], "--detect needs texts"),
        (["--no-detect", "--texts", "x.jsonl"], "no effect with --no-detect"),
        (["--data", "data.jsonl", "--limit", "5"], "are not the 181 that the run judged"),
        (["--texts", "gone.jsonl"], "gone.jsonl"),
        (["--costs", "gone.yaml"], "gone.yaml"),
    ],
)
def test_bad_input_is_one_message(place, capsys, monkeypatch, arguments, told):
    monkeypatch.chdir(place)
    message = fail(capsys, "route", place / "run", *arguments)
    assert told in message
    assert "Traceback" not in message


@pytest.mark.slow
def test_a_run_whose_limits_leave_no_routing_is_complete_all_the_same(place, tmp_path, capsys):
    settings = json.loads((place / "run.yaml").read_text(encoding="utf-8"))
    settings |= {"routing": {"max_memory_bytes": 1000}, "output": str(tmp_path / "run")}
    config = place / "narrow.yaml"
    config.write_text(json.dumps(settings), encoding="utf-8")
    shutil.copytree(place / "run", tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "router")
    told = fail(capsys, "optimize", config, "--quick")
    assert "No routing keeps within max_memory" in told
    assert "The run itself is complete" in told
    report = leanglot.read_report(tmp_path / "run")
    assert report.routing is None
    assert not (tmp_path / "run" / "router" / ROUTER_NAME).exists()


def test_a_damaged_artifact_leaves_no_router(place, tmp_path, capsys):
    run = shutil.copytree(place / "run", tmp_path / "run")
    for graph in run.glob("candidates/*/artifact/model.*"):
        graph.unlink()
    assert "lacks model" in fail(capsys, "route", run, "--out", tmp_path / "router")
    assert not (tmp_path / "router").exists()
