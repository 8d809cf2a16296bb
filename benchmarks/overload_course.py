"""The course of the overload benchmark: capacity, one client, rest, the load, one client, rest, the end."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, Final

import psutil
from overload_summing import read_replies
from serving_measuring import Texts
from serving_peers import read_answers, texts_body
from serving_processes import FamilyWatch, Server, Worker

_SIZES: Final = (1, 1, 2, 4)
_SEED: Final = 20261128
_RAMP: Final = 200
_READ_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        seconds: How long requests arrive.
        times: The capacity.
        clients: That wait for their answers while the capacity is measured.
        capacity_s: How long that takes.
        warm_s: How long the same load comes before, so that all that a server keeps for its largest batch is there.
        rest_s: How long memory is read before and after.
        alone: Answers with one client, before and after.
        connections: At most, fewer than the server allows.
    """

    seconds: float
    times: float
    clients: int = 32
    capacity_s: float = 15.0
    warm_s: float = 15.0
    rest_s: float = 10.0
    alone: int = 300
    connections: int = 1000


@dataclass(frozen=True, slots=True)
class Requests:
    """What is asked.

    Attributes:
        bodies: Of requests with 1 to 4 texts.
        expected: The classes that ONNX Runtime called bare gives to these.
    """

    bodies: Sequence[str]
    expected: Sequence[Sequence[str]]

    @property
    def texts_each(self) -> float:
        """Texts per request, on average."""
        return sum(map(len, self.expected)) / len(self.expected)


@dataclass(frozen=True, slots=True)
class Course:
    """What happened.

    Attributes:
        capacity: Texts per second.
        alone_ms: p50 with one client, before and after.
        ready: Memory when the server had just become ready, bytes.
        before: Readings at rest, after a short load.
        during: Readings under load: seconds since it began, bytes.
        after: Readings at rest again.
        storm: What the arrivals' process answered.
        ids: Identifiers that came with other answers than those under load, and how often.
        neighbours: Share of the processor that other processes took under load.
        warnings: A sentence where that is too much.
    """

    capacity: float
    alone_ms: tuple[float, float]
    ready: int
    before: Sequence[int]
    during: Sequence[tuple[float, int]]
    after: Sequence[int]
    storm: Mapping[str, Any]
    ids: Mapping[str, int]
    neighbours: float
    warnings: tuple[str, ...]


class MemoryReader:
    """Reads a server's memory once per second in a thread, from entering to leaving."""

    def __init__(self, server: Server) -> None:
        self._server, self._ended = server, threading.Event()
        self._thread = threading.Thread(target=self._read, name="memory")
        self.samples: list[tuple[float, int]] = []

    def __enter__(self) -> "MemoryReader":
        self._started = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _read(self) -> None:
        with suppress(psutil.Error):  # the server is gone, which others tell
            while not self._ended.is_set():
                self.samples.append((time.monotonic() - self._started, self._server.rss_bytes))
                self._ended.wait(_READ_EVERY_S)


def make_requests(texts: Texts, places: Sequence[int]) -> Requests:
    """Requests with 1, 1, 2 and 4 texts in turns, until the texts are used up.

    Args:
        texts: What is asked.
        places: The class of each, as ONNX Runtime called bare answers.
    """
    bodies: list[str] = []
    expected: list[list[str]] = []
    start = 0
    for size in cycle(_SIZES):
        if start + size > len(texts.texts):
            return Requests(bodies, expected)
        part = slice(start, start + size)
        bodies.append(texts_body(texts.texts[part], texts.languages[part]))
        expected.append([texts.labels[place] for place in places[part]])
        start += size
    raise AssertionError("unreachable: a cycle has no end")


@dataclass(frozen=True, slots=True)
class Hands:
    """Those who work.

    Attributes:
        server: Under test.
        clients: Process of the clients that wait for their answers.
        arrivals: Process of those that do not.
        file: For the answers to the latter.
        tell: Told what is being done.
    """

    server: Server
    clients: Worker
    arrivals: Worker
    file: Path
    tell: Callable[[str], None]


def carry_out(hands: Hands, requests: Requests, effort: Effort) -> Course:
    """All of it, in order, but the end of the server."""
    ids: Counter[str] = Counter()
    ready = hands.server.rss_bytes
    hands.tell(f"capacity, with {effort.clients} clients that wait")
    burst = _burst(hands, requests.bodies, effort.clients, effort.capacity_s, ids)
    capacity = len(burst["latencies_ms"]) / burst["seconds"] * requests.texts_each
    rate = effort.times * capacity / requests.texts_each
    hands.tell(f"{rate:.0f} requests/s, {effort.times:g} times the capacity, for {effort.warm_s:.0f} s to warm up")
    warm = _storm(hands, requests, effort, rate, effort.warm_s)
    ids.update(read_replies(hands.file, warm["started_ns"], requests.expected).ids)
    before_ms = _alone(hands, requests, effort, ids)
    hands.tell("memory at rest")
    before = _rest(hands.server, effort.rest_s)
    hands.tell(f"the same for {effort.seconds / 60:.1f} minutes")
    with FamilyWatch() as watch, MemoryReader(hands.server) as reader:
        done = _storm(hands, requests, effort, rate, effort.seconds)
    after_ms = _alone(hands, requests, effort, ids)
    hands.tell("memory at rest again")
    after = _rest(hands.server, effort.rest_s)
    return Course(
        capacity=capacity,
        alone_ms=(before_ms, after_ms),
        ready=ready,
        before=before,
        during=reader.samples,
        after=after,
        storm=done,
        ids=ids,
        neighbours=watch.share,
        warnings=watch.warnings(),
    )


def _storm(hands: Hands, requests: Requests, effort: Effort, rate: float, seconds: float) -> dict[str, Any]:
    storm: dict[str, object] = {"port": hands.server.port, "path": "/predict", "bodies": requests.bodies}
    storm |= {"rate": rate, "seconds": seconds, "seed": _SEED, "most": effort.connections, "file": str(hands.file)}
    return hands.arrivals.ask(storm)


def _alone(hands: Hands, requests: Requests, effort: Effort, ids: Counter[str]) -> float:
    """The p50 with one client and one text per request."""
    hands.tell("one client")
    single = [body for body, right in zip(requests.bodies, requests.expected, strict=True) if len(right) == 1]
    return float(median(_burst(hands, single, 1, 0.0, ids, effort.alone)["latencies_ms"]))


def _burst(
    hands: Hands, bodies: Sequence[str], clients: int, seconds: float, ids: Counter[str], count: int = 1
) -> dict[str, Any]:
    """Clients that wait for their answers, with 200 each; adds the identifiers they get."""
    done = hands.clients.ask(
        {
            "port": hands.server.port,
            "path": "/predict",
            "bodies": list(bodies),
            "clients": clients,
            "ramp": _RAMP if clients > 1 else 10,
            "count": count,
            "seconds": seconds,
        }
    )
    for _, status, body in done["answers"]:
        if status == 200:
            ids.update(one.id for one in read_answers(body) if one.id is not None)
    return done


def _rest(server: Server, seconds: float) -> list[int]:
    with MemoryReader(server) as reader:
        time.sleep(seconds)
    return [size for _, size in reader.samples]
