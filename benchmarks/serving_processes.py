"""The processes of the serving benchmarks: servers, those that load them, and what else runs on the machine."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import psutil

_START_S: Final = 180
_END_S: Final = 60
_TOLERATED: Final = 0.10
_ADDRESS: Final = re.compile(r"http://(?:127\.0\.0\.1|localhost):(\d+)")


class ServingError(Exception):
    """A process did not do what the benchmark needs of it; says what."""


class Server:
    """A server in a process of its own, from entering, when it is ready, to leaving."""

    def __init__(self, command: Sequence[str], health: str, log: Path) -> None:
        """Describe it.

        Args:
            command: Starts it, and has it print its address.
            health: Path that answers 200 once it is ready.
            log: File for all it prints.
        """
        self._command, self._health, self._log = command, health, log
        self.port = 0
        self.ended_with: int | None = None

    def __enter__(self) -> "Server":
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the commands are this repository's own
                self._command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONUNBUFFERED": "1"}
            )
        try:
            self._wait()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def rss_bytes(self) -> int:
        """Resident memory of it and its children."""
        return sum(int(one.memory_info().rss) for one in self._family())

    @property
    def cpu_s(self) -> float:
        """Processor time of it and its children so far."""
        return sum(one.cpu_times().user + one.cpu_times().system for one in self._family())

    def _family(self) -> list[psutil.Process]:
        process = psutil.Process(self._process.pid)
        return [process, *process.children(recursive=True)]

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ServingError(f"ended with {self._process.returncode}: {self._last_words()}")
            if found := _ADDRESS.search(self._log.read_text(errors="replace")):
                self.port = int(found[1])
                if self._is_ready():
                    return
            time.sleep(0.05)
        raise ServingError(f"not ready after {_START_S} s: {self._last_words()}")

    def _is_ready(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", self._health)
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _last_words(self) -> str:
        return " | ".join(self._log.read_text(errors="replace").strip().splitlines()[-3:])[:600] or "no message"

    def _end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self.ended_with = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.ended_with = self._process.wait()


class Worker:
    """A process that answers lines of JSON, until it is left."""

    def __init__(self, file: str, arguments: Sequence[str], log: Path) -> None:
        """Describe it.

        Args:
            file: A script of this folder.
            arguments: Its arguments.
            log: File for what it complains of.
        """
        self._command = [sys.executable, str(Path(__file__).with_name(file)), *arguments]
        self._log = log

    def __enter__(self) -> "Worker":
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter runs a file of this folder
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._process.kill()
        self._process.communicate()  # the end of its input ends it

    def ask(self, request: object) -> dict[str, Any]:
        """One question, one answer.

        Raises:
            ServingError: It has ended, or says that it failed.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise ServingError("it has no pipes")
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            words = self._log.read_text(errors="replace").strip().splitlines()[-1:]
            raise ServingError(f"{Path(self._command[1]).name} has ended: {' '.join(words)[:400] or 'no message'}")
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise ServingError(str(answer["failed"]))
        return answer


class FamilyWatch:
    """The processor time of the machine beside that of this process and its children, from entering to leaving.

    `leanglot.measure.neighbours` would take the servers for neighbours. No child may end meanwhile.
    """

    def __enter__(self) -> "FamilyWatch":
        self._started, self._before, self.share = time.monotonic(), _busy_s() - _own_s(), 0.0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        capacity = (time.monotonic() - self._started) * (os.cpu_count() or 1)
        self.share = max(0.0, (_busy_s() - _own_s() - self._before) / capacity) if capacity > 0 else 0.0

    def warnings(self) -> tuple[str, ...]:
        """A sentence where others took more than a tenth of the machine."""
        if self.share <= _TOLERATED:
            return ()
        told = f"Other processes used {self.share:.0%} of the processor meanwhile; measure on a quiet machine."
        return (told,)


def _busy_s() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + getattr(times, "nice", 0.0) + getattr(times, "steal", 0.0))


def _own_s() -> float:
    process = psutil.Process()
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))
