"""Names of models: folders as they are, hub names through the hub's client. No test uses the network."""

from pathlib import Path

import pytest

from leanglot.errors import ModelError
from leanglot.models import hub
from leanglot.models.hub import resolve_model


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What the hub was asked for; it answers with a folder."""
    calls = []

    def answer(name, allow_patterns):
        calls.append((name, allow_patterns))
        return str(tmp_path / "snapshot")

    monkeypatch.setattr(hub, "snapshot_download", answer)
    return calls


def test_a_folder_is_itself_and_the_hub_is_not_asked(tmp_path, asked):
    assert resolve_model(str(tmp_path)) == tmp_path
    assert asked == []


def test_a_folder_wins_over_a_hub_name(tmp_path, asked, monkeypatch):
    (tmp_path / "org" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert resolve_model("org/model") == Path("org/model")
    assert asked == []


def test_a_misspelled_folder_is_not_asked_of_the_hub(tmp_path, asked, monkeypatch):
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    assert resolve_model("models/typo") == Path("models/typo")
    assert asked == []


def test_the_home_folder_may_be_written_short(tmp_path, asked, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve_model("~/models/mine") == tmp_path / "models" / "mine"
    assert asked == []


@pytest.mark.parametrize("name", ["./models/mine", "/models/mine", "model", "a/b/c", "-x/model", "org/../model"])
def test_what_is_no_hub_name_is_a_path(name, asked):
    assert resolve_model(name) == Path(name)
    assert asked == []


def test_a_hub_name_is_fetched_without_pickles_or_code(tmp_path, asked):
    assert resolve_model("intfloat/multilingual-e5-small") == tmp_path / "snapshot"
    ((name, patterns),) = asked
    assert name == "intfloat/multilingual-e5-small"
    assert "*.safetensors" in patterns
    assert not [pattern for pattern in patterns if pattern.endswith(("bin", "py", "*", "pkl"))]


def test_a_hub_that_does_not_answer_is_told_with_what_helps(monkeypatch):
    def fail(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(hub, "snapshot_download", fail)
    with pytest.raises(ModelError) as caught:
        resolve_model("org/model")
    assert "org/model is no local folder" in caught.value.message
    assert "ConnectionError: no route to host" in caught.value.message
    assert "give its folder" in caught.value.hint
