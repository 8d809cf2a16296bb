"""Writes files and folders whole or not at all, also when the process is killed half-way."""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

import psutil

from leanglot.results.storage import full_disk_errors, storage_errors

# .NAME.lg-KIND-PID-START-RANDOM: "new" is being built, "old" was moved aside for the moment of the exchange.
_TEMPORARY: Final = re.compile(r"\.(?P<name>.+)\.lg-(?P<kind>new|old)-(?P<pid>\d+)-(?P<start>\d+)-[0-9a-f]+", re.DOTALL)


@contextmanager
def file_atomically(path: Path, size: int | None = None) -> Iterator[Path]:
    """Writes a file so that any reader finds the old content or the new, never a part.

    Args:
        path: The file; missing parent folders are made.
        size: Bytes that will be written, where that is known, for the error of a full disk.

    Yields:
        A path beside it to write to; when the inside ends well, that file takes the name of ``path``.

    Raises:
        StorageError: When the disk is full or the place not writable; an old file is left as it was.
    """
    temporary = _temporary(path, "new")
    try:
        with storage_errors(path, size):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _put(temporary, path)
    finally:
        # Not missing_ok: it does not cover a parent that is itself a file.
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def foreign_file_atomically(path: Path) -> Iterator[Path]:
    """Does as `file_atomically` does for libraries that put temporary files of their own beside what they write.

    Args:
        path: The file; missing parent folders are made.

    Yields:
        A path to write to, in a folder of its own.

    Raises:
        StorageError: When the disk is full or the place not writable; an old file is left as it was.
    """
    with scratch_folder(path) as folder, storage_errors(path):
        temporary = folder / path.name
        yield temporary
        _put(temporary, path)


def write_bytes_atomically(path: Path, data: bytes) -> None:
    """Writes bytes as `file_atomically` does.

    Args:
        path: The file; missing parent folders are made.
        data: Its content.

    Raises:
        StorageError: When the disk is full or the place not writable; an old file is left as it was.
    """
    with file_atomically(path, len(data)) as temporary:
        temporary.write_bytes(data)


def write_text_atomically(path: Path, text: str) -> None:
    """Writes text as UTF-8 as `file_atomically` does, line ends unchanged.

    Args:
        path: The file; missing parent folders are made.
        text: Its content.

    Raises:
        StorageError: When the disk is full or the place not writable; an old file is left as it was.
    """
    write_bytes_atomically(path, text.encode("utf-8"))


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Builds a folder beside its place and moves it there once it is complete.

    A folder or file already there is replaced, and only then. When the inside raises, nothing changes.

    Args:
        path: The folder's place; missing parent folders are made.

    Yields:
        An empty folder to build in, on the same file system.

    Raises:
        StorageError: When the disk is full or the place not writable.
    """
    with scratch_folder(path) as building:
        yield building
        with storage_errors(path):
            _sync_tree(building)
            _exchange(building, path)


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """A folder beside a place, gone at the end; where the process is killed, `remove_leftovers` clears it away.

    Args:
        path: The place; missing parent folders are made.

    Raises:
        StorageError: When the disk is full or the place not writable.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = _temporary(path, "new")
        folder.mkdir()
    try:
        with full_disk_errors(path):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(folder: Path) -> tuple[str, ...]:
    """Clears away what writers left behind that were killed; those of living processes are left alone.

    Where a process died in the moment between moving the old away and the new in, the old is put back.

    Args:
        folder: The folder in which `atomic_folder` and the writers were used.

    Returns:
        Names of the files and folders that were removed or put back.

    Raises:
        StorageError: When they cannot be removed.
    """
    done = []
    with storage_errors(folder):
        for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
            found = _TEMPORARY.fullmatch(entry.name)
            if found is None or _is_alive(int(found["pid"]), int(found["start"])):
                continue
            place = folder / found["name"]
            if found["kind"] == "old" and not _exists(place):
                entry.rename(place)
            else:
                _remove(entry)
            done.append(entry.name)
    return tuple(done)


def _put(file: Path, path: Path) -> None:
    """Give a written file its name."""
    _sync(file)
    file.replace(path)
    _sync_folder(path.parent)


def _exchange(new: Path, path: Path) -> None:
    """Puts ``new`` in the place of ``path``; a folder that is not empty cannot be replaced in one step."""
    if not _exists(path):
        new.replace(path)
    else:
        old = _temporary(path, "old")
        path.rename(old)
        try:
            new.replace(path)
        except OSError:
            old.rename(path)
            raise
        _remove(old)
    _sync_folder(path.parent)


def _temporary(path: Path, kind: Literal["new", "old"]) -> Path:
    process = psutil.Process()
    return path.with_name(f".{path.name}.lg-{kind}-{process.pid}-{int(process.create_time())}-{secrets.token_hex(4)}")


def _is_alive(pid: int, start: int) -> bool:
    """Whether the process that began at ``start`` still runs; numbers of processes are used again."""
    try:
        return abs(psutil.Process(pid).create_time() - start) < 3
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _sync_tree(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            if not (Path(parent) / name).is_symlink():
                _sync(Path(parent) / name)
        _sync_folder(Path(parent))


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # Windows cannot open a folder, and needs no sync of one.
        _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
