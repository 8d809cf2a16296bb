"""Bounds what a client can make a server wait for or keep: slow requests, endless heads, too many connections."""

import asyncio
import http
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from leanglot.serve.errors import JSON, body_of
from leanglot.serve.settings import ServeSettings

_MOST_HEAD_BYTES: Final = 65_536
_LINGER_S: Final = 0.25


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it, with a clock on every request and a bound on what is no body.

    Attributes:
        settings: Waits and the number of connections; set by `patient_protocol`.
    """

    settings: ServeSettings

    _timer: asyncio.TimerHandle | None = None
    _beside_body: int = 0  # bytes since the last that were part of a body or completed a head
    _in_body: bool = False
    _stopping: bool = False
    _unsent: int = 0
    _unsent_since: float = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or refuse it where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.settings.max_connections:
            message = f"There are {self.settings.max_connections:,} connections, as many as allowed. Try again later."
            self._refuse(503, message, b"retry-after: 1\r\n")
        else:
            self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read a part of a request, which must be whole in time and be mostly body."""
        if self._timer is None:
            self._start_clock()
        self._beside_body += len(data)
        super().data_received(data)
        if self._beside_body > _MOST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(431, f"The head of a request may have {_MOST_HEAD_BYTES:,} bytes.")

    def on_headers_complete(self) -> None:
        """Start to answer."""
        self._beside_body, self._in_body = 0, True
        before, upgrading = self.cycle, self.parser.should_upgrade()
        if upgrading and _has_body(self.headers):  # the parser would skip it
            self._refuse(400, "This server speaks HTTP/1.1 alone: leave out the header Upgrade.")
            return
        super().on_headers_complete()
        if self.cycle is not before and self.scope["method"] != "HEAD":  # which has no body to wait for
            self.cycle.transport = _Joined(self.transport, self.cycle)  # type: ignore[assignment]
        if self._stopping or upgrading:  # after which the parser reads nothing more
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._beside_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._beside_body, self._in_body = 0, False
        self._stop_clock()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(400, msg)

    def shutdown(self) -> None:
        """Close once nothing is under way, a moment later: a request may just have been sent."""
        self._stopping = True
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(_LINGER_S, self._close_if_idle)
        else:
            self.cycle.keep_alive = False

    def drop_if_stuck(self, now: float) -> None:
        """End the connection of a client that has taken nothing of its answer for too long; to be called now and then.

        Args:
            now: By the monotonic clock, in seconds.
        """
        unsent = self.transport.get_write_buffer_size()
        if not unsent or unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now - self._unsent_since > self.settings.read_timeout_s:
            self.transport.abort()

    def _start_clock(self) -> None:
        self._timer = self.loop.call_later(self.settings.read_timeout_s, self._late)

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        """The client did not send a whole request in time."""
        self._timer = None
        under_way = self.cycle is not None and not self.cycle.response_complete
        if self.transport.is_closing():
            return
        if self.pipeline or self.flow.read_paused or (under_way and not self.cycle.more_body):
            self._start_clock()  # it is not the client that is slow: an earlier request of it is being answered
        elif self._in_body and self.cycle.response_started:
            self.transport.abort()  # it was refused already, and went on sending
        else:
            self._refuse(408, f"The request was not whole within {self.settings.read_timeout_s:g} s.")

    def _close_if_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _refuse(self, status: int, message: str, header: bytes = b"") -> None:
        """Answer without the application, and close."""
        body = body_of(message)
        head = f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\ncontent-type: {JSON}\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n"
        self.transport.write(head.encode("ascii") + header + b"\r\n" + body)
        self.transport.close()


def _has_body(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in headers)


class _Joined:
    """A transport that sends the head of an answer together with the first part of its body: one packet, not two."""

    __slots__ = ("_cycle", "_head", "_sent", "_transport")

    def __init__(self, transport: asyncio.Transport, cycle: RequestResponseCycle) -> None:
        self._transport, self._cycle = transport, cycle
        self._head, self._sent = b"", False

    def write(self, data: bytes) -> None:
        """Send, or keep the head for a moment."""
        if self._transport.is_closing():
            return  # it was ended by a clock; uvloop would raise an error
        if self._cycle.response_started and not self._sent and not self._head:
            self._head = data
            return
        self._sent = self._sent or bool(self._head)
        self._transport.write(self._head + data)
        self._head = b""

    def is_closing(self) -> bool:
        """Whether the connection ends."""
        return self._transport.is_closing()

    def close(self) -> None:
        """End the connection once all is sent."""
        self._transport.close()


def patient_protocol(settings: ServeSettings) -> type[asyncio.Protocol]:
    """The protocol with a server's settings, as uvicorn takes it."""
    attributes: dict[str, Any] = {"settings": settings}
    return type("ServedProtocol", (PatientProtocol,), attributes)
