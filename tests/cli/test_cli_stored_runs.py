"""Stored runs on the command line: two compared, and damaged ones read as far as they are whole."""

import json
from pathlib import Path

import pytest

from gate_answers import pair
from leanglot.cli import main
from leanglot.results.comparison import RunComparison
from leanglot.results.folder import RunFolder
from leanglot.results.predictions import write_predictions

GOLDEN = Path(__file__).parents[1] / "golden" / "report-v1-shaped.json"


@pytest.fixture
def ended(capsys):
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main([*map(str, arguments)])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return int(stopped.value.code or 0), " ".join(printed.out.split()), " ".join(printed.err.split())

    return run


@pytest.fixture
def make_run(tmp_path):
    """A run folder with the golden report, changed by a function of its values."""

    def make(name: str, change=lambda values: None, text: str | None = None) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        values = json.loads(GOLDEN.read_text(encoding="utf-8"))
        change(values)
        (folder / "report.json").write_text(text or json.dumps(values), encoding="utf-8")
        return folder

    return make


# Comparing


def test_two_runs_are_compared(ended, make_run):
    def change(values):
        values["candidates"][2]["size_bytes"] = 99_900_000

    runs = make_run("a"), make_run("b", change)
    for run, counts in zip(runs, ({"de": (400, 0, 0, 0)}, {"de": (370, 30, 0, 0)}), strict=True):
        write_predictions(RunFolder(run).candidate("int8").predictions, pair(counts)[1])
    code, printed, _ = ended("compare", *runs)
    assert code == 0
    assert "99.9" in printed
    code, printed, _ = ended("compare", runs[0], runs[1] / "report.json", "--json")
    assert code == 0
    names = [each["name"] for each in json.loads(GOLDEN.read_text(encoding="utf-8"))["candidates"]]
    assert [each.name for each in RunComparison.model_validate_json(printed).candidates] == names


def test_other_machines_are_refused_unless_ignored(ended, make_run):
    runs = make_run("a"), make_run("b", lambda values: values["environment"].update(cpu="Other", threads=77))
    code, printed, told = ended("compare", *runs)
    assert (code, printed) == (2, "")
    assert "cpu: " in told
    assert "and Other threads: 4 and 77" in told
    code, printed, _ = ended("compare", *runs, "--ignore-machine")
    assert code == 0
    assert "speed-up" not in printed
    assert "The machines differ" in printed


@pytest.mark.parametrize("options", [[], ["--ignore-machine"]], ids=["plain", "ignoring"])
def test_other_data_and_margins_are_refused_always(ended, make_run, options):
    def change(values):
        values["data"]["digest"] = "0" * 64
        values["margin"] = 0.5

    code, printed, told = ended("compare", make_run("a"), make_run("b", change), *options)
    assert (code, printed) == (2, "")
    assert "000000000000…" in told
    assert "margin: 0.01 and 0.5" in told


def test_runs_that_cannot_be_read_are_told(ended, make_run, tmp_path):
    run = make_run("a")
    assert "There is no report" in ended("compare", run, tmp_path / "nowhere")[2]
    code, _, told = ended("compare", make_run("b", lambda values: values.update(schema_version=9)), run)
    assert code == 2
    assert "newer leanglot" in told


# Damaged


def damage(values):
    next(each for each in values["candidates"] if each["name"] == "onnx")["size_bytes"] = "big"


@pytest.mark.parametrize("command", ["report", "recommend", "compare"])
def test_a_damaged_report_is_refused_with_the_way_to_read_the_rest(ended, make_run, command):
    run = make_run("a", damage)
    code, printed, told = ended(command, run, *([run] if command == "compare" else []))
    assert (code, printed) == (2, "")
    assert "is damaged in the candidate onnx: candidates[1].size_bytes" in told
    assert f"Read the rest with: leanglot report {run} --salvage" in told


def test_what_is_whole_of_a_damaged_report_is_rendered(ended, make_run):
    run = make_run("a", damage)
    before = (run / "report.json").read_bytes()
    code, printed, told = ended("report", run, "--salvage")
    assert code == 0
    assert "Left out of a damaged report: the candidate onnx (size_bytes: " in told
    assert "report.html" in printed
    assert "Left out of a damaged report" in (run / "report.md").read_text(encoding="utf-8")
    code, printed, told = ended("recommend", run, "--salvage", "--json")
    assert code == 0
    assert set(json.loads(printed)) >= {"speed", "size"}
    assert "the candidate onnx" in told
    assert (run / "report.json").read_bytes() == before


def test_a_salvaged_report_is_never_saved(ended, make_run):
    run = make_run("a", damage)
    before = (run / "report.json").read_bytes()
    code, _, told = ended("recommend", run, "--salvage", "--save")
    assert code == 2
    assert "would write over the damaged report.json" in told
    assert (run / "report.json").read_bytes() == before


def test_without_its_baseline_nothing_is_salvaged(ended, make_run):
    run = make_run("a", lambda values: values["candidates"].pop(0))
    code, printed, told = ended("report", run, "--salvage")
    assert (code, printed) == (2, "")
    assert "its baseline, 'original', is damaged or missing" in told
    assert [path.name for path in run.iterdir()] == ["report.json"]


@pytest.mark.slow
def test_a_cut_off_report_is_refused_and_rebuilt_by_the_same_command(ended, tiny_model, tiny_data, tmp_path):
    run = tmp_path / "run"
    (tmp_path / "recipe.yaml").write_text("candidates: [{name: int8, recipe: [{technique: int8}]}]")
    again = ["optimize", tiny_model, "--data", tiny_data, "--out", run, "--quick", "--threads", 1]
    again += ["--recipe", tmp_path / "recipe.yaml"]
    assert ended(*again)[0] == 0
    whole = json.loads((run / "report.json").read_text(encoding="utf-8"))
    text = (run / "report.json").read_text(encoding="utf-8")
    (run / "report.json").write_text(text[: len(text) // 2], encoding="utf-8")
    for options in ([], ["--salvage"]):
        code, _, told = ended("report", run, *options)
        assert code == 2
        assert "the same leanglot optimize command again rebuilds the report" in told
    kept = [run / "candidates" / "int8" / name for name in ("made.json", "evaluated.json", "predictions.parquet")]
    before = [file.stat().st_mtime_ns for file in kept]
    assert ended(*again)[0] == 0
    assert [file.stat().st_mtime_ns for file in kept] == before
    rebuilt = json.loads((run / "report.json").read_text(encoding="utf-8"))
    assert [each["accuracy"] for each in rebuilt["candidates"]] == [each["accuracy"] for each in whole["candidates"]]
