"""Reads what is new in the files of a prediction log, a bounded part at a time."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from leanglot.errors import DataError
from leanglot.monitor.events import Reading
from leanglot.monitor.log_files import FileState, fresh, has_more, identity, is_rotated, is_table, marked
from leanglot.monitor.log_lines import LONGEST_LINE, is_whole, take_lines
from leanglot.monitor.log_rows import FaultNote, LogRows
from leanglot.monitor.moments import LATEST
from leanglot.monitor.parquet_log import parquet_rows
from leanglot.monitor.rotation import Settled, settle

STEP_BYTES: Final = 1 << 20
UNREADABLE: Final = "unreadable_files"
_CHUNK: Final = 1 << 18
_PEEK: Final = 1 << 16
# What a row of a table counts for beside a line.
_ROW_BYTES: Final = 128


@dataclass(frozen=True, slots=True)
class Look:
    """What one look gave.

    Attributes:
        reading: What was logged.
        faults: What could not be used of it.
        notes: What was noticed about the files, one sentence each.
        behind: Whether more is there to be read at once.
    """

    reading: Reading
    faults: tuple[FaultNote, ...]
    notes: tuple[str, ...]
    behind: bool


class Follower:
    """The files of a log, and how far each was read.

    Several files are read side by side in the order of their times, so that neither the order in which they are given
    nor a restart matters much. A last line without its end waits for it.

    Args:
        places: Files and folders; what is not there yet is waited for.
        states: How far each was read, as `states` gave it.
    """

    def __init__(self, places: Sequence[Path], states: Iterable[FileState] = ()) -> None:
        # One file has one name, also in the state of a monitor that was started elsewhere.
        self._places = tuple(dict.fromkeys(Path(os.path.abspath(place)) for place in places))  # noqa: PTH100
        self._settled = Settled(states={state.path: state for state in states})
        self._tables: dict[Path, Iterator[list[dict[str, Any]]]] = {}

    def states(self) -> tuple[FileState, ...]:
        """How far each file was read."""
        return (*self._settled.states.values(), *self._settled.gone)

    def look(self, latest: float = LATEST, limit: int = STEP_BYTES, *, final: bool = False) -> Look:
        """Read what is new.

        Args:
            latest: Seconds since 1970; an entry with a later time is broken.
            limit: About how many bytes are read.
            final: Take a last line without its end where it is whole.
        """
        before = self._unread()
        self._settled = found = settle(self.states(), self._places)
        notes = [*found.notes, *_lost(before, found)]
        self._tables = {path: rows for path, rows in self._tables.items() if path in found.states}
        notes += _meet(found, latest)
        rows, waiting = LogRows(latest), set[Path]()
        while limit > 0 and (unread := [path for path in self._unread() if path not in waiting]):
            path = min(unread, key=self._time)
            try:
                used = self._read(path, rows, min(limit, _CHUNK) if len(unread) > 1 else limit, final=final)
                if final and not used and has_more(found.states[path], found.stats[path]):
                    notes.append(f"{path} ends within a line, which is not read before it is whole.")
            except (OSError, DataError) as error:
                notes.append(f"{path} was skipped: {_told(error)}.")
                used = 0
            if not used:
                waiting.add(path)
            limit -= used
        behind = any(path not in waiting for path in self._unread())
        return Look(rows.reading(), rows.faults(), tuple(notes), behind)

    def _unread(self) -> list[Path]:
        """Files with something new; one that is known from before and was not asked for now is left alone."""
        found = self._settled
        new = [
            path for path, state in found.states.items() if path in found.stats and has_more(state, found.stats[path])
        ]
        return [path for path in new if path in found.named or any(is_rotated(path, place) for place in self._places)]

    def _time(self, path: Path) -> float:
        time = self._settled.states[path].time
        return math.inf if time is None else time  # labels without times belong to what the others hold

    def _read(self, path: Path, rows: LogRows, size: int, *, final: bool) -> int:
        """Read a part of a file.

        Returns:
            About how many bytes were read; 0 where the rest has to wait.
        """
        state = self._settled.states[path]
        rows.begin(str(path), "row" if state.kind == "table" else "byte", state.time)
        if state.kind == "table":
            return self._read_table(path, state, rows)
        with path.open("rb") as file:
            now = os.fstat(file.fileno())
            if identity(now) != (state.device, state.inode) or now.st_size < state.offset:
                return 0  # It was replaced a moment ago: the next look finds it.
            file.seek(state.offset)
            chunk = file.read(size)
            if b"\n" not in chunk and len(chunk) <= LONGEST_LINE:
                chunk += file.readline(LONGEST_LINE + 1 - len(chunk))
            used, skipping = _take(chunk, rows, state, final=final and state.offset + len(chunk) >= now.st_size)
            update = {"time": rows.newest, "skipping": skipping}
            after = marked(state, file, state.offset + used, now)
            self._settled.states[path] = after.model_copy(update=update)
        return used

    def _read_table(self, path: Path, state: FileState, rows: LogRows) -> int:
        try:
            batch = next(self._tables.setdefault(path, parquet_rows(path, state.offset)), None)
        except DataError:
            rows.count(UNREADABLE)
            self._settled.states[path] = state.model_copy(update={"finished": True})
            raise
        for number, row in enumerate(batch or [], start=state.offset + 1):
            rows.take(row, number)
        update = {"offset": state.offset + len(batch or []), "finished": batch is None, "time": rows.newest}
        self._settled.states[path] = state.model_copy(update=update)
        return _ROW_BYTES * len(batch or [])


def _take(chunk: bytes, rows: LogRows, state: FileState, *, final: bool) -> tuple[int, bool]:
    """Take the whole lines of a chunk.

    Returns:
        How many bytes are done with, and whether they end within a line that is too long.
    """
    start = 0
    if state.skipping:
        start = chunk.find(b"\n") + 1
        if start == 0:
            return len(chunk), True
    end = chunk.rfind(b"\n") + 1
    if end > start:
        take_lines(rows, chunk[start : end - 1].split(b"\n"), state.offset + start)
    if end == 0 and len(chunk) > LONGEST_LINE:
        rows.skip("too_long", state.offset)
        return len(chunk), True
    if final and end < len(chunk) and is_whole(chunk[end:]):
        take_lines(rows, [chunk[end:]], state.offset + end)
        return len(chunk), False
    return end, False


def _meet(found: Settled, latest: float) -> list[str]:
    """Take in the files of which nothing was read.

    Returns:
        Why some could not be, one sentence each.
    """
    notes = []
    for path, stat in found.stats.items():
        state = found.states.get(path)
        if state is None or (state.offset == 0 and state.time is None and not state.finished):
            try:
                found.states[path] = fresh(path, stat, _first_time(path, latest))
            except OSError as error:
                notes.append(f"{path} was skipped: {_told(error)}.")
    return notes


def _first_time(path: Path, latest: float) -> float | None:
    """Time of a file's first entry, by which it is known which of several files comes first."""
    rows = LogRows(latest)
    rows.begin("", "byte", None)
    try:
        if is_table(path):
            for row in next(parquet_rows(path), [])[:1]:
                rows.take(row, 0)
        else:
            with path.open("rb") as file:
                for line in file.read(_PEEK).split(b"\n"):
                    if rows.newest is None:
                        take_lines(rows, [line], 0)
    except (OSError, DataError):
        return None
    return rows.newest


def _lost(before: list[Path], found: Settled) -> list[str]:
    """What was removed while something of it was not read."""
    gone = {state.path for state in found.gone}
    return [f"{path} was removed before it was read to its end." for path in before if path in gone]


def _told(error: OSError | DataError) -> str:
    return (error.message if isinstance(error, DataError) else error.strerror or str(error)).rstrip(".")
