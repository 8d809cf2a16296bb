"""The gate on the command line: every exit code, every kind of side, its files, and what it refuses."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from gate_answers import answers, pair
from junit_rules import parsed
from leanglot.cli import main
from leanglot.results.gate import GateReport
from leanglot.results.predictions import write_predictions

SAFE, HARMED, FEW = (400, 0, 0, 0), (460, 31, 9, 0), (16, 0, 0, 0)


@pytest.fixture
def ended(capsys):
    """Run the gate; gives its exit code, and what it printed and told."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["gate", *map(str, arguments)])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return int(stopped.value.code or 0), printed.out, " ".join(printed.err.split())

    return run


@pytest.fixture
def refused(ended, tmp_path):
    """Run the gate, expect it to be refused and to leave nothing, and give its message."""

    def run(*arguments: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        code, printed, told = ended(*arguments)
        assert (code, printed) == (2, "")
        assert sorted(tmp_path.rglob("*")) == before
        return told

    return run


@pytest.fixture
def stored(tmp_path):
    """Two files of predictions made from counts by language."""

    def write(counts: dict[str, tuple[int, int, int, int]], **settings: object) -> tuple[Path, Path]:
        places = tmp_path / "base.parquet", tmp_path / "cand.parquet"
        for place, each in zip(places, pair(counts, **settings), strict=True):
            write_predictions(place, each)
        return places

    return write


@pytest.fixture(scope="module")
def finished(tiny_model: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with one candidate; copy it before changing it."""
    folder = tmp_path_factory.mktemp("gated")
    candidates = [{"name": "int8", "recipe": [{"technique": "int8"}]}]
    settings = {"model": str(tiny_model), "data": str(tiny_data), "output": "out", "threads": 1}
    (folder / "run.yaml").write_text(json.dumps(settings | {"candidates": candidates}))
    with pytest.raises(SystemExit) as stopped:
        main(["optimize", str(folder / "run.yaml"), "--quick"])
    assert stopped.value.code == 0
    return folder / "out"


@pytest.fixture(scope="module")
def broken(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a head of zeros, which gives one answer to everything."""
    folder = Path(shutil.copytree(tiny_model, tmp_path_factory.mktemp("broken") / "model"))
    weights = load_file(folder / "model.safetensors")
    zeros = {name: value * 0 if name.startswith("classifier") else value for name, value in weights.items()}
    save_file(zeros, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


# Exit codes


@pytest.mark.parametrize(
    ("counts", "options", "code"),
    [
        ({"de": SAFE}, [], 0),
        ({"de": SAFE}, ["--strict"], 0),
        ({"de": SAFE, "sw": FEW}, [], 0),
        ({"de": SAFE, "sw": FEW}, ["--strict"], 3),
        ({"de": SAFE, "th": HARMED}, [], 1),
        ({"de": SAFE, "th": HARMED}, ["--strict"], 1),
        ({"de": SAFE, "th": HARMED}, ["--margin-for", "th=0.2"], 0),
        ({"de": SAFE, "th": HARMED}, ["--margin", 0.2], 0),
        ({"de": (300, 0, 0, 100)}, ["--min-accuracy", "de=0.8"], 1),
        ({"de": (300, 0, 0, 100)}, ["--min-accuracy", "0.8"], 1),
        ({"de": (300, 0, 0, 100)}, ["--min-accuracy", "0.8", "--min-accuracy", "DE=0.6"], 0),
        ({"de": (376, 0, 0, 24)}, ["--min-accuracy", "0.93"], 0),
        ({"de": (376, 0, 0, 24)}, ["--min-accuracy", "0.93", "--strict"], 3),
    ],
    ids=str,
)
def test_exit_codes(ended, stored, counts, options, code):
    assert ended(*stored(counts), *options)[0] == code


def test_the_answer_is_printed_last(ended, stored):
    code, printed, _ = ended(*stored({"de": SAFE, "th": HARMED}))
    assert code == 1
    assert " ".join(printed.split()).endswith("✗ Gate failed. 1 of 2 languages is harmed: th.")


# What it writes


def test_the_files_and_the_record_say_the_same(ended, stored, tmp_path):
    xml, text = tmp_path / "out" / "gate.xml", tmp_path / "gate.md"
    sides = stored({"de": SAFE, "th": HARMED, "sw": FEW})
    code, printed, _ = ended(*sides, "--junit", xml, "--summary", text, "--json", "--min-accuracy", "th=0.5")
    report = GateReport.model_validate_json(printed)
    assert (code, report.exit_code, report.outcome) == (1, 1, "failed")
    assert [suite.attrib["name"] for suite in parsed(xml.read_text(encoding="utf-8"))] == ["languages", "floors"]
    assert text.read_text(encoding="utf-8").startswith("### ✗ Gate failed. 1 of 3 languages is harmed: th.")


def test_the_files_are_written_also_when_nothing_is_wrong(ended, stored, tmp_path):
    assert ended(*stored({"de": SAFE}), "--junit", tmp_path / "gate.xml")[0] == 0
    assert parsed((tmp_path / "gate.xml").read_text(encoding="utf-8")).find("testsuite").attrib["failures"] == "0"


def test_files_without_a_place_are_refused(refused, stored, tmp_path):
    sides = stored({"de": SAFE})
    (tmp_path / "file").touch()
    assert "Choose another place with --junit" in refused(*sides, "--junit", tmp_path / "file" / "gate.xml")
    assert "is a folder" in refused(*sides, "--summary", tmp_path)
    assert "are both" in refused(*sides, "--junit", tmp_path / "a", "--summary", tmp_path / "a")


# Sides


def test_models_and_artifacts_are_answered(ended, tiny_model, onnx_artifact, tiny_data):
    code, printed, _ = ended(tiny_model, onnx_artifact, "--data", tiny_data, "--threads", 1, "--json")
    report = GateReport.model_validate_json(printed)
    assert (code, report.outcome) == (0, "unproven")
    assert (report.baseline.kind, report.candidate.kind, report.data) == ("model", "artifact", "tiny.jsonl")
    assert report.flips.agreement == 1
    assert report.languages["de"].verdict.groups == 30
    assert report.baseline.size_bytes > 10_000


def test_a_broken_model_is_stopped(ended, tiny_model, broken, tiny_data):
    code, printed, _ = ended(tiny_model, broken, "--data", tiny_data, "--threads", 1)
    assert code == 1
    assert "harmed" in printed


def test_candidates_of_runs_need_no_data(ended, finished):
    by_name = ended(f"{finished}:pytorch-fp32", f"{finished}:int8", "--json")
    by_folder = ended(finished / "candidates/pytorch-fp32", finished / "candidates/int8/predictions.parquet", "--json")
    assert by_name[0] == by_folder[0] == 0
    first, second = (GateReport.model_validate_json(each[1]) for each in (by_name, by_folder))
    assert first.languages == second.languages
    assert (first.notes, first.data) == ((), "tiny.jsonl")
    assert first.candidate.size_bytes > 10_000


def test_given_data_must_be_those_that_were_answered(ended, refused, finished, tiny_data, tmp_path, tiny_rows):
    sides = f"{finished}:pytorch-fp32", f"{finished}:int8"
    assert ended(*sides, "--data", tiny_data)[0] == 0
    other = tmp_path / "other.jsonl"
    rows = [{**row, "text": "other"} if number == 3 else row for number, row in enumerate(tiny_rows)]
    other.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "did not answer the same examples: the texts: the data have SHA-256" in refused(*sides, "--data", other)
    other.write_text("".join(json.dumps(row) + "\n" for row in tiny_rows[1:]))
    assert "numbers of examples: de 89 and 90" in refused(*sides, "--data", other)


def test_data_with_numbers_for_labels_are_told_by_the_run_s_names(ended, finished, tiny_rows, tmp_path, capsys):
    names = ["lights", "music", "weather"]
    by_number = tmp_path / "numbers.jsonl"
    by_number.write_text("".join(json.dumps({**row, "label": names.index(row["label"])}) + "\n" for row in tiny_rows))
    with pytest.raises(SystemExit):
        main(["gate", f"{finished}:pytorch-fp32", f"{finished}:int8", "--data", str(by_number)])
    assert "the texts: the data have SHA-256" in " ".join(capsys.readouterr().err.split())  # the labels agree


def test_stored_answers_stand_for_the_baseline(ended, refused, finished, tiny_model, tiny_data, tmp_path, tiny_rows):
    code, printed, _ = ended(f"{finished}:pytorch-fp32", tiny_model, "--data", tiny_data, "--threads", 1, "--json")
    report = GateReport.model_validate_json(printed)
    assert (code, report.baseline.kind, report.candidate.kind) == (0, "predictions", "model")
    assert report.flips.changed == 0
    assert not [note for note in report.notes if "was not checked" in note]
    other = tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps(row) + "\n" for row in reversed(tiny_rows)))
    message = refused(f"{finished}:pytorch-fp32", tiny_model, "--data", other, "--threads", 1)
    assert "did not answer the same examples" in message
    limited = refused(f"{finished}:pytorch-fp32", tiny_model, "--data", tiny_data, "--threads", 1, "--limit", 5)
    assert "numbers of examples: de 90 and 5" in limited


def test_a_copied_file_is_taken_and_what_was_not_checked_is_told(ended, finished, tiny_model, tiny_data, tmp_path):
    copied = shutil.copy(finished / "candidates/pytorch-fp32/predictions.parquet", tmp_path / "base.parquet")
    code, printed, _ = ended(copied, tiny_model, "--data", tiny_data, "--threads", 1)
    assert code == 0
    assert "was not checked, only labels, languages and groups" in " ".join(printed.split())


def test_a_side_beside_itself_compares_nothing_and_says_so(ended, stored):
    base, _ = stored({"de": SAFE})
    code, printed, _ = ended(base, base)
    assert code == 0
    assert "Both sides are the same, so that nothing was compared." in printed


def test_sizes(ended, refused, finished, stored):
    sides = f"{finished}:pytorch-fp32", f"{finished}:int8"
    assert ended(*sides, "--max-size-mb", 100, "--max-size-ratio", 5)[0] == 0
    assert ended(*sides, "--max-size-mb", 0.001)[0] == 1
    assert "A largest size is asked for" in refused(*stored({"de": SAFE}), "--max-size-mb", 1)


# Bad input


def test_models_without_data(refused, tiny_model, finished):
    assert "nothing says what. Add --data FILE." in refused(tiny_model, tiny_model)
    assert "nothing says what" in refused(f"{finished}:int8", tiny_model)


def test_options_without_an_effect(refused, stored):
    message = refused(*stored({"de": SAFE}), "--limit", 3, "--group-column", "g")
    assert "--group-column, --limit have no effect here" in message


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--min-accuracy", "th"], "--min-accuracy th is not of the form th=0.80 or 0.80"),
        (["--min-accuracy", "th=x"], "--min-accuracy th=x is not of the form"),
        (["--min-accuracy", "th=80"], "The lowest accuracy of th is 80"),
        (["--min-accuracy", "nan"], "The lowest accuracy of all languages is nan"),
        (["--min-accuracy", "0.5", "--min-accuracy", "0.6"], "given for all languages more than once: 0.5, 0.6"),
        (["--min-accuracy", "th=0.5", "--min-accuracy", "TH=0.6"], "--min-accuracy is given twice for th"),
        (["--min-accuracy", "sw=0.5"], "given for sw, of which the data have no example. Their languages are de, th."),
        (["--min-accuracy", "thai=0.5"], '"thai"'),
        (["--margin-for", "sw=0.5"], "A margin is given for sw"),
        (["--margin-for", "0.5"], "--margin-for 0.5 is not of the form th=0.03"),
        (["--margin-for", "sw"], "--margin-for sw is not of the form th=0.03"),
        (["--margin-for", "th=0"], "The margin of th is 0.0"),
        (["--margin-for", "th=nan"], "The margin of th is nan"),
        (["--max-size-mb", "0"], "The largest size is 0"),
        (["--max-size-ratio", "nan"], "The largest size ratio is nan"),
        (["--margin", "2"], "less than or equal to 1"),
    ],
    ids=str,
)
def test_limits_that_cannot_be_held(refused, stored, options, told):
    assert told in refused(*stored({"de": SAFE, "th": SAFE}), *options)


