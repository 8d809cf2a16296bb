"""The terminal's progress display: which candidate is in which stage, and how far."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from leanglot.progress import Stage
from leanglot.report.format import duration

SAID_EVERY_S: Final = 60.0
"""Seconds between two lines on a file or a pipe."""
FINISHED_SHOWN: Final = 16
"""Most finished candidates that have a line."""


class LiveProgress:
    """Shows a line per candidate while the run goes on; an `Observer` and a context manager.

    Args:
        console: Where to draw; on a file or a pipe, a line tells what is finished, and one a minute how far it is.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description:<24}", markup=False),
            TextColumn("{task.fields[stage]:<10}"),
            BarColumn(bar_width=28),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[told]}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._said = time.monotonic()

    def __enter__(self) -> "LiveProgress":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def plan(self, candidates: Sequence[str]) -> None:
        """See `Observer`."""
        for name in candidates:
            self._add(name)

    def enter(self, candidate: str, stage: Stage, total: int = 1) -> None:
        """See `Observer`."""
        task = self._tasks[candidate] if candidate in self._tasks else self._add(candidate)
        finished = stage in {"done", "kept", "failed", "dropped", "cut"}
        self._progress.start_task(task)
        self._progress.update(task, stage=stage, total=total, completed=total if finished else 0, told="")
        if finished:
            self._progress.stop_task(task)
            self._hide_old()
            if not self._console.is_terminal:
                self._console.print(f"{candidate}: {stage}", markup=False, highlight=False, soft_wrap=True)

    def advance(self, candidate: str, steps: int = 1) -> None:
        """See `Observer`."""
        self._progress.advance(self._tasks[candidate], steps)
        if not self._console.is_terminal and time.monotonic() - self._said >= SAID_EVERY_S:
            self._say(candidate)

    def tell(self, candidate: str, text: str) -> None:
        """See `Observer`."""
        task = self._progress.tasks[self._tasks[candidate]]
        self._progress.update(task.id, told=text)
        if text and task.stop_time is not None and not self._console.is_terminal:
            self._console.print(f"{candidate}: {text}", markup=False, highlight=False, soft_wrap=True)

    def _say(self, candidate: str) -> None:
        """A plain line on how far a candidate is."""
        self._said = time.monotonic()
        task = self._progress.tasks[self._tasks[candidate]]
        left = "" if task.time_remaining is None else f", {duration(task.time_remaining)} left"
        told = f", {task.fields['told']}" if task.fields["told"] else ""
        said = f"{candidate}: {task.fields['stage']} {task.completed:,.0f} of {task.total:,.0f}{told}{left}"
        self._console.print(said, markup=False, highlight=False, soft_wrap=True)

    def _hide_old(self) -> None:
        """A search may try more candidates than a terminal has lines."""
        finished = [task for task in self._progress.tasks if task.stop_time is not None and task.visible]
        for task in finished[:-FINISHED_SHOWN]:
            self._progress.update(task.id, visible=False)

    def _add(self, candidate: str) -> TaskID:
        """A line for a candidate, planned or come up during the run."""
        task = self._progress.add_task(candidate, total=1, start=False, stage="waiting", told="")
        self._tasks[candidate] = task
        return task
