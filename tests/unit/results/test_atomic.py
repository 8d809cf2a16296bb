"""Files and folders appear whole or not at all."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from leanglot.errors import StorageError
from leanglot.results import atomic
from leanglot.results.atomic import (
    atomic_folder,
    file_atomically,
    remove_leftovers,
    write_bytes_atomically,
    write_text_atomically,
)


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def leftover(folder, name, kind, pid, start, is_folder=True):
    path = folder / f".{name}.lg-{kind}-{pid}-{start}-0a1b2c3d"
    path.mkdir() if is_folder else path.touch()
    return path


@pytest.fixture
def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_file_is_written_with_its_folders(tmp_path):
    path = tmp_path / "a" / "b" / "report.json"
    write_text_atomically(path, "ü\r\n")
    assert path.read_bytes() == b"\xc3\xbc\r\n"
    write_bytes_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["report.json"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_no_leftovers(tmp_path, monkeypatch, step):
    path = tmp_path / "report.json"
    path.write_text("old")

    def fail(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((atomic.os, step) if step == "fsync" else (Path, step)), fail)
    with pytest.raises(StorageError, match="no space left") as caught:
        write_bytes_atomically(path, b"x" * 1234)
    assert str(path) in caught.value.message
    assert "1,234 bytes are needed" in caught.value.message
    assert "bytes are free" in caught.value.hint
    assert path.read_text() == "old"
    assert names(tmp_path) == ["report.json"]


def test_an_error_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), file_atomically(path) as temporary:
        raise RuntimeError(temporary.write_text("half"))
    assert path.read_text() == "old"
    assert names(tmp_path) == ["report.json"]


def test_a_file_in_the_way_of_a_folder_is_told(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        write_bytes_atomically(tmp_path / "runs" / "report.json", b"")


def test_a_forbidden_write_names_the_path(tmp_path, monkeypatch):
    def forbid(*args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", forbid)
    with pytest.raises(StorageError, match="not permitted") as caught, atomic_folder(tmp_path / "artifact"):
        pass
    assert "permissions" in caught.value.hint


def test_a_folder_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "candidates" / "artifact"
    with atomic_folder(path) as building:
        (building / "sub").mkdir()
        (building / "sub" / "weights").write_bytes(b"1")
        assert building.parent == path.parent
        assert not path.exists()
    assert (path / "sub" / "weights").read_bytes() == b"1"
    assert names(path.parent) == ["artifact"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "artifact"
    path.mkdir()
    (path / "old").touch()
    with atomic_folder(path) as building:
        (building / "new").touch()
        assert names(path) == ["old"]
    assert names(path) == ["new"]
    assert names(tmp_path) == ["artifact"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_inside_changes_nothing(tmp_path, error):
    path = tmp_path / "artifact"
    path.mkdir()
    (path / "old").touch()
    with pytest.raises(error), atomic_folder(path):
        raise error
    assert names(path) == ["old"]
    assert names(tmp_path) == ["artifact"]


def test_a_full_disk_inside_is_a_storage_error_and_other_errors_pass(tmp_path):
    with pytest.raises(StorageError, match="artifact"), atomic_folder(tmp_path / "artifact"):
        raise OSError(errno.ENOSPC, "full")
    with pytest.raises(FileNotFoundError), atomic_folder(tmp_path / "artifact"):
        raise FileNotFoundError(errno.ENOENT, "another file")
    assert names(tmp_path) == []


def test_the_old_folder_comes_back_when_the_exchange_fails(tmp_path, monkeypatch):
    path = tmp_path / "artifact"
    path.mkdir()
    (path / "old").touch()

    def fail(*args):
        raise OSError(errno.EIO, "broken disk")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(StorageError, match="broken disk"), atomic_folder(path):
        pass
    assert names(path) == ["old"]
    assert names(tmp_path) == ["artifact"]


def test_leftovers_of_dead_processes_are_removed(tmp_path, dead_pid):
    leftover(tmp_path, "artifact", "new", dead_pid, int(time.time()))
    leftover(tmp_path, "report.json", "new", dead_pid, int(time.time()), is_folder=False)
    (tmp_path / "artifact").mkdir()
    leftover(tmp_path, "artifact", "old", dead_pid, int(time.time()))
    assert len(remove_leftovers(tmp_path)) == 3
    assert names(tmp_path) == ["artifact"]


def test_leftovers_of_living_processes_stay(tmp_path):
    own = psutil.Process()
    path = leftover(tmp_path, "artifact", "new", own.pid, int(own.create_time()))
    assert remove_leftovers(tmp_path) == ()
    assert path.exists()


def test_a_process_number_used_again_is_another_process(tmp_path):
    own = psutil.Process()
    leftover(tmp_path, "artifact", "new", own.pid, int(own.create_time()) - 1000)
    assert len(remove_leftovers(tmp_path)) == 1


def test_what_a_dead_process_moved_aside_is_put_back(tmp_path, dead_pid):
    (leftover(tmp_path, "artifact", "old", dead_pid, int(time.time())) / "weights").touch()
    remove_leftovers(tmp_path)
    assert names(tmp_path / "artifact") == ["weights"]


def test_other_hidden_files_stay(tmp_path):
    (tmp_path / ".keep").touch()
    (tmp_path / ".x.lg-new-abc").touch()
    assert remove_leftovers(tmp_path) == ()
    assert remove_leftovers(tmp_path / "gone") == ()
    assert names(tmp_path) == [".keep", ".x.lg-new-abc"]


def test_a_killed_process_leaves_the_old_folder_and_a_leftover_to_clear(tmp_path):
    (tmp_path / "artifact").mkdir()
    (tmp_path / "artifact" / "old").touch()
    program = (
        "import os, sys; from pathlib import Path; from leanglot.results.atomic import atomic_folder\n"
        "with atomic_folder(Path(sys.argv[1])) as building: (building / 'new').touch(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "artifact")], check=False)
    assert len(names(tmp_path)) == 2
    assert names(tmp_path / "artifact") == ["old"]
    assert len(remove_leftovers(tmp_path)) == 1
    assert names(tmp_path) == ["artifact"]
