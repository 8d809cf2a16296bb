"""A light HTTP client for loads: raw sockets, keep-alive, one request at a time on each connection.

It needs the standard library alone, and does while the clock runs only what it must: bytes out, bytes in, the time of
both. Answers are looked at afterwards.
"""

import socket
import time
from dataclasses import dataclass
from typing import Final

_HEAD_END: Final = b"\r\n\r\n"
_CHUNK: Final = 65536


class LoadError(Exception):
    """A server answered something that is no HTTP of the kind this client reads; says what."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Attributes:
        number: Of the request.
        status: Status code.
        body: As it came.
        sent_ns: When the request was sent, by the monotonic clock.
        received_ns: When the last byte of the answer was there.
        retry_after: Value of that header; None where there is none.
    """

    number: int
    status: int
    body: bytes
    sent_ns: int
    received_ns: int
    retry_after: str | None

    @property
    def latency_ms(self) -> float:
        """From the request's first byte to the answer's last."""
        return (self.received_ns - self.sent_ns) / 1e6


class Connection:
    """One keep-alive connection to a server on this machine."""

    __slots__ = ("_buffer", "_number", "_sent_ns", "_socket", "closing")

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._number: int | None = None
        self._sent_ns = 0
        self.closing = False

    def fileno(self) -> int:
        """For a selector."""
        return self._socket.fileno()

    @property
    def waiting_for(self) -> int | None:
        """Number of the request that has no answer yet."""
        return self._number

    def send(self, number: int, request: bytes) -> None:
        """Send a request; the connection must be waiting for none.

        Raises:
            OSError: The server has closed the connection.
        """
        self._number, self._sent_ns = number, time.perf_counter_ns()
        self._socket.sendall(request)

    def receive(self) -> Reply | None:
        """Read what has come; None where the answer is not complete.

        Raises:
            ConnectionError: The server has closed the connection.
            LoadError: This is no answer, or one that nobody asked for.
        """
        data = self._socket.recv(_CHUNK)
        now = time.perf_counter_ns()
        if not data:
            raise ConnectionError("closed")
        self._buffer += data
        head, end, rest = self._buffer.partition(_HEAD_END)
        if not end:
            return None
        lowered = head.lower()
        length = _header(lowered, b"content-length")
        if length is None or not lowered.startswith(b"http/1.1 "):
            raise LoadError(f"no HTTP/1.1 answer with a Content-Length: {head[:200]!r}")
        if len(rest) < int(length):
            return None
        if self._number is None or len(rest) > int(length):
            raise LoadError(f"an answer that nobody asked for: {self._buffer[:200]!r}")
        number, self._number, self._buffer = self._number, None, b""
        self.closing = _header(lowered, b"connection") == "close"
        return Reply(number, int(lowered[9:12]), rest, self._sent_ns, now, _header(lowered, b"retry-after"))

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


def post(path: str, body: bytes) -> bytes:
    """A request as it goes over the wire."""
    fields = ("Host: 127.0.0.1", "Content-Type: application/json", f"Content-Length: {len(body)}")
    return "\r\n".join((f"POST {path} HTTP/1.1", *fields, "", "")).encode("ascii") + body


def _header(lowered: bytes, name: bytes) -> str | None:
    """Value of a header in a head in lower case."""
    _, found, after = lowered.partition(b"\r\n" + name + b":")
    return after.split(b"\r\n", 1)[0].strip().decode("latin-1") if found else None
