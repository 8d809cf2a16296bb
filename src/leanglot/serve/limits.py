"""What every request passes: the token, the size of its body, and the clock; as plain ASGI, which costs little."""

import asyncio
import hmac
import time
from base64 import b64decode
from binascii import Error as NoBase64
from dataclasses import dataclass, field
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leanglot.serve.answers import Telemetry
from leanglot.serve.dashboard import PUBLIC_PATHS
from leanglot.serve.errors import CLIENT_GONE, REFUSED, Refusal
from leanglot.serve.settings import ServeSettings

ARRIVED: Final = "leanglot.arrived"
"""Where the scope of a request keeps when it arrived, by the performance counter, in seconds."""

OPENAPI: Final = "/openapi.json"
UNMATCHED: Final = "unmatched"
OPEN: Final = frozenset({"/v2/health/live", "/v2/health/ready"}) | PUBLIC_PATHS
"""Paths that need no token: those that ask have none, and learn nothing; the dashboard asks for it itself."""

_NO_TOKEN: Final = "This server wants its token: send the header Authorization: Bearer TOKEN."  # noqa: S105
_NO_ROOM: Final = "The server holds as many bodies of requests as it may. Try again later."
_STOPPING: Final = "The server is stopping and could not finish this request. Try again."
_CHALLENGE: Final = 'Bearer realm="leanglot", Basic realm="leanglot"'


@dataclass(slots=True)
class Held:
    """Bytes of bodies held at the moment, over all requests."""

    total: int = 0


@dataclass(slots=True, eq=False)
class Guard:
    """Refuses requests without the token and bodies that are too large, and tells how each request went.

    Attributes:
        app: What answers the others.
        settings: Token and sizes.
        telemetry: Who is told.
    """

    app: ASGIApp
    settings: ServeSettings
    telemetry: Telemetry
    _held: Held = field(default_factory=Held)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; see the ASGI specification."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # as GET; whoever speaks HTTP leaves the body out
            scope = dict(scope, method="GET")
        arrived = scope[ARRIVED] = time.perf_counter()
        status, started = 500, False

        async def watch(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
            await send(message)

        body = _Body(receive, self.settings, self._held, _declared(scope["headers"]))
        try:
            if self._lets_in(scope):
                await self.app(scope, body, watch)
            else:
                scope[REFUSED] = "token"
                await Refusal(401, _NO_TOKEN, {"WWW-Authenticate": _CHALLENGE}).response()(scope, body, watch)
        except asyncio.CancelledError:  # the grace of a stopping server is over
            if started:
                raise
            scope[REFUSED] = "stopping"
            await Refusal(503, _STOPPING, {"Retry-After": "1"}).response()(scope, body, watch)
        finally:
            body.let_go()
            if body.gone and not started:
                status = CLIENT_GONE
            if (reason := scope.get(REFUSED)) is not None:
                self.telemetry.refused(reason)
            self.telemetry.requested(_route(scope), status, time.perf_counter() - arrived)

    def _lets_in(self, scope: Scope) -> bool:
        """Whether a request shows the token, or needs none."""
        if self.settings.token is None or scope["path"] in OPEN:
            return True
        shown = _shown_token(scope["headers"])
        return shown is not None and hmac.compare_digest(shown, self.settings.token.encode())


@dataclass(slots=True, eq=False)
class _Body:
    """Reads a request's body for the application, and stops it where there is too much of it, or is said to be."""

    receive: Receive
    settings: ServeSettings
    held: Held
    declared: int
    size: int = 0
    gone: bool = False

    async def __call__(self) -> Message:
        if self.declared > self.settings.max_body_bytes:  # nothing of it is read, nor asked for (100-continue)
            raise _too_large(self.settings)
        message = await self.receive()
        if message["type"] != "http.request":
            self.gone = True
            return message
        size = len(message.get("body", b""))
        self.size += size
        self.held.total += size
        if self.size > self.settings.max_body_bytes:
            raise _too_large(self.settings)
        if self.held.total > self.settings.max_held_bytes:
            raise Refusal(503, _NO_ROOM, {"Retry-After": "1"}, reason="memory")
        return message

    def let_go(self) -> None:
        """Count its bytes no longer."""
        self.held.total -= self.size
        self.size = 0


def _too_large(settings: ServeSettings) -> Refusal:
    message = f"The body is too large; allowed are {settings.max_body_bytes:,} bytes. Send several requests."
    return Refusal(413, message, reason="body too large")


def _declared(headers: list[tuple[bytes, bytes]]) -> int:
    """The length that a body is said to have; 0 where nothing is said."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)


def _shown_token(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    """The token of a Bearer header, or the password of a Basic one, which is all that a browser can ask for."""
    value = next((value for name, value in headers if name == b"authorization"), b"")
    scheme, _, shown = value.partition(b" ")
    if scheme.lower() == b"bearer":
        return shown.strip()
    if scheme.lower() == b"basic":
        try:
            return b64decode(shown.strip(), validate=True).partition(b":")[2]
        except NoBase64:
            return None
    return None


def _route(scope: Scope) -> str:
    path: str | None = getattr(scope.get("route"), "path", None)
    return path or (OPENAPI if scope["path"] == OPENAPI else UNMATCHED)
