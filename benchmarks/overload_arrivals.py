"""The process that sends requests at a rate of its own, whether or not the server keeps up: an open loop.

It is told what to do by lines of JSON on its input, and answers each with one on its output. Each answer of the server
becomes a line of a file: number, when it was due, sent and received in nanoseconds, status, Retry-After, and the body
unless it is a 503.
"""

import json
import random
import selectors
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from serving_http import Connection, Reply, post

_DRAIN_S: Final = 90.0


@dataclass(frozen=True, slots=True)
class Storm:
    """What is to arrive.

    Attributes:
        port: Where.
        path: Such as ``/predict``.
        bodies: Of the requests, taken in turns.
        rate: Requests per second; the gaps between them are exponential, as those of many independent users.
        seconds: How long.
        seed: Of the gaps.
        most: Connections, at most.
        file: For the answers.
    """

    port: int
    path: str
    bodies: Sequence[str]
    rate: float
    seconds: float
    seed: int
    most: int
    file: str


class Arrivals:
    """Connections that are waiting for an answer, and those that are free."""

    def __init__(self, storm: Storm, file: BinaryIO) -> None:
        self._storm, self._file = storm, file
        self._requests = [post(storm.path, body.encode()) for body in storm.bodies]
        self._selector = selectors.DefaultSelector()
        self._free: list[Connection] = []
        self._due: dict[int, int] = {}
        self._open = self._number = 0
        self.counts: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """Requests without an answer."""
        return len(self._due)

    def send(self, due_ns: int) -> None:
        """Send the next request on a free connection, or on a new one."""
        number, self._number = self._number, self._number + 1
        request = self._requests[number % len(self._requests)]
        while self._free or self._open < self._storm.most:
            connection = self._free.pop() if self._free else self._connect()
            self._due[number] = due_ns
            try:
                connection.send(number, request)
            except OSError:  # closed by the server while it was free: nothing of the request arrived
                del self._due[number]
                self._drop(connection)
                continue
            self.counts["sent"] += 1
            return
        self.counts["no connection"] += 1

    def receive(self, timeout: float) -> None:
        """Take the answers that come within so many seconds."""
        for key, _ in self._selector.select(timeout):
            connection: Connection = key.data
            try:
                reply = connection.receive()
            except ConnectionError:
                if connection.waiting_for is not None:
                    del self._due[connection.waiting_for]
                    self.counts["broken"] += 1
                else:
                    self._free.remove(connection)
                self._drop(connection)
                continue
            if reply is None:
                continue
            self._write(reply)
            if connection.closing:
                self._drop(connection)
            else:
                self._free.append(connection)

    def close(self) -> None:
        """End all connections."""
        for key in list(self._selector.get_map().values()):
            self._drop(key.data)
        self._selector.close()

    def _connect(self) -> Connection:
        connection = Connection(self._storm.port)
        self._selector.register(connection, selectors.EVENT_READ, connection)
        self._open += 1
        self.counts["connections"] += 1
        return connection

    def _drop(self, connection: Connection) -> None:
        self._selector.unregister(connection)
        connection.close()
        self._open -= 1

    def _write(self, reply: Reply) -> None:
        times = f"{reply.number} {self._due.pop(reply.number)} {reply.sent_ns} {reply.received_ns}"
        head = f"{times} {reply.status} {(reply.retry_after or '-').replace(' ', '_')} "
        self._file.write(head.encode() + (b"" if reply.status == 503 else reply.body) + b"\n")


def run_storm(storm: Storm) -> dict[str, Any]:
    """Send, and wait for what is under way at the end.

    Returns:
        ``counts``, ``started_ns`` of the arrivals, ``drained_s`` from their end to the last answer, and ``cpu_s``, the
        processor time of this process while requests arrived.
    """
    rng = random.Random(storm.seed)
    with Path(storm.file).open("wb") as file, closing(Arrivals(storm, file)) as arrivals:
        cpu, started = time.process_time(), time.perf_counter_ns()
        due, end = started, started + int(storm.seconds * 1e9)
        while due < end:
            while due < end and due <= time.perf_counter_ns():
                arrivals.send(due)
                due += int(rng.expovariate(storm.rate) * 1e9)
            arrivals.receive(max(0.0, (min(due, end) - time.perf_counter_ns()) / 1e9))
        cpu = time.process_time() - cpu
        while arrivals.waiting and time.perf_counter_ns() < end + _DRAIN_S * 1e9:
            arrivals.receive(1.0)
        drained = max(0.0, (time.perf_counter_ns() - end) / 1e9)
        counts = {**arrivals.counts, "unanswered": arrivals.waiting}
    return {"counts": counts, "started_ns": started, "drained_s": drained, "cpu_s": cpu}


def main() -> None:
    """Answer line by line until the input ends."""
    for line in sys.stdin:
        try:
            answer = run_storm(Storm(**json.loads(line)))
        except Exception as error:  # noqa: BLE001 - whatever happens here is the reason that the benchmark gives
            answer = {"failed": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
