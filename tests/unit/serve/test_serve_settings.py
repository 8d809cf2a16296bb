"""Settings of the server: every fault at once, and the token from where it may come from."""

import inspect
from dataclasses import asdict

import pytest

from leanglot.cli.serving import serve
from leanglot.errors import ConfigError
from leanglot.serve.settings import ServeSettings, is_loopback, read_token

TOKEN = "0123456789abcdef"  # noqa: S105 - made up


def test_only_this_machine_is_let_in_by_default():
    assert ServeSettings().host == "127.0.0.1"
    assert ServeSettings().token is None


def test_the_command_s_defaults_are_those_of_the_settings():
    told = {name: each.default for name, each in inspect.signature(serve).parameters.items()}
    settings = asdict(ServeSettings())
    same = {name: told.get(name, told.get(name.removesuffix("_s"))) for name in settings}
    only_here = {"token", "max_held_bytes"}
    assert {name: value for name, value in same.items() if name not in only_here} == {
        name: value for name, value in settings.items() if name not in only_here
    }


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.8.7.6", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - what must be warned of
        ("::", False),
        ("10.0.0.1", False),
        ("example.org", False),
    ],
)
def test_a_loopback_is_told_from_what_others_reach(host, alone):
    assert is_loopback(host) == alone


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", " "),
        ("port", 65_536),
        ("port", True),
        ("threads", 0),
        ("max_body_bytes", 10),
        ("max_texts", 0),
        ("max_text_chars", 0),
        ("max_connections", 0),
        ("queue_texts", 0),
        ("batch_tokens", 1),
        ("max_wait_ms", -1.0),
        ("timeout_s", 0.0),
        ("timeout_s", float("nan")),
        ("read_timeout_s", float("inf")),
        ("keep_alive_s", 0.0),
        ("grace_s", -1.0),
        ("token", "short"),
        ("token", "with a space in it"),
        ("token", "ümlaut-ümlaut-ümlaut"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name, value):
    with pytest.raises(ConfigError, match=rf"\n  {name} "):
        ServeSettings(**{name: value})


def test_all_faults_are_told_at_once():
    with pytest.raises(ConfigError) as error:
        ServeSettings(port=-1, max_texts=0, timeout_s=-1.0)
    assert error.value.message.count("\n") == 3


def test_limits_that_contradict_each_other_are_refused():
    with pytest.raises(ConfigError, match="queue_texts is 10; it must hold one request of max_texts, 20"):
        ServeSettings(queue_texts=10, max_texts=20)
    with pytest.raises(ConfigError, match="max_held_bytes is 100"):
        ServeSettings(max_held_bytes=100, max_body_bytes=200)


def test_a_token_is_shown_nowhere():
    assert TOKEN not in repr(ServeSettings(token=TOKEN))
    with pytest.raises(ConfigError) as error:
        ServeSettings(token="a secret!")  # noqa: S106 - made up
    assert "secret" not in str(error.value)


def test_the_token_comes_from_a_file_before_the_environment(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    environment = {"LEANGLOT_TOKEN": "another-token-of-the-environment"}
    assert read_token(file, environment) == TOKEN
    assert read_token(None, environment) == "another-token-of-the-environment"
    assert read_token(None, {}) is None


def test_an_empty_token_does_not_let_everybody_in(tmp_path):
    (tmp_path / "empty").write_text(" \n")
    with pytest.raises(ConfigError, match="is empty"):
        read_token(tmp_path / "empty", {})
    with pytest.raises(ConfigError, match="set but empty"):
        read_token(None, {"LEANGLOT_TOKEN": " "})
    with pytest.raises(ConfigError, match="cannot be read"):
        read_token(tmp_path / "missing", {})
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_token(tmp_path / "binary", {})
