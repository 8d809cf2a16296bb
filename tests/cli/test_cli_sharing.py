"""What a run hands on: a model card, spreadsheets, and a log in MLflow."""

import csv
import json
import shutil
import sys
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from commands import run

GOLDEN = Path(__file__).parents[1] / "golden" / "report-v1.json"


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "stored"
    folder.mkdir()
    shutil.copyfile(GOLDEN, folder / "report.json")
    return folder


def test_a_card_of_the_recommended_candidate(run_folder, capsys):
    printed = run(capsys, "card", run_folder)
    card = ModelCard((run_folder / "card.md").read_text(encoding="utf-8"))
    assert printed == f"Wrote {run_folder / 'card.md'}: the model card of {card.data.model_name}"
    assert card.data.eval_results


def test_a_card_of_a_named_candidate_with_what_is_known_of_its_origin(run_folder, tmp_path, capsys):
    model = tmp_path / "model"
    model.mkdir()
    (model / "README.md").write_text("---\nlicense: mit\n---\n", encoding="utf-8")
    run(capsys, "card", run_folder, "--candidate", "int8")
    assert (run_folder / "card-int8.md").is_file()
    out = tmp_path / "hub" / "README.md"
    run(capsys, "card", run_folder / "report.json", "--candidate", "int8", "--out", out, "--model", model)
    assert ModelCard(out.read_text(encoding="utf-8")).data.license == "mit"
    run(capsys, "card", run_folder, "-o", out, "--base-model", "intfloat/multilingual-e5-small", "--license", "other")
    data = ModelCard(out.read_text(encoding="utf-8")).data
    assert (data.base_model, data.license) == ("intfloat/multilingual-e5-small", "other")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--candidate", "int9"], "'int9' is no candidate of this run. Candidates: "),
        (["--candidate", "magnitude-50-int8"], "failed, so there is nothing to tell"),
        (["--license", "MIT License"], "is no abbreviation"),
        (["--base-model", "../model"], "is no name on the hub"),
        (["--model", "gone"], "There is no model folder gone"),
    ],
)
def test_a_card_that_cannot_be_made_is_told_and_none_is_written(run_folder, capsys, options, said):
    assert said in run(capsys, "card", run_folder, *options, code=2)
    assert [path.name for path in run_folder.iterdir()] == ["report.json"]


def test_the_report_writes_spreadsheets_and_the_card(run_folder, capsys):
    run(capsys, "report", run_folder)
    for name in ("report.csv", "languages.csv"):
        with (run_folder / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
        assert {row["candidate"] for row in rows} >= {"int8"}
    assert (run_folder / "card.md").is_file()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--log-with", "wandb"], "--log-with wandb is not known for runs. Allowed is mlflow."),
        (["--log-folder", "logs"], "--log-folder has no effect here: --log-with says what to log for."),
    ],
)
def test_a_log_that_is_none_is_refused_before_anything_is_written(
    run_folder, tiny_model, tmp_path, capsys, options, said
):
    assert said in run(capsys, "report", run_folder, *options, code=2)
    assert [path.name for path in run_folder.iterdir()] == ["report.json"]
    given = ["--data", tmp_path / "no.jsonl", "--out", tmp_path / "new"]
    assert said in run(capsys, "optimize", tiny_model, *given, *options, code=2)


def test_without_mlflow_no_work_begins(run_folder, tiny_model, tiny_data, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    told = 'The package mlflow is not installed. Install it with: pip install "leanglot[mlflow]"'
    assert told in run(capsys, "report", run_folder, "--log-with", "mlflow", code=2)
    assert [path.name for path in run_folder.iterdir()] == ["report.json"]
    given = ["--data", tiny_data, "--out", tmp_path / "new", "--log-with", "mlflow", "--log-folder", tmp_path / "logs"]
    assert told in run(capsys, "optimize", tiny_model, *given, code=2)
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "logs").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # by libraries beneath MLflow, in the test's own reading
def test_a_run_is_logged_when_it_ends_and_again_from_its_folder(tiny_model, tiny_data, tmp_path, capsys):
    mlflow = pytest.importorskip("mlflow")
    settings = {
        "model": str(tiny_model),
        "data": str(tiny_data),
        "output": "small",
        "threads": 1,
        "candidates": [{"name": "int8", "recipe": [{"technique": "int8"}]}],
        "log": {"tracker": "mlflow", "folder": "logs"},
    }
    (tmp_path / "run.yaml").write_text(json.dumps(settings), encoding="utf-8")
    run(capsys, "optimize", tmp_path / "run.yaml", "--quick")
    again = run(capsys, "report", tmp_path / "small", "--log-with", "mlflow", "--log-folder", tmp_path / "logs")
    assert again.endswith("of 'small'")
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'logs' / 'mlflow.db'}")
    found = client.search_runs([client.get_experiment_by_name("small").experiment_id])
    assert sorted(each.info.run_name for each in found) == [
        "int8",
        "int8",
        "pytorch-fp32",
        "pytorch-fp32",
        "small",
        "small",
    ]
    assert all(each.info.status == "FINISHED" for each in found)
    (first, _) = (each for each in found if each.info.run_name == "int8")
    assert "accuracy/th" in first.data.metrics
    assert first.data.params["step_1"].startswith('{"technique":"int8"')
