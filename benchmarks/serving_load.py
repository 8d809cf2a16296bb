"""The process that loads a server as so many clients do that each wait for their answer before they ask again.

It is told what to do by lines of JSON on its input, and answers each with one on its output.
"""

import json
import selectors
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any, Final

from serving_http import Connection, Reply, post

_TIMEOUT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Burst:
    """What clients are to ask.

    Attributes:
        port: Where.
        path: Such as ``/predict``.
        bodies: Of the requests, taken in turns.
        clients: Connections, each of which waits for its answer.
        ramp: Answers that come before those that count.
        count: Answers that count, at least.
        seconds: Time in which answers count, at least.
    """

    port: int
    path: str
    bodies: Sequence[str]
    clients: int
    ramp: int
    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a burst.

    Attributes:
        sent: Requests.
        replies: All answers, in the order they came.
        first: Number of those that came before the clock ran.
        last: Number of those that came until it stopped.
        seconds: The clock.
        cpu_s: Processor time of this process meanwhile.
    """

    sent: int
    replies: Sequence[Reply]
    first: int
    last: int
    seconds: float
    cpu_s: float


class _Clock:
    """Says which answers count: from the end of the ramp until there are enough and enough time has passed."""

    def __init__(self, burst: Burst) -> None:
        self._burst = burst
        self._started = self._ended = (0, 0)
        self.stopped_at = 0

    def take(self, number: int, received_ns: int) -> None:
        """Another answer came, the number-th of all."""
        burst = self._burst
        if number == burst.ramp:
            self._started = (received_ns, time.process_time_ns())
        enough = number >= burst.ramp + burst.count and received_ns - self._started[0] >= burst.seconds * 1e9
        if enough and not self.stopped_at:
            self.stopped_at, self._ended = number, (received_ns, time.process_time_ns())

    @property
    def seconds(self) -> tuple[float, float]:
        """Time and processor time between start and stop."""
        wall, cpu = ((end - start) / 1e9 for start, end in zip(self._started, self._ended, strict=True))
        return wall, cpu


def run_burst(burst: Burst) -> Outcome:
    """Keep all clients busy until enough answers are there, then wait for those that are under way.

    Raises:
        TimeoutError: No answer came for two minutes.
        ConnectionError: The server closed a connection.
    """
    requests = [post(burst.path, body.encode()) for body in burst.bodies]
    replies: list[Reply] = []
    clock, sent = _Clock(burst), 0
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for _ in range(burst.clients):
            connection = stack.enter_context(closing(Connection(burst.port)))
            selector.register(connection, selectors.EVENT_READ, connection)
            connection.send(sent, requests[sent % len(requests)])
            sent += 1
        while len(replies) < sent:
            ready = selector.select(_TIMEOUT_S)
            if not ready:
                raise TimeoutError(f"{sent - len(replies)} requests without an answer for {_TIMEOUT_S:.0f} s")
            for key, _ in ready:
                reply = key.data.receive()
                if reply is None:
                    continue
                replies.append(reply)
                clock.take(len(replies), reply.received_ns)
                if not clock.stopped_at:
                    key.data.send(sent, requests[sent % len(requests)])
                    sent += 1
    return Outcome(sent, replies, burst.ramp, clock.stopped_at, *clock.seconds)


def _answer(line: str) -> dict[str, Any]:
    try:
        outcome = run_burst(Burst(**json.loads(line)))
    except Exception as error:  # noqa: BLE001 - whatever happens here is the reason that the benchmark gives
        return {"failed": f"{type(error).__name__}: {error}"}
    counted = outcome.replies[outcome.first : outcome.last]
    return {
        "sent": outcome.sent,
        "latencies_ms": [reply.latency_ms for reply in counted],
        "seconds": outcome.seconds,
        "cpu_s": outcome.cpu_s,
        "answers": [(reply.number, reply.status, reply.body.decode()) for reply in outcome.replies],
    }


def main() -> None:
    """Answer line by line until the input ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