def test_sides_that_are_not_there(refused, finished, tiny_data, tmp_path):
    base = f"{finished}:pytorch-fp32"
    assert "There are no predictions at" in refused(base, tmp_path / "nowhere.parquet")
    assert "has no predictions of a candidate 'x'" in refused(base, f"{finished}:x")
    assert "is a whole run" in refused(base, finished)
    assert "is no run folder" in refused(base, f"{tmp_path}:int8")
    assert "does not exist" in refused(base, tmp_path / "model", "--data", tiny_data)


def test_damaged_and_empty_predictions(refused, stored, tmp_path):
    base, candidate = stored({"de": SAFE})
    candidate.write_bytes(candidate.read_bytes()[:100])
    assert "are damaged" in refused(base, candidate)
    write_predictions(candidate, answers([], []))
    assert "are empty" in refused(base, candidate)


def test_answers_to_other_examples(refused, tmp_path):
    base, candidate = tmp_path / "base.parquet", tmp_path / "cand.parquet"
    write_predictions(base, answers(["de", "th"], [1, 1]))
    write_predictions(candidate, answers(["th", "de"], [1, 1]))
    message = refused(base, candidate)
    assert f"{base} and {candidate} did not answer the same examples:" in message
    assert "the language of 2 of 2 examples, first in row 1: 'de' and 'th'" in message
    write_predictions(candidate, answers(["de", "th"], [1, 1], group=["a", "b"]))
    assert "the first has no groups, the second 2 groups" in refused(base, candidate)


def test_a_damaged_report_beside_the_answers_is_told_not_fatal(ended, finished, tmp_path):
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    (run / "report.json").write_text("{")
    code, printed, _ = ended(f"{run}:pytorch-fp32", f"{run}:int8")
    assert code == 0
    assert "was not checked" in printed
