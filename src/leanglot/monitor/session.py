"""What the command line does with a monitor: reads logs to their end, or follows them until it is stopped."""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event
from typing import Final

from leanglot.errors import DataError
from leanglot.monitor.following import UNREADABLE
from leanglot.monitor.keeper import Keeper
from leanglot.monitor.log_rows import BROKEN
from leanglot.results.monitoring import Snapshot

Tell = Callable[[Snapshot], None]
"""Is given everything that is known, after each look."""

# Between two looks of a monitor that has much to catch up with, so that it is not silent meanwhile.
_STEPS: Final = 20


def read_once(keeper: Keeper, stop: Event, tell: Tell) -> bool:
    """Read the logs to their end.

    Args:
        keeper: Of the logs.
        stop: Ends it early.
        tell: Is told now and then.

    Returns:
        Whether the end was reached.

    Raises:
        DataError: Nothing in the logs can be used.
    """
    _catch_up(keeper, stop, tell, final=True)
    found = keeper.snapshot()
    unusable = found.counters.get(BROKEN, 0) + found.counters.get(UNREADABLE, 0)
    if unusable and not (found.predictions or keeper.behind):
        told = " ".join(keeper.troubles())
        raise DataError(f"Nothing in the logs can be used. {told}", "docs/monitor.md describes the format.")
    return not keeper.behind


def follow(keeper: Keeper, every_s: float, stop: Event, tell: Tell) -> None:
    """Follow the logs until it is stopped.

    Args:
        keeper: Of the logs.
        every_s: Seconds between two looks.
        stop: Ends it.
        tell: Is told after each look, for the first time before any.
    """
    tell(keeper.snapshot(datetime.now(UTC)))
    while not stop.is_set():
        _catch_up(keeper, stop, tell, final=False)
        tell(keeper.snapshot(datetime.now(UTC)))
        stop.wait(every_s)


def _catch_up(keeper: Keeper, stop: Event, tell: Tell, *, final: bool) -> None:
    steps = 0
    while not stop.is_set():
        opened = keeper.step(final=final)
        if not keeper.behind:
            return
        steps += 1
        if opened or steps % _STEPS == 0:
            tell(keeper.snapshot())
