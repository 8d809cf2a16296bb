"""A server's parts put together: what is kept, what goes on after a restart, and options that contradict each other."""

import json
import shutil
from pathlib import Path

import psutil
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from leanglot.errors import ConfigError, ModelError, RunError
from leanglot.runtimes.classifier import softmax
from leanglot.serve.assembly import WatchOptions, assembled

TEXT = "filler-1 de-lights-1 filler-2"


@pytest.fixture
def told():
    return []


def answer_by(parts, number=1, language="de"):
    """Has the engine answer, and tells everyone, as the server does."""
    texts = [TEXT] * number
    answers = parts.engine.answer(texts, [language] * number)
    parts.telemetry.answered(texts, answers, 0.004)
    return answers


def client(parts):
    app = FastAPI()
    for router in parts.routers:
        app.include_router(router)
    return TestClient(app)


def predictions(parts):
    return client(parts).get("/dashboard/data").json()["snapshot"]["predictions"]


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_without_a_log_the_monitor_counts_in_memory(onnx_artifact, told):
    with assembled(onnx_artifact, WatchOptions(), told.append, 1) as parts:
        answer_by(parts, 3)
    found = parts.telemetry.watching.snapshot()
    assert found.predictions == 3
    assert any("memory" in note for note in found.notes)


def test_a_log_is_written_and_read(onnx_artifact, tmp_path, told):
    log = tmp_path / "log.jsonl"
    with assembled(onnx_artifact, WatchOptions(log=log), told.append, 1) as parts:
        answers = answer_by(parts, 3)
        parts.telemetry.labelled(answers[0].id, answers[0].label)
    assert [line["id"] for line in lines(log)] == [*(one.id for one in answers), answers[0].id]
    found = parts.telemetry.watching.snapshot()
    assert found.predictions == 3
    assert found.languages["de"].accuracy.n == 1
    assert told == []


def test_a_restart_goes_on_where_the_state_ended(onnx_artifact, tmp_path, told):
    options = WatchOptions(log=tmp_path / "log.jsonl", state=tmp_path / "state")
    for expected in (2, 4):
        with assembled(onnx_artifact, options, told.append, 1) as parts:
            answer_by(parts, 2)
        assert parts.telemetry.watching.snapshot().predictions == expected
    again = WatchOptions(log=options.log, state=options.state, reset_state=True)
    with assembled(onnx_artifact, again, told.append, 1) as parts:
        pass
    assert parts.telemetry.watching.snapshot().predictions == 4, "a reset counts the whole log again"
    assert told == []


def test_two_servers_on_one_state_are_refused(onnx_artifact, tmp_path, told):
    options = WatchOptions(log=tmp_path / "log.jsonl", state=tmp_path / "state")
    with assembled(onnx_artifact, options, told.append, 1):
        with pytest.raises(RunError, match="state"), assembled(onnx_artifact, options, told.append, 1):
            pass
        open_logs = [file for file in psutil.Process().open_files() if file.path == str(options.log)]
        assert len(open_logs) == 1, "the refused server let go of the log"


def test_every_variant_has_answered_before_the_server_is_ready(onnx_artifact, told, monkeypatch):
    asked = []
    monkeypatch.setattr("leanglot.serve.engine.softmax", lambda logits: asked.append(len(logits)) or softmax(logits))
    with assembled(onnx_artifact, WatchOptions(), told.append, 1):
        assert asked == [1]


def test_a_shadow_answers_and_is_reported(onnx_artifact, torch_artifact, tmp_path, told):
    options = WatchOptions(log=tmp_path / "log.jsonl", shadow=torch_artifact, shadow_share=1.0)
    with assembled(onnx_artifact, options, told.append, 1) as parts:
        answer_by(parts, 4)
        assert parts.telemetry.shadow.flush()
    shadow = parts.telemetry.watching.snapshot().languages["de"].shadow
    assert (shadow.n, shadow.flips) == (4, 0)
    assert [line["kind"] for line in lines(options.log) if "kind" in line] == ["shadow"] * 4


def test_without_a_monitor_there_are_metrics_and_a_log_alone(onnx_artifact, tmp_path, told):
    options = WatchOptions(log=tmp_path / "log.jsonl", monitor=False)
    with assembled(onnx_artifact, options, told.append, 1) as parts:
        answer_by(parts)
        asked = client(parts)
        assert "leanglot_predictions_total" in asked.get("/metrics").text
        assert "leanglot_monitor_up" not in asked.get("/metrics").text
        assert asked.get("/dashboard").status_code == 404
    assert len(lines(options.log)) == 1


def test_neither_log_nor_monitor_keeps_nothing(onnx_artifact, told):
    with assembled(onnx_artifact, WatchOptions(monitor=False), told.append, 1) as parts:
        assert parts.telemetry.recorder is None
        answer_by(parts)


def test_page_and_metrics_are_served(onnx_artifact, told):
    with assembled(onnx_artifact, WatchOptions(), told.append, 1) as parts:
        asked = client(parts)
        assert asked.get("/dashboard").status_code == 200
        assert "leanglot_monitor_up 1.0" in asked.get("/metrics").text
        assert predictions(parts) == 0


def test_the_limit_of_languages_holds_for_metrics_and_monitor(onnx_artifact, told):
    with assembled(onnx_artifact, WatchOptions(languages_limit=2), told.append, 1) as parts:
        for language in ("de", "sw", "th"):
            answer_by(parts, language=language)
        metrics = client(parts).get("/metrics").text
    assert 'leanglot_tokens_total{language="other"}' in metrics
    found = parts.telemetry.watching.snapshot()
    assert "other" in found.languages
    assert found.predictions == 3


def test_a_changed_artifact_is_refused(onnx_artifact, tmp_path, told):
    copy = shutil.copytree(onnx_artifact, tmp_path / "copy")
    with (copy / "tokenizer.json").open("ab") as file:
        file.write(b" ")
    with pytest.raises(ModelError), assembled(copy, WatchOptions(), told.append, 1):
        pass
    with (
        pytest.raises(ModelError),
        assembled(onnx_artifact, WatchOptions(log=tmp_path / "log.jsonl", shadow=copy), told.append, 1),
    ):
        pass
    assert not (tmp_path / "log.jsonl").exists()


def test_a_shadow_of_other_labels_is_refused(onnx_artifact, tmp_path, told, monkeypatch):
    from leanglot.serve import assembly
    from leanglot.serve.opening import open_engine

    class Relabelled:
        labels = ("something", "else")

    def open_relabelled(artifact, threads=None):
        return Relabelled() if artifact == tmp_path else open_engine(artifact, threads)

    monkeypatch.setattr(assembly, "open_engine", open_relabelled)
    with (
        pytest.raises(ConfigError, match=r"labels differ in .*something"),
        assembled(onnx_artifact, WatchOptions(shadow=tmp_path), told.append, 1),
    ):
        pass


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"state": "state"}, "there is no log"),
        ({"log": "log", "reset_state": True}, "no state to reset"),
        ({"log": "log", "state": "state", "monitor": False}, "no state to keep"),
        ({"log": Path("log"), "state": Path("folder/../log")}, "are the same file"),
        ({"shadow_share": 0.0}, "share of shadowed traffic is 0"),
        ({"shadow_share": float("nan")}, "share of shadowed traffic is nan"),
    ],
    ids=["state", "reset", "monitor", "same", "zero", "nan"],
)
def test_options_that_contradict_each_other_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        WatchOptions(**options)
