"""The cache folder follows the user's settings."""

from pathlib import Path

import pytest

from leanglot.cache import cache_folder


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.delenv("LEANGLOT_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return monkeypatch


def test_the_own_setting_wins(environment):
    environment.setenv("LEANGLOT_CACHE", "/somewhere/else")
    environment.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder() == Path("/somewhere/else")


def test_the_systems_setting_comes_next(environment):
    environment.setenv("LEANGLOT_CACHE", "")
    environment.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder() == Path("/caches/leanglot")


def test_the_home_folder_is_the_last_resort(environment):
    environment.setenv("HOME", "/home/someone")
    environment.setenv("XDG_CACHE_HOME", "")
    assert cache_folder() == Path("/home/someone/.cache/leanglot")


def test_asking_makes_no_folder(environment, tmp_path):
    environment.setenv("LEANGLOT_CACHE", str(tmp_path / "cache"))
    assert not cache_folder().exists()
