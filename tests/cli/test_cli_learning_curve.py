"""The learning curve from the command line: real trainings on more and more examples, kept, and judged on others."""

import json
from pathlib import Path

import pytest

from commands import run
from leanglot.cli import main
from leanglot.results.learning_curve import LearningCurve
from tiny_rows import rows

QUICK = ("--batch-size", 16, "--learning-rate", 0.003, "--threads", 1)


def written(path: Path, examples: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in examples), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def lessons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled sentences of a training split."""
    return written(tmp_path_factory.mktemp("lessons") / "train.jsonl", rows({"de": 60, "en": 60, "th": 30}, seed=11))


@pytest.mark.slow
@pytest.mark.parametrize("any_family", ["xlm-roberta"], indirect=True)
def test_a_curve_is_trained_judged_drawn_and_kept(any_family, lessons, tiny_data, tiny_rows, tmp_path, capsys):
    out = tmp_path / "curve"
    call = ("learning-curve", any_family, "--training", lessons, "--data", tiny_data, "--out", out, *QUICK)
    call = (*call, "--learning-rate", 0.01)
    printed = run(capsys, *call, "--examples", "15,150,60", "--steps", 80)
    record = LearningCurve.model_validate_json((out / "learning_curve.json").read_text(encoding="utf-8"))
    assert [point.total for point in record.points] == [15, 60, 150]
    assert record.points[0].examples == {"de": 5, "en": 5, "th": 5}
    assert {point.steps for point in record.points} == {80}
    assert record.fixed_steps
    assert record.training == "train.jsonl"
    assert sum(record.data.examples.values()) == len(tiny_rows)
    assert record.points[-1].quality.languages["de"].accuracy > record.before.languages["de"].accuracy
    assert "Judged languages without an example to train on: sw." in printed
    for said in ("Accuracy by the number of training examples", "By language", "150", "learning_curve.png"):
        assert said in printed
    assert (out / "charts" / "learning_curve.svg").exists()
    assert not (out / "training").exists()

    kept = {path: path.stat().st_mtime_ns for path in (out / "points").iterdir()}
    told = json.loads(_json(capsys, *call, "--examples", "15,30,60,150", "--steps", 80, "--json"))
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert [point for point in told["points"] if sum(point["examples"].values()) != 30] == (
        record.model_dump(mode="json")["points"]
    )


def _json(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert stopped.value.code == 0
    return capsys.readouterr().out


def test_a_student_and_more_of_the_default(tiny_model, lessons, tiny_data, tmp_path, capsys):
    out = tmp_path / "curve"
    options = ("--layers", 1, "--alpha", 0.5, "--epochs", 0.5)
    printed = run(
        capsys, "learning-curve", tiny_model, "--training", lessons, "--data", tiny_data, "--out", out, *options, *QUICK
    )
    record = LearningCurve.model_validate_json((out / "learning_curve.json").read_text(encoding="utf-8"))
    assert [point.total for point in record.points] == [150]
    assert record.step.student.layers == 1
    assert "whole model" in printed


def test_judged_texts_are_never_trained_on(tiny_model, lessons, tiny_data, tiny_rows, tmp_path, capsys):
    more = [json.loads(line) for line in lessons.read_text(encoding="utf-8").splitlines()] + tiny_rows
    mixed = written(tmp_path / "mixed.jsonl", more)
    out = tmp_path / "curve"
    run(
        capsys,
        *("learning-curve", tiny_model, "--training", mixed, "--data", tiny_data, "--out", out, *QUICK),
        *("--epochs", 0.2),
    )
    record = LearningCurve.model_validate_json((out / "learning_curve.json").read_text(encoding="utf-8"))
    judged = {row["text"] for row in tiny_rows}
    assert record.points[-1].total == len([row for row in more if row["text"] not in judged])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--examples", "many"), "names no numbers of examples"),
        (("--examples", "10,10"), "names no numbers of examples"),
        (("--examples", "0"), "names no numbers of examples"),
        (("--examples", "10,9000"), "9,000 examples is asked for, and there are 150"),
        (("--steps", 5, "--epochs", 2), "--epochs has no effect"),
        (("--layers", 7), "which has 2"),
        (("--alpha", 2), "alpha"),
        (("--learning-rate", 0), "learning_rate"),
    ],
)
def test_what_cannot_be_done_is_refused(options, said, tiny_model, lessons, tiny_data, tmp_path, capsys):
    call = ("learning-curve", tiny_model, "--training", lessons, "--data", tiny_data, "--out", tmp_path / "curve")
    assert said in run(capsys, *call, *options, code=2)
    assert not (tmp_path / "curve" / "learning_curve.json").exists()


def test_texts_without_labels_make_no_curve(tiny_model, lessons, tiny_data, tmp_path, capsys):
    examples = [json.loads(line) for line in lessons.read_text(encoding="utf-8").splitlines()]
    bare = written(tmp_path / "log.jsonl", [{"text": row["text"], "language": row["language"]} for row in examples])
    call = ("learning-curve", tiny_model, "--training", bare, "--data", tiny_data, "--out", tmp_path / "curve")
    assert "has a label" in run(capsys, *call, code=2)
    half = written(tmp_path / "half.jsonl", [*examples, {"text": "something", "language": "de", "group": "other"}])
    out = tmp_path / "half"
    printed = run(
        capsys,
        *("learning-curve", tiny_model, "--training", half, "--data", tiny_data, "--out", out, *QUICK),
        *("--epochs", 0.2),
    )
    assert "Texts without a label, which were left out: 1." in printed


def test_a_run_of_candidates_is_not_written_over(tiny_model, lessons, tiny_data, tmp_path, capsys):
    (tmp_path / "run" / "candidates").mkdir(parents=True)
    call = ("learning-curve", tiny_model, "--training", lessons, "--data", tiny_data, "--out", tmp_path / "run")
    assert "holds a run of candidates" in run(capsys, *call, code=2)
