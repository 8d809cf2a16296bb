"""The prediction log: one JSON line per answered text, written by a thread so that answers never wait for the disk."""

import json
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leanglot.errors import ConfigError, StorageError
from leanglot.monitor.events import UNDETERMINED, ShadowAnswer
from leanglot.results.storage import is_full, storage_errors
from leanglot.serve.answers import Answer, Translated
from leanglot.serve.metrics import Metrics

DEFAULT_QUEUED_LINES: Final = 20_000
_WRITE_BYTES: Final = 1 << 20
_HINT: Final = "Name another file with --log."

Lines = Callable[[], Iterable[dict[str, object]]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    count: int
    lines: Lines


class Journal:
    """Appends predictions, late labels and shadow answers to a file, in the format that ``leanglot monitor`` reads.

    Lines of one request are appended by one write to a file opened for appending, so that lines of several servers do
    not mix. The file is opened again when it was renamed or removed (logrotate). When the disk is full, lines are
    dropped and counted, which is told once, and again when writing succeeds. No text is logged. What was answered but
    not yet written is lost when the process is killed with no chance to end: some milliseconds.

    Args:
        path: The file; it is made where it is missing, its folder too.
        metrics: Counts lines.
        tell: Shows a message to whoever runs the server.
        queued_lines: Most lines that may wait for the disk; further ones are dropped and counted.

    Raises:
        ConfigError: The path is a folder or a device.
        StorageError: The file cannot be opened for writing.
    """

    def __init__(
        self, path: Path, metrics: Metrics, tell: Callable[[str], None], queued_lines: int = DEFAULT_QUEUED_LINES
    ) -> None:
        self.path = path
        self._metrics = metrics
        self._tell = tell
        self._limit = queued_lines
        self._waiting: deque[_Waiting] = deque()
        self._lines = 0  # waiting, or being written
        self._changed = threading.Condition()
        self._stopping = False
        self._refused = 0  # lines dropped since the disk last took one
        self._torn = False  # whether the file ends in a part of a line
        self._file: int | None = _open(path)
        self._thread = threading.Thread(target=self._write_all, name="leanglot-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Write what waits, and close the file; gives up after the timeout, as on a disk that hangs."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._tell(f"{self._lines:,} lines could not be written to {self.path} in {timeout_s:g} s, and are lost.")
        elif self._file is not None:
            os.close(self._file)
            self._file = None

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything handed in before is written or dropped; False after the timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: self._lines == 0, timeout_s)

    def answered(self, answers: Sequence[Answer], seconds: float) -> None:
        """Log the answers to one request, which came `seconds` after it."""
        now = time.time()
        self._put(len(answers), lambda: (_prediction(answer, now, seconds) for answer in answers))

    def labelled(self, identifier: str, label: str) -> None:
        """Log the right label of an earlier answer."""
        self._put(1, lambda: ({"id": identifier, "label": label},))

    def shadowed(self, answers: Sequence[ShadowAnswer]) -> None:
        """Log what the baseline model answered."""
        self._put(len(answers), lambda: (_shadow(answer) for answer in answers))

    def _put(self, count: int, lines: Lines) -> None:
        with self._changed:
            fits = not self._stopping and self._lines + count <= self._limit
            if fits:
                self._lines += count
                self._waiting.append(_Waiting(count, lines))
                self._changed.notify_all()
        if not fits:
            self._metrics.log_dropped("queue full", count)

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if not self._waiting:
                    return
                taken = tuple(self._waiting)
                self._waiting.clear()
            chunk: list[bytes] = []
            for waiting in taken:
                chunk += [json.dumps(line).encode() + b"\n" for line in waiting.lines()]
                if sum(map(len, chunk)) > _WRITE_BYTES:
                    self._append(chunk)
                    chunk = []
            self._append(chunk)
            with self._changed:
                self._lines -= sum(waiting.count for waiting in taken)
                self._changed.notify_all()

    def _append(self, lines: Sequence[bytes]) -> None:
        """Append whole lines; those that the disk did not take are counted and told."""
        if not lines:
            return
        data = (b"\n" if self._torn else b"") + b"".join(lines)
        done = 0
        try:
            self._reopen_if_moved()
            while done < len(data):
                done += os.write(self._descriptor(), data[done:])
        except (OSError, StorageError) as error:
            whole = data[:done].lstrip(b"\n").count(b"\n")
            self._metrics.logged(whole)
            self._told_refused(error, len(lines) - whole)
        else:
            self._told_written(len(lines))
        if done:
            self._torn = not data[:done].endswith(b"\n")

    def _descriptor(self) -> int:
        if self._file is None:
            self._file = _open(self.path)
        return self._file

    def _reopen_if_moved(self) -> None:
        """Open the file again where its name no longer stands for it."""
        if self._file is None:
            return
        mine = os.fstat(self._file)
        try:
            named = self.path.stat()
        except FileNotFoundError:
            named = None
        if named is None or (mine.st_dev, mine.st_ino) != (named.st_dev, named.st_ino):
            os.close(self._file)
            self._file, self._torn = None, False

    def _told_refused(self, error: OSError | StorageError, lines: int) -> None:
        reason = "disk full" if is_full(error) or is_full(error.__cause__ or error) else "not writable"
        self._metrics.log_dropped(reason, lines)
        if self._refused == 0:
            said = error.message if isinstance(error, StorageError) else f"{self.path}: {error.strerror}."
            self._tell(f"Predictions are not logged any more ({reason}): {said} Answers go on; the lines are counted.")
        self._refused += lines

    def _told_written(self, lines: int) -> None:
        self._metrics.logged(lines)
        if self._refused:
            self._tell(f"Predictions are logged again in {self.path}; {self._refused:,} lines were lost.")
            self._refused = 0


def _open(path: Path) -> int:
    """Open for appending; a last line that a killed process left without its end is closed."""
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise ConfigError(f"The log {path} is no ordinary file.", _HINT)
    try:
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                os.write(file, b"\n")
    except StorageError as error:
        raise StorageError(error.message, _HINT) from error.__cause__
    return file


def _prediction(answer: Answer, now: float, seconds: float) -> dict[str, object]:
    return {
        "time": round(now, 6),
        "id": answer.id,
        "language": answer.language or UNDETERMINED,
        "prediction": answer.label,
        # A softmax in single precision can exceed 1 by a rounding error.
        "confidence": min(1.0, round(answer.confidence, 6)),
        "latency_ms": round(seconds * 1000, 3),
        "variant": answer.variant,
        "tokens": answer.tokens,
        "unknown": answer.unknown,
        "characters": answer.characters,
        "script": answer.script,
        **({} if answer.translation is None else _of_translation(answer.translation)),
    }


def _of_translation(translation: Translated) -> dict[str, object]:
    return {
        "output_characters": len(translation.text),
        "output_tokens": translation.tokens,
        "parts": translation.parts,
    }


def _shadow(answer: ShadowAnswer) -> dict[str, object]:
    return {
        "kind": "shadow",
        "id": answer.id,
        "language": answer.language,
        "served": answer.served,
        "shadow": answer.shadow,
    }
