"""A run logged to a real MLflow database: one run, its candidates inside it, or nothing half."""

import sys
from pathlib import Path

import pytest

from leanglot.config import LogConfig
from leanglot.errors import MissingExtraError, StorageError
from leanglot.report.files import write_report
from leanglot.report.tracking import RunLog, log_run, metrics_of, run_log

mlflow = pytest.importorskip("mlflow")


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No server of whoever runs the tests, and nothing told to MLflow's makers."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


def client_of(folder):
    return mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")


def runs_of(client, experiment):
    found = client.get_experiment_by_name(experiment)
    return client.search_runs([found.experiment_id])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the test's own reading, by libraries beneath MLflow
def test_a_run_and_its_candidates_arrive_whole(golden, tmp_path, capfd):
    run = tmp_path / "mine"
    run.mkdir()
    (run / "report.json").write_text(golden.model_dump_json(), encoding="utf-8")
    write_report(golden, run)
    log = run_log(LogConfig(tracker="mlflow", folder=tmp_path / "logs"), run)
    capfd.readouterr()
    parent = log_run(golden, run, log)
    assert capfd.readouterr() == ("", "")

    client = client_of(tmp_path / "logs")
    shared = client.get_run(parent)
    assert shared.info.status == "FINISHED"
    assert shared.info.run_name == "mine"
    assert shared.data.params["model"] == golden.model
    assert shared.data.params["recommended_size"] == (golden.recommendations["size"].candidate or "none")
    assert shared.data.tags["recommended_size"] == golden.recommendations["size"].reason
    kept = {artifact.path for artifact in client.list_artifacts(parent)}
    assert {"report.json", "report.html", "report.csv", "languages.csv"} <= kept
    local = client.download_artifacts(parent, "report.json", str(tmp_path))
    assert Path(local).read_text(encoding="utf-8") == golden.model_dump_json()

    inside = [each for each in runs_of(client, "mine") if each.data.tags.get("mlflow.parentRunId") == parent]
    assert {each.info.run_name for each in inside} == {each.name for each in golden.candidates}
    for each in inside:
        candidate = golden.candidate(each.info.run_name)
        assert each.info.status == "FINISHED"
        assert each.data.metrics == pytest.approx(metrics_of(candidate))
        assert each.data.params["status"] == candidate.status
        for tag, own in candidate.languages.items():
            assert each.data.tags.get(f"verdict/{tag}") == own.verdict

    log_run(golden, run, log)
    assert len(runs_of(client, "mine")) == 2 * (len(golden.candidates) + 1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_log_that_breaks_off_is_marked_as_failed_and_told(golden, tmp_path):
    wrong = golden.candidates[1].model_copy(update={"name": ""})
    log = RunLog(tmp_path / "logs", "broken")
    unloggable = wrong.model_copy(update={"languages": {"bad\x00tag": next(iter(wrong.languages.values()))}})
    report = golden.model_copy(update={"candidates": (golden.candidates[0], unloggable)})
    with pytest.raises(StorageError, match="MLflow did not take the run") as caught:
        log_run(report, tmp_path, log)
    assert "--log-with mlflow" in caught.value.hint
    client = client_of(tmp_path / "logs")
    statuses = sorted(each.info.status for each in runs_of(client, "broken"))
    assert statuses == ["FAILED", "FAILED", "FINISHED"]


def test_numbers_that_are_not_known_are_no_metrics(golden, hollow):
    failed = next(each for each in golden.candidates if each.status == "failed")
    assert metrics_of(failed) == {}
    blank = metrics_of(hollow.candidates[1])
    assert "size_bytes" not in blank
    assert not any("/" in name for name in blank)
    whole = metrics_of(golden.candidates[1])
    assert whole["accuracy"] == golden.candidates[1].accuracy
    tag, own = next(iter(golden.candidates[1].languages.items()))
    assert whole[f"accuracy/{tag}"] == own.candidate


@pytest.mark.parametrize("package", ["mlflow", "sqlalchemy", "alembic"])
def test_what_is_not_installed_is_told_before_anything_is_written(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError) as caught:
        run_log(LogConfig(tracker="mlflow", folder=tmp_path / "logs"), tmp_path / "run")
    assert caught.value.message == f"The package {package} is not installed."
    assert caught.value.hint == 'Install it with: pip install "leanglot[mlflow]"'
    assert not (tmp_path / "logs").exists()


def test_a_server_needs_no_database_here(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    log = run_log(LogConfig(tracker="mlflow", folder=tmp_path / "logs", experiment="shared"), tmp_path / "run")
    assert log.experiment == "shared"


def test_a_server_that_does_not_answer_is_told(golden, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StorageError, match="MLflow did not take the run"):
        log_run(golden, tmp_path, RunLog(tmp_path / "logs", "none"))
    assert not (tmp_path / "logs").exists()
