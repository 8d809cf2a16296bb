from pathlib import Path

from leanglot.config.places import expanded
from leanglot.results.stored_answers import find_stored


def test_a_home_directory_is_found_and_one_of_nobody_stays_a_name(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded("~/model") == tmp_path / "model"
    assert expanded(Path("model")) == Path("model")
    assert expanded("~no-such-user/model") == Path("~no-such-user/model")
    assert find_stored("~no-such-user") is None
