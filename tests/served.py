"""A server of ours in a thread, and clients that say exactly what a test wants them to."""

import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fake_engine import FakeEngine
from leanglot.serve.answers import Answer, Batch, Engine
from leanglot.serve.app import create_app
from leanglot.serve.server import GracefulServer, configured, listening
from leanglot.serve.settings import ServeSettings

PATIENCE_S = 60.0


@dataclass
class Told:
    """Telemetry that keeps what it is told."""

    requests: list[tuple[str, int]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    labels: list[tuple[str, str]] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    refusals: Counter = field(default_factory=Counter)
    lengths: list[tuple[int, int]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def requested(self, route: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        with self.changed:
            self.requests.append((route, status))
            self.changed.notify_all()

    def answered(self, texts: Sequence[str], answers: Sequence[Answer], seconds: float) -> None:
        assert len(texts) == len(answers)
        assert seconds >= 0
        self.answers.extend(answers)

    def labelled(self, identifier: str, label: str) -> None:
        self.labels.append((identifier, label))

    def batched(self, batch: Batch) -> None:
        self.batches.append(batch)

    def refused(self, reason: str) -> None:
        self.refusals[reason] += 1

    def queued(self, requests: int, texts: int) -> None:
        with self.changed:
            self.lengths.append((requests, texts))
            self.changed.notify_all()

    def wait_for(self, request: tuple[str, int]) -> bool:
        """Waits until a request ended so."""
        with self.changed:
            return self.changed.wait_for(lambda: request in self.requests, PATIENCE_S)

    def wait_for_texts(self, number: int) -> bool:
        """Waits until so many texts wait in the queue."""
        with self.changed:
            return self.changed.wait_for(lambda: bool(self.lengths) and self.lengths[-1][1] == number, PATIENCE_S)


@dataclass(frozen=True)
class Running:
    """A server that runs."""

    port: int
    told: Told
    server: GracefulServer
    thread: threading.Thread

    def stop(self) -> None:
        """Ask it to stop, as a signal would."""
        self.server.should_exit = True


@contextmanager
def serving(engine: Engine, **settings: Any) -> Iterator[Running]:
    """A server over an engine, until the end of the block."""
    told, up = Told(), threading.Event()
    chosen = ServeSettings(**{"port": 0, "grace_s": 20.0} | settings)
    with listening(chosen.host, 0) as listener:
        app = create_app(engine, chosen, told)
        server = GracefulServer(configured(app, chosen), up.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        port = listener.getsockname()[1]
        thread.start()
        assert up.wait(PATIENCE_S)
        try:
            yield Running(port, told, server, thread)
        finally:
            server.should_exit = True
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


@dataclass(frozen=True)
class Reply:
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """Its message; an error's body has that and nothing else."""
        assert self.headers["content-type"] == "application/json"
        assert list(self.json) == ["error"]
        assert "Traceback" not in self.json["error"]
        return self.json["error"]


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._left = b""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Send a request and read its answer."""
        self.send(request(method, path, body, **headers))
        return self.reply()

    def reply(self) -> Reply:
        """Read one answer; the server must not close the connection before it is whole."""
        while True:
            head, _, rest = self._left.partition(b"\r\n\r\n")
            if not rest and b"\r\n\r\n" not in self._left:
                self._more()
                continue
            status, *lines = head.decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines)
            headers["content-type"] = headers.get("content-type", "")
            if status.split()[1] == "100":
                self._left = rest
                continue
            length = int(headers["content-length"])
            if len(rest) >= length:
                self._left = rest[length:]
                return Reply(int(status.split()[1]), headers, rest[:length])
            self._more()

    def closed(self) -> bool:
        """Whether the server closes the connection without another byte."""
        try:
            return self._left == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _more(self) -> None:
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionError(f"closed after {self._left!r}")
        self._left += data


def request(method: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
    """A request as it goes over the wire; names of headers with ``_`` for ``-``."""
    given = {"host": "127.0.0.1"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        given = {"content-type": "application/json", "content-length": str(len(body))} | given
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + (body or b"")


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
    """One request on a connection of its own."""
    with Client(port) as client:
        return client.ask(method, path, body, **headers)


def texts_body(*texts: str, **more: Any) -> bytes:
    """The body of a request to ``/predict``."""
    return json.dumps({"texts": texts} | more).encode()


def predict(port: int, *texts: str, **more: Any) -> Reply:
    """Ask ``/predict``."""
    return ask(port, "POST", "/predict", texts_body(*texts, **more))


def hold(engine: FakeEngine, server: Running) -> Client:
    """Have the engine busy; returns the connection whose answer is held."""
    engine.hold()
    client = Client(server.port)
    client.send(request("POST", "/predict", texts_body("busy")))
    assert engine.held()
    return client


def answers(port: int) -> bool:
    """Whether the server takes connections and answers on them."""
    try:
        return ask(port, "GET", "/v2/health/live").status == 200
    except ConnectionError:
        return False
