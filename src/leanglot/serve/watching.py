"""Runs the monitor beside the server, in a thread: reads what was logged, and tells alerts as they open."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol

from leanglot.errors import LeanglotError
from leanglot.results.monitoring import Alert, Snapshot

STOPPED: Final = "stopped"
_CATCH_UP_S: Final = 5.0


class Watched(Protocol):
    """What is watched: a `Keeper` over the log, or what stands in for it in memory."""

    @property
    def behind(self) -> bool:
        """Whether there is more to be read at once."""
        ...

    def step(self) -> tuple[Alert, ...]:
        """Take what is new, a bounded part of it; the alerts that opened."""
        ...

    def snapshot(self, now: datetime | None = None) -> Snapshot:
        """Everything that is known at a moment."""
        ...

    def close(self) -> None:
        """Save what has to last."""
        ...


class Watching:
    """Steps a monitor every second, until it is stopped.

    A fault of the monitor ends it, not the server: it is told, stands in every snapshot from then on, and what was
    saved before stays as it was.

    Args:
        watched: What is watched; nobody else may step or close it.
        tell: Shows a message to whoever runs the server.
        every_s: Seconds between two looks.
    """

    def __init__(self, watched: Watched, tell: Callable[[str], None], every_s: float = 1.0) -> None:
        self._watched = watched
        self._tell = tell
        self._every_s = every_s
        self._stopping = threading.Event()
        self._fault: str | None = None
        self._last = watched.snapshot()
        self._thread = threading.Thread(target=self._step_all, name="leanglot-monitor", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Take what is left, for some seconds at most, and save; the next server goes on from there.

        Args:
            timeout_s: How long to wait for a step under way, which a disk that hangs may keep for ever.
        """
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._tell(f"The monitor did not end within {timeout_s:g} s; its state is the one that it saved last.")
        elif self._fault is None and self._guarded(self._finish):
            self._guarded(self._look)

    def snapshot(self) -> Snapshot:
        """Everything that is known now; after a fault, what was known before."""
        if self._fault is None:
            self._guarded(self._look)
        found = self._last
        if self._fault is None:
            return found
        note = f"The monitor stopped, and knows nothing newer: {self._fault}"
        counters = {**found.counters, STOPPED: 1}
        return found.model_copy(update={"counters": counters, "notes": (note, *found.notes)})

    def _step_all(self) -> None:
        while not self._stopping.is_set() and self._guarded(self._step):
            if not self._watched.behind:
                self._stopping.wait(self._every_s)

    def _look(self) -> None:
        self._last = self._watched.snapshot(datetime.now(UTC))

    def _step(self) -> None:
        for alert in self._watched.step():
            self._tell(f"Alert {alert.id}: {alert.message} {alert.advice}")

    def _finish(self) -> None:
        until = time.monotonic() + _CATCH_UP_S
        self._step()
        while self._watched.behind and time.monotonic() < until:
            self._step()
        self._watched.close()

    def _guarded(self, act: Callable[[], None]) -> bool:
        """Do something; a fault is kept and told."""
        try:
            act()
        except LeanglotError as error:
            self._fault = error.message
        except Exception as error:  # noqa: BLE001 - a thread that ends without a word would look like a quiet monitor
            self._fault = f"{type(error).__name__}: {error}"
        if self._fault is not None:
            self._tell(f"The monitor stopped: {self._fault} Answers are not concerned.")
        return self._fault is None
