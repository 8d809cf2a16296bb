"""Finds the files of a log and tells them apart: by where they lie on the disk and by what they begin with."""

import os
import re
import stat
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from leanglot.errors import DataError

_COMPRESSED: Final = frozenset({".gz", ".bz2", ".xz", ".zst", ".zip"})
_PROBE: Final = 1024
_LOG_NAME: Final = re.compile(r"[^.].*\.(jsonl|ndjson|parquet)|[^.].*\.(jsonl|ndjson)[.-]\d[\dT:_-]*", re.DOTALL)
_ROTATED: Final = re.compile(r"[.-]\d[\dT:_-]*")


class FileState(BaseModel):
    """How far one file was read, and how it is known again.

    Attributes:
        path: Where it lay last.
        kind: JSON Lines or Parquet.
        device: Number of its file system.
        inode: Its number there; a file that is renamed keeps it.
        offset: What was read: bytes of lines, rows of a table.
        head: Digest of its first bytes, of lines only.
        head_bytes: How many.
        tail: Digest of the last bytes that were read, of lines only.
        size: Bytes of a table, which is written once; 0 for lines.
        modified_ns: When it was written last, as of the last look.
        time: Time of the entry before, in seconds since 1970; of the first one before anything was read.
        skipping: Whether the offset lies within a line that is too long.
        finished: Whether a table was read to its end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    kind: Literal["lines", "table"]
    device: int
    inode: int
    offset: int = Field(default=0, ge=0)
    head: str = ""
    head_bytes: int = Field(default=0, ge=0)
    tail: str = ""
    size: int = 0
    modified_ns: int = 0
    time: float | None = None
    skipping: bool = False
    finished: bool = False


def log_files(places: Iterable[Path]) -> dict[Path, os.stat_result]:
    """The log files there are now; a folder stands for those in it whose names end like a log's.

    A file that has several names, as where ``current.jsonl`` is a link to one of the others, is there once.

    Args:
        places: Files and folders; what is not there is left out.
    """
    found: dict[tuple[int, int], tuple[Path, os.stat_result]] = {}
    for path in sorted((path for place in places for path in _within(place)), key=Path.is_symlink):
        if (known := stat_of(path)) is not None:
            found.setdefault(identity(known), (path, known))
    return dict(found.values())


def identity(found: os.stat_result) -> tuple[int, int]:
    """By which a file is told from all others, whatever its name."""
    return found.st_dev, found.st_ino


def stat_of(path: Path) -> os.stat_result | None:
    """What the file system says of an ordinary file; None where there is none: a pipe has no place to go back to."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def check_places(places: Iterable[Path]) -> None:
    """Check that a log is there to be read now.

    Raises:
        DataError: A file or folder is missing, has no log in it, or cannot be read as one.
    """
    for place in places:
        if not place.exists():
            raise DataError(f"{place} is not there.", "Correct the path, or wait for it with --follow.")
        if place.suffix.lower() in _COMPRESSED:
            raise DataError(f"{place} is compressed.", "Unpack it first.")
        if place.is_dir() and not log_files([place]):
            raise DataError(
                f"There is no log in {place}.",
                "Logs in a folder are files ending in .jsonl, .ndjson or .parquet; folders within it are left alone.",
            )
        if not place.is_dir() and stat_of(place) is None:
            raise DataError(f"{place} is no ordinary file.", "Write what comes out of a pipe to a file first.")


def _within(place: Path) -> list[Path]:
    try:
        return sorted(path for path in place.iterdir() if _LOG_NAME.fullmatch(path.name))
    except OSError:
        return [place]


def fresh(path: Path, found: os.stat_result, time: float | None) -> FileState:
    """A file of which nothing was read.

    Raises:
        OSError: It cannot be opened.
    """
    table = is_table(path)
    state = FileState(
        path=path,
        kind="table" if table else "lines",
        device=found.st_dev,
        inode=found.st_ino,
        size=found.st_size if table else 0,
        time=time,
    )
    if table:
        return state.model_copy(update={"modified_ns": found.st_mtime_ns})
    with path.open("rb") as file:
        return marked(state, file, 0, found)


def is_table(path: Path) -> bool:
    """Whether a file is read as Parquet."""
    return path.suffix.lower() == ".parquet"


def has_more(state: FileState, found: os.stat_result) -> bool:
    """Whether something of the file was not read."""
    return not state.finished if state.kind == "table" else found.st_size > state.offset


def is_same(state: FileState, path: Path, found: os.stat_result) -> bool:
    """Whether what lies at a path is the file that was read, perhaps renamed or longer by now."""
    if (state.device, state.inode) != identity(found):
        return False
    if state.kind == "table":
        return (state.size, state.modified_ns) == (found.st_size, found.st_mtime_ns)
    unchanged = (found.st_size, found.st_mtime_ns) == (state.offset, state.modified_ns)
    return unchanged or is_continuation(state, path, found)


def is_continuation(state: FileState, path: Path, found: os.stat_result) -> bool:
    """Whether a file begins with what was read, as a copy does."""
    if state.kind == "table" or found.st_size < max(state.offset, state.head_bytes):
        return False
    try:
        with path.open("rb") as file:
            return (_head(file, state.head_bytes), _tail(file, state.offset)) == (state.head, state.tail)
    except OSError:
        return False


def marked(state: FileState, file: BinaryIO, offset: int, found: os.stat_result) -> FileState:
    """The state with everything before an offset read.

    Args:
        state: The state before.
        file: The open file.
        offset: Up to where it was read.
        found: What the file system said of it before that.
    """
    head_bytes = min(_PROBE, found.st_size)
    update = {
        "offset": offset,
        "head": state.head if head_bytes == state.head_bytes else _head(file, head_bytes),
        "head_bytes": head_bytes,
        "tail": _tail(file, offset),
        "modified_ns": found.st_mtime_ns,
    }
    return state.model_copy(update=update)


def is_rotated(path: Path, place: Path) -> bool:
    """Whether a name is that of a former file, such as ``FILE.1`` or ``FILE-20260131``."""
    if path.parent != place.parent or not path.name.startswith(place.name):
        return False
    return _ROTATED.fullmatch(path.name[len(place.name) :]) is not None


def siblings(path: Path) -> dict[Path, os.stat_result]:
    """The former files that lie beside a file."""
    try:
        rotated = sorted(other for other in path.parent.iterdir() if is_rotated(other, path))
    except OSError:
        return {}
    return {other: found for other in rotated if (found := stat_of(other)) is not None}


def _head(file: BinaryIO, length: int) -> str:
    file.seek(0)
    return _digest(file.read(length))


def _tail(file: BinaryIO, offset: int) -> str:
    start = max(0, offset - _PROBE)
    file.seek(start)
    return _digest(file.read(offset - start))


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
