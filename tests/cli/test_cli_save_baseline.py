"""`leanglot evaluate --save-baseline` stores what a model did in its artifact, and says where it cannot."""

import json
import shutil

import pytest

from leanglot.cli import main
from leanglot.results.manifest import read_manifest, verify_files
from leanglot.results.monitor_baseline import read_monitor_baseline
from leanglot.routing.artifact import write_router
from tiny_rows import LANGUAGES


def call(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code


@pytest.fixture
def artifact(onnx_artifact, tmp_path):
    return shutil.copytree(onnx_artifact, tmp_path / "onnx")


def test_it_is_stored_and_told(artifact, tiny_data, capsys):
    assert call("evaluate", artifact, "--data", tiny_data, "--threads", 1, "--save-baseline") == 0
    printed = "".join(capsys.readouterr().out.split())
    assert "".join(f"What its monitor compares with is stored in {artifact / 'monitor.json'}.".split()) in printed
    found = read_monitor_baseline(artifact)
    verify_files(artifact, read_manifest(artifact))
    assert {tag: each.n for tag, each in found.languages.items()} == LANGUAGES
    assert found.data == "tiny.jsonl"


def test_the_record_names_the_file_and_agrees_with_it(artifact, tiny_data, capsys):
    options = ("--data", tiny_data, "--threads", 1, "--limit", 9, "--json")
    assert call("evaluate", artifact, *options, "--save-baseline", "--against", artifact) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["baseline"] == str(artifact / "monitor.json")
    found = read_monitor_baseline(artifact)
    assert {tag: each.correct / each.n for tag, each in found.languages.items()} == pytest.approx(
        {tag: own["accuracy"] for tag, own in record["quality"]["languages"].items()}
    )
    assert {tag: each.n for tag, each in found.languages.items()} == {"de": 9, "en": 9, "sw": 1, "th": 9}


def test_nothing_is_stored_unasked(artifact, tiny_data, capsys):
    assert call("evaluate", artifact, "--data", tiny_data, "--threads", 1, "--json") == 0
    assert json.loads(capsys.readouterr().out)["baseline"] is None
    assert read_monitor_baseline(artifact) is None


@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_a_damaged_one_is_mended_by_the_same_command(damage, artifact, tiny_data, capsys):
    command = ("evaluate", artifact, "--data", tiny_data, "--threads", 1, "--limit", 9, "--save-baseline")
    assert call(*command) == 0
    stored, place = read_monitor_baseline(artifact), artifact / "monitor.json"
    if damage == "lost":
        place.unlink()
    else:
        place.write_text("{}", encoding="utf-8")
    assert call(*command) == 0
    assert read_monitor_baseline(artifact) == stored


def test_a_forced_command_replaces_an_artifact_with_one(tiny_model, artifact, tiny_data, capsys):
    assert call("evaluate", artifact, "--data", tiny_data, "--threads", 1, "--save-baseline") == 0
    assert call("export", tiny_model, "--out", artifact, "--force") == 0
    assert read_monitor_baseline(artifact) is None


def test_models_and_hub_names_are_exported_first(tiny_model, tiny_data, capsys):
    before = sorted(path.name for path in tiny_model.iterdir())
    for model in (tiny_model, "some-team/some-model"):
        assert call("evaluate", model, "--data", tiny_data, "--save-baseline") == 2
        told = capsys.readouterr().err
        assert "is no artifact" in told
        assert f"leanglot export {model} --out ARTIFACT" in told
    assert sorted(path.name for path in tiny_model.iterdir()) == before


def test_routers_are_told_where_theirs_come_from(artifact, tiny_data, tmp_path, capsys):
    write_router(tmp_path / "router", "tiny", {"onnx": artifact}, {"de": "onnx"}, "onnx")
    for place in (tmp_path / "router", tmp_path / "router" / "variants" / "onnx"):
        assert call("evaluate", place, "--data", tiny_data, "--save-baseline") == 2
        told = capsys.readouterr().err
        assert "whose variants keep the baselines they were made with" in told
        assert "leanglot evaluate ARTIFACT --data DATA --save-baseline" in told
    assert call("evaluate", tmp_path / "router", "--data", tiny_data, "--threads", 1) == 0
