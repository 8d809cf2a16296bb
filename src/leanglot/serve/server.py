"""Runs an application: takes the port, loads, tells that it is ready, and ends what it took before it stops."""

import asyncio
import errno
import gc
import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

import uvicorn
from fastapi import APIRouter, FastAPI

from leanglot.errors import ConfigError
from leanglot.serve.answers import Engine, Telemetry
from leanglot.serve.app import create_app
from leanglot.serve.connections import PatientProtocol, patient_protocol
from leanglot.serve.settings import ServeSettings

_BACKLOG: Final = 1_024
_OTHER_FILES: Final = 256


class Parts(Protocol):
    """What a server is put together from."""

    @property
    def engine(self) -> Engine:
        """What answers."""
        ...

    @property
    def telemetry(self) -> Telemetry:
        """Who is told of what the server does."""
        ...

    @property
    def routers(self) -> Sequence[APIRouter]:
        """Further endpoints."""
        ...


Assemble = Callable[[], AbstractContextManager[Parts]]
"""Loads the parts of a server; leaving it stops whatever it started."""


def run_server(settings: ServeSettings, assemble: Assemble, on_ready: Callable[[str, str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was taken within the grace and return.

    The port is taken before anything is loaded, and answers once everything is.

    Args:
        settings: Address, limits and waits.
        assemble: Loads the parts.
        on_ready: Called with the engine's name and the server's address once it answers.

    Raises:
        ConfigError: The address cannot be listened on.
        ModelError: The artifact is damaged, or was changed since it was written.
    """
    with _ended_by_sigterm(), listening(settings.host, settings.port) as listener, assemble() as parts:
        _allow_connections(settings.max_connections)
        app = create_app(parts.engine, settings, parts.telemetry, parts.routers)
        server = GracefulServer(configured(app, settings), lambda: on_ready(parts.engine.name, _address(listener)))
        with _frozen_garbage():
            server.run(sockets=[listener])


def configured(app: FastAPI, settings: ServeSettings) -> uvicorn.Config:
    """How uvicorn runs an application of ours."""
    return uvicorn.Config(
        app,
        loop="auto",  # uvloop where it is installed
        http=patient_protocol(settings),
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=math.ceil(settings.keep_alive_s),
        timeout_graceful_shutdown=math.ceil(settings.grace_s),
    )


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens on an address.

    Raises:
        ConfigError: The address is unknown, taken, or not to be used.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise ConfigError(f"The host {host!r:.100} is not known: {error}", "Give --host a name or address.") from error
    with socket.socket(family, kind, protocol) as listener:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as error:
            raise _cannot_listen(host, port, error) from error
        yield listener


class GracefulServer(uvicorn.Server):
    """Uvicorn's server; signals end it with success, and stuck connections are dropped.

    Args:
        config: As `configured` makes it.
        on_ready: Called once it answers.
    """

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell that it answers."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what was taken; where that was cut short, tell whoever waits, and end in order all the same."""
        await super().shutdown(sockets)
        if self.force_exit:
            cut_off = list(self.server_state.tasks)
            for task in cut_off:
                task.cancel()
            await asyncio.gather(*cut_off, return_exceptions=True)
            await self.lifespan.shutdown()

    async def on_tick(self, counter: int) -> bool:
        """Look after the connections once a second."""
        if counter % 10 == 0:
            now = time.monotonic()
            for connection in list(self.server_state.connections):
                if isinstance(connection, PatientProtocol):
                    connection.drop_if_stuck(now)
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT; a second SIGINT stops at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Have SIGTERM end a server that still loads, in order; a container's first process would not even notice it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _frozen_garbage() -> Iterator[None]:
    """Have the garbage collector look at nothing that was there before: a look at all of it takes 90 ms."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _cannot_listen(host: str, port: int, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(f"Port {port} of {host} is taken by another process.", "Choose another --port, or stop it.")
    if error.errno == errno.EACCES:
        return ConfigError(f"Port {port} of {host} may not be used by this user.", "Choose a --port of 1024 or more.")
    return ConfigError(f"Port {port} of {host} cannot be listened on: {error.strerror}.", "Check --host and --port.")


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _allow_connections(number: int) -> None:
    """Have the system allow so many open files, as far as this user may."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )
