"""What is logged besides the record, and what is said where the program for it is not installed."""

import importlib.util
import math
import os
import sys

import pytest

from leanglot.errors import MissingExtraError
from leanglot.results.training import Epoch, LanguageCheck
from leanglot.techniques.training import Training
from leanglot.train.tracking import Tracking, logged, require_mlflow
from tiny_training import make_rows, train, without_teacher

EPOCH = Epoch(
    step=7,
    epoch=1.5,
    learning_rate=0.25,
    seen={"de": 3, "th": 2},
    loss={"de": 1.5, "th": 2.5},
    accuracy={"de": 0.75},
    parts={"loss": 1.9, "teacher": 0.5},
    held_out={"de": LanguageCheck(n=4, right=3, loss=0.5), "th": LanguageCheck(n=2, right=1, loss=0.75)},
    seconds=1.0,
    peak_memory_bytes=1000,
)


def test_every_number_of_a_validation_has_a_name():
    assert logged(EPOCH) == {
        "train/loss": 1.9,
        "train/teacher": 0.5,
        "train/loss/de": 1.5,
        "train/loss/th": 2.5,
        "train/accuracy/de": 0.75,
        "learning_rate": 0.25,
        "memory_bytes": 1000.0,
        "validation/accuracy/de": 0.75,
        "validation/loss/de": 0.5,
        "validation/accuracy/th": 0.5,
        "validation/loss/th": 0.75,
        "validation/worst": 0.5,
        "validation/mean": 0.625,
    }


def test_without_held_out_examples_no_accuracy_is_logged():
    names = logged(EPOCH.model_copy(update={"held_out": {}}))
    assert not any(name.startswith("validation") for name in names)
    assert names["train/loss"] == 1.9


def test_settings_are_plain_texts(tmp_path):
    flat = Tracking("tensorboard", tmp_path, "small").flat(Training(freeze=("embeddings",), patience=None))
    assert set(flat) == set(Training.model_fields)
    assert all(isinstance(value, str) for value in flat.values())
    assert flat["freeze"] == "['embeddings']"


@pytest.mark.parametrize("tracker", ["tensorboard", "mlflow"])
def test_a_tracker_that_is_not_installed_is_named_with_its_extra(tmp_path, monkeypatch, tracker):
    monkeypatch.setitem(sys.modules, tracker, None)
    with pytest.raises(MissingExtraError) as caught:
        train(tmp_path / "work", tracking=Tracking(tracker, tmp_path / "logs", "small"))
    assert caught.value.message == f"The package {tracker} is not installed."
    assert caught.value.hint == f'Install it with: pip install "leanglot[{tracker}]"'
    assert not (tmp_path / "logs").exists()
    assert not (tmp_path / "work").exists()


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="TensorBoard is not installed")
@pytest.mark.filterwarnings("default")
def test_losses_and_accuracies_go_to_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    held = without_teacher(make_rows({"de": 4, "th": 4}, seed=5))
    _, trained = train(tmp_path / "work", held_out=held, tracking=Tracking("tensorboard", tmp_path / "logs", "small"))
    (folder,) = {path.parent for path in (tmp_path / "logs" / "small").glob("events.*")}
    events = EventAccumulator(str(folder))
    events.Reload()
    assert set(events.Tags()["scalars"]) == set(logged(trained.epochs[0]))
    for name in events.Tags()["scalars"]:
        found = {event.step: event.value for event in events.Scalars(name)}
        expected = {epoch.step: logged(epoch)[name] for epoch in trained.epochs}
        assert found.keys() == expected.keys()
        assert all(math.isclose(found[step], expected[step], rel_tol=1e-6) for step in expected)


@pytest.mark.parametrize(("chosen", "then"), [(None, "true"), ("false", "false")])
@pytest.mark.filterwarnings("default")
def test_mlflow_reports_to_its_makers_only_where_the_user_says_so(monkeypatch, chosen, then):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "")  # put back whatever happens below
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY")
    if chosen is not None:
        monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", chosen)
    require_mlflow()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == then


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="MLflow is not installed")
@pytest.mark.filterwarnings("default")
def test_losses_and_accuracies_go_to_mlflow(tmp_path, monkeypatch):
    import mlflow

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    held = without_teacher(make_rows({"de": 4, "th": 4}, seed=5))
    before = mlflow.get_tracking_uri()
    try:
        _, trained = train(tmp_path / "work", held_out=held, tracking=Tracking("mlflow", tmp_path / "logs", "small"))
        client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'logs' / 'mlflow.db'}")
        (found,) = client.search_runs([client.get_experiment_by_name("small").experiment_id])
    finally:
        mlflow.set_tracking_uri(before)
    last = logged(trained.epochs[-1])
    assert set(found.data.metrics) == set(last)
    assert all(math.isclose(found.data.metrics[name], last[name], rel_tol=1e-6) for name in last)
    assert found.info.status == "FINISHED"
