"""Each command does its one step, on a model, an artifact or a finished run."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

import leanglot
from leanglot.cli import main
from leanglot.results.manifest import read_manifest


def succeed(arguments: Sequence[object]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert stopped.value.code == 0


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    succeed(arguments)
    return " ".join(capsys.readouterr().out.split())


@pytest.fixture(scope="module")
def finished(tiny_model: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder made by the command line from a config file."""
    folder = tmp_path_factory.mktemp("cli")
    candidates = [{"name": "int8", "recipe": [{"technique": "int8"}]}]
    settings = {"model": str(tiny_model), "data": str(tiny_data), "output": "out", "threads": 1}
    (folder / "run.yaml").write_text(json.dumps(settings | {"candidates": candidates}))
    succeed(["optimize", folder / "run.yaml", "--quick"])
    return folder / "out"


def test_optimize_writes_a_run_beside_its_config(finished):
    report = leanglot.read_report(finished)
    assert [candidate.name for candidate in report.candidates] == ["pytorch-fp32", "int8"]
    assert (finished / "report.html").is_file()


def test_optimize_on_a_model_and_a_file(tiny_model, tiny_data, tmp_path, capsys):
    config = ["--data", tiny_data, "--out", tmp_path / "run", "--quick", "--threads", 1, "--limit", 12, "--seed", 3]
    printed = run(capsys, "optimize", tiny_model, *config)
    assert "pruned-30-int8" in printed
    report = leanglot.read_report(tmp_path / "run")
    assert len(report.candidates) == 6
    assert report.data.examples == {"de": 12, "en": 12, "sw": 1, "th": 12}


def test_report_is_written_again(finished, capsys):
    (finished / "report.html").unlink()
    assert "report.html" in run(capsys, "report", finished)
    assert (finished / "report.html").stat().st_size > 10_000


def test_recommend_again_with_other_tolerances(finished, capsys):
    free = json.loads(run(capsys, "recommend", finished, "--json", "--tolerance", "size=0.5"))
    assert free["size"]["accuracy_tolerance"] == 0.5
    strict = json.loads(run(capsys, "recommend", finished, "--json", "--strict"))
    assert strict["size"]["candidate"] is None
    assert "speed" in run(capsys, "recommend", finished).lower()


def test_a_tolerance_of_the_wrong_form_is_refused(finished):
    with pytest.raises(SystemExit) as stopped:
        main(["recommend", str(finished), "--tolerance", "speed"])
    assert stopped.value.code == 2


def test_export_then_quantize_then_compare(tiny_model, tiny_data, tmp_path, capsys):
    assert "onnxruntime" in run(capsys, "export", tiny_model, "--out", tmp_path / "onnx")
    assert "int8" in run(capsys, "quantize", tiny_model, "--out", tmp_path / "int8", "--no-embeddings")
    printed = run(capsys, "evaluate", tmp_path / "int8", "--data", tiny_data, "--against", tmp_path / "onnx", "--json")
    found = json.loads(printed)
    assert set(found["verdicts"]) == {"de", "en", "sw", "th"}
    assert found["verdicts"]["de"]["groups"] == 30
    assert leanglot.load(tmp_path / "int8").predict(["filler-1 de-music-3"])[0].label == "music"


def test_an_exported_artifact_can_be_quantized(tiny_model, tmp_path, capsys):
    run(capsys, "export", tiny_model, "--out", tmp_path / "onnx")
    run(capsys, "quantize", tmp_path / "onnx", "--out", tmp_path / "later")
    run(capsys, "quantize", tiny_model, "--out", tmp_path / "at-once")
    later, at_once = (read_manifest(tmp_path / name) for name in ("later", "at-once"))
    assert later.files == at_once.files
    assert (later.recipe, later.labels, later.source) == (at_once.recipe, at_once.labels, at_once.source)
    assert leanglot.load(tmp_path / "later", verify=True).predict(["filler-1 de-music-3"])[0].label == "music"


def test_prune_says_what_it_did(tiny_model, tmp_path, capsys):
    printed = run(capsys, "prune", tiny_model, "--out", tmp_path / "pruned", "--sparsity", 0.5, "--scope", "layer")
    assert "magnitude" in printed
    assert run(capsys, "prune", tiny_model, "--out", tmp_path / "pruned", "--sparsity", 0.3, "--force")


def test_benchmark_tells_what_it_measured_and_what_it_could_not(tiny_model, tiny_data, tmp_path, capsys):
    run(capsys, "export", tiny_model, "--out", tmp_path / "onnx")
    common = ["--data", tiny_data, "--quick", "--threads", 1]
    printed = run(capsys, "benchmark", tmp_path / "onnx", "--against", tiny_model, *common)
    for word in ("latency p50", "n/a: 136 calls; p99 needs at least 662", "cold start", "peak memory", "speed-up"):
        assert word in printed
    found = json.loads(run(capsys, "benchmark", tmp_path / "onnx", "--json", *common))
    assert found["speed"]["speedup"] is None
    assert found["weight"]["size_bytes"] > 10_000


def test_doctor_names_the_machine_and_the_versions(capsys):
    printed = run(capsys, "doctor")
    for word in ("processor", "torch", "onnxruntime", "INT8:", "BF16:"):
        assert word in printed


def test_paths_are_shown_as_they_are(finished, tiny_model, tiny_data, tmp_path, capsys):
    odd = tmp_path / "a[red]b[-x]"
    shutil.copytree(finished, odd)
    assert f"Wrote {odd / 'report.html'}" in run(capsys, "report", odd / "report.json")
    model = tmp_path / "m[bold]"
    shutil.copytree(tiny_model, model)
    succeed(["evaluate", model, "--data", tiny_data, "--threads", 1, "--limit", 3])
    assert f"{model}: done" in capsys.readouterr().err


def test_json_is_json_whatever_the_colours(finished, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert json.loads(run(capsys, "recommend", finished, "--json"))


def test_what_was_drawn_is_told(tiny_model, tiny_data, capsys):
    printed = run(capsys, "evaluate", tiny_model, "--data", tiny_data, "--threads", 1, "--limit", 12)
    assert "Drawn at random, at most 12 per language: 37 of 181 examples." in printed


def test_steps_that_follow_each_other_stand_in_the_recipe(tiny_model, tmp_path, capsys):
    run(capsys, "prune", tiny_model, "--out", tmp_path / "pruned", "--sparsity", 0.5)
    assert "(magnitude, int8)" in run(capsys, "quantize", tmp_path / "pruned", "--out", tmp_path / "both")
    assert [step.technique for step in read_manifest(tmp_path / "both").recipe] == ["magnitude", "int8"]


def test_a_stopped_run_says_how_to_go_on(tiny_model, tiny_data, tmp_path, capsys, monkeypatch):
    def stopped(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr("leanglot.pipeline.optimize", stopped)
    with pytest.raises(SystemExit) as left:
        main(["optimize", str(tiny_model), "--data", str(tiny_data), "--out", str(tmp_path / "run")])
    assert left.value.code == 130
    assert "Run the same command again" in capsys.readouterr().err


def test_the_version_is_told(capsys):
    assert run(capsys, "--version") == f"leanglot {leanglot.__version__}"


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    for command in ("demo", "optimize", "benchmark", "evaluate", "quantize", "prune", "export", "report", "recommend"):
        assert command in printed
