"""The real router in a real server in a thread, with a snapshot that the test sets."""

import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import uvicorn
from fastapi import FastAPI

from leanglot.results.monitoring import Snapshot
from leanglot.serve.dashboard import dashboard_router
from leanglot.serve.limits import Guard
from leanglot.serve.quiet_telemetry import QuietTelemetry
from leanglot.serve.settings import ServeSettings


class Served:
    """What the server tells, and where it is.

    Attributes:
        snapshot: What the monitor knows; None makes the server answer with an error.
        address: Where the page is.
        port: Where it listens.
        since: When the snapshot was set.
    """

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None
        self.since = datetime.now(UTC)
        self.port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/dashboard"

    def show(self, snapshot: Snapshot | None) -> None:
        self.snapshot = snapshot
        self.since = datetime.now(UTC)

    def told(self) -> Snapshot:
        if self.snapshot is None:
            raise RuntimeError("the monitor broke, as the test asked for")
        return self.snapshot


def ask(page) -> None:
    """Does what a tab does that comes into sight again: it asks at once."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


@contextmanager
def serving(served: Served, token: str | None = None):
    """Serves until the block ends; on the port of before, where there was one."""
    app = FastAPI()
    app.include_router(dashboard_router(served.told, fresh_s=0))
    guarded = app if token is None else Guard(app, ServeSettings(token=token), QuietTelemetry())
    server = uvicorn.Server(
        uvicorn.Config(guarded, port=served.port, log_level="critical", ws="none", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    served.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
