"""Continuous batching: while the engine answers, requests gather; the next batch takes the oldest texts that fit."""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from leanglot.serve.answers import Answer, Batch, Telemetry
from leanglot.serve.engine import StagedEngine
from leanglot.serve.grouping import by_length
from leanglot.serve.loaded_files import FilesChangedError
from leanglot.serve.queueing import Backlog, Item, Work
from leanglot.serve.settings import ServeSettings

_LOG: Final = logging.getLogger(__name__)
_MEMORY: Final = 0.1  # weight of the newest batch in the running mean of the time per text
_LONGEST_RETRY_S: Final = 60


class QueueFullError(Exception):
    """The queue has no room for a request.

    Args:
        retry_after_s: Whole seconds after which there may be room.
    """

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s


class NotServingError(Exception):
    """The engine has not started, is stopping, or has stopped, or its files were changed."""


class EngineFailedError(Exception):
    """The engine raised an error while it answered a batch."""


@dataclass(slots=True, eq=False)
class Ticket:
    """A request that waits for its answers.

    Attributes:
        work: Its texts in the queue.
        future: Gets the answers, in the order of the texts.
        answers: Those that are there.
        left: Number of those that are not.
    """

    work: Work
    future: asyncio.Future[list[Answer]]
    answers: list[Answer | None] = field(init=False)
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = len(self.work.texts)
        self.answers = [None] * self.left


@dataclass(slots=True, eq=False)
class Batcher:
    """Runs an engine in a thread of its own, and hands answers back to the event loop.

    An idle engine starts at once (or after ``max_wait_ms``). While it is busy, requests gather; the next batch takes
    the oldest texts up to the token budget. An error of the engine fails the requests of that batch alone; once its
    files were changed under it, it is asked nothing more.

    Attributes:
        engine: What answers.
        settings: Budget, queue and wait.
        telemetry: Who is told of batches and of the queue.
    """

    engine: StagedEngine
    settings: ServeSettings
    telemetry: Telemetry
    _backlog: Backlog = field(default_factory=Backlog)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _tickets: dict[Work, Ticket] = field(default_factory=dict)
    _thread: threading.Thread | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _stopping: bool = False
    _lost: bool = False
    _text_s: float = 0.0
    _busy_since: float | None = None

    @property
    def serving(self) -> bool:
        """Whether it takes requests and its engine is not stuck in one call for longer than a request may wait."""
        thread, since = self._thread, self._busy_since
        stuck = since is not None and time.monotonic() - since > self.settings.timeout_s
        return thread is not None and thread.is_alive() and not self._stopping and not self._lost and not stuck

    @property
    def full(self) -> bool:
        """Whether not even one text finds room."""
        return self._backlog.texts >= self.settings.queue_texts

    @property
    def retry_after_s(self) -> int:
        """Whole seconds in which what waits now will have been answered, as far as the last batches tell."""
        return min(max(1, math.ceil(self._backlog.texts * self._text_s)), _LONGEST_RETRY_S)

    def start(self) -> None:
        """Start the engine's thread; to be called in the event loop that requests come from."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="leanglot-engine", daemon=True)
        self._thread.start()

    async def stop(self, timeout_s: float) -> bool:
        """Take no more requests, answer those that were taken, and end the thread.

        Returns:
            Whether it ended in time.
        """
        thread = self._thread
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if thread is not None:
            await asyncio.to_thread(thread.join, timeout_s)
        return thread is None or not thread.is_alive()

    def submit(self, texts: Sequence[str], languages: Sequence[str | None]) -> Ticket:
        """Put texts into the queue.

        Args:
            texts: At least one, none of them empty.
            languages: Canonical tag of each; None where the caller told none.

        Raises:
            QueueFullError: There is no room for them.
            NotServingError: The engine does not run.
        """
        if self._loop is None or self._thread is None or not self._thread.is_alive():
            raise NotServingError
        ticket = Ticket(Work(texts, languages, time.monotonic()), self._loop.create_future())
        with self._changed:
            if self._stopping or self._lost:
                raise NotServingError
            if self._backlog.texts + len(texts) > self.settings.queue_texts:
                raise QueueFullError(self.retry_after_s)
            self._backlog.add(ticket.work)
            self._tickets[ticket.work] = ticket
            length = self._backlog.requests, self._backlog.texts
            self._changed.notify()
        self.telemetry.queued(*length)
        return ticket

    def drop(self, ticket: Ticket) -> None:
        """Forget a request: what no batch has taken of it is never answered. Does nothing to one that is answered."""
        with self._changed:
            if self._tickets.pop(ticket.work, None) is None:
                return
            self._backlog.drop(ticket.work)
            length = self._backlog.requests, self._backlog.texts
        self.telemetry.queued(*length)

    def _work(self) -> None:
        """What the thread does: batch after batch, until it is stopped and nothing waits."""
        try:
            while items := self._next_batch():
                self._answer(items)
        except BaseException:  # noqa: BLE001 - whatever it was, nobody may wait for ever
            _LOG.exception("The engine's thread ended by an error of its own.")
        finally:
            with self._changed:
                self._stopping = True
                left = list(self._tickets.values())
            self._tell(partial(_fail, left))

    def _next_batch(self) -> list[Item]:
        """Wait for texts and prepare as many as a batch takes; empty when stopped."""
        while True:
            with self._changed:
                while not self._backlog.texts and not self._stopping:
                    self._changed.wait()
                if not self._backlog.texts:
                    return []
            self._prepare()
            with self._changed:
                items = self._backlog.take(self.settings.batch_tokens)
                length = self._backlog.requests, self._backlog.texts
            if items:
                self.telemetry.queued(*length)
                return items

    def _prepare(self) -> None:
        """Prepare texts, a few of each request in turn, until they fill a batch or none is left and time is up."""
        until = time.monotonic() + self.settings.max_wait_ms / 1e3
        while self._backlog.ready_tokens < self.settings.batch_tokens:
            with self._changed:
                turn = self._backlog.turn()
                if turn is None:
                    left = until - time.monotonic()
                    if left <= 0 or self._stopping or not self._changed.wait(left):
                        return
                    continue
            work, positions = turn
            self._busy_since = time.monotonic()
            try:
                texts = work.texts[positions.start : positions.stop]
                prepared = self.engine.prepare(texts, work.languages[positions.start : positions.stop])
            except BaseException as error:  # noqa: BLE001 - tokenizers' panics are no Exceptions
                self._failed([work], error)
                continue
            finally:
                self._busy_since = None
            items = [Item(work, position, each) for position, each in zip(positions, prepared, strict=True)]
            with self._changed:
                self._backlog.put(items)

    def _answer(self, items: Sequence[Item]) -> None:
        groups = by_length([item.prepared.tokens for item in items], self.settings.batch_tokens)
        for group in groups:
            chosen = [items[place] for place in group]
            self._busy_since = time.monotonic()
            start = time.perf_counter()
            try:
                answers = self.engine.run([item.prepared for item in chosen])
                answered = list(zip(chosen, answers, strict=True))
            except BaseException as error:  # noqa: BLE001 - none may end the thread
                self._failed([item.work for item in chosen], error)
                continue
            finally:
                self._busy_since = None
            seconds = time.perf_counter() - start
            self._tell(partial(self._deliver, answered))
            self._note(chosen, seconds)

    def _note(self, items: Sequence[Item], seconds: float) -> None:
        each = seconds / len(items)
        self._text_s = each if not self._text_s else self._text_s + _MEMORY * (each - self._text_s)
        lengths = [item.prepared.tokens for item in items]
        variant = items[0].prepared.variant
        self.telemetry.batched(Batch(variant, len(items), sum(lengths), len(items) * max(lengths), seconds))

    def _failed(self, works: Sequence[Work], error: BaseException) -> None:
        _LOG.error("The engine failed on a batch: %s: %s", type(error).__name__, error, exc_info=error)
        with self._changed:
            self._lost = self._lost or isinstance(error, FilesChangedError)
            tickets = [self._tickets[work] for work in dict.fromkeys(works) if work in self._tickets]
        self._tell(partial(_fail, tickets))
        for ticket in tickets:
            self.drop(ticket)

    def _deliver(self, answered: Sequence[tuple[Item, Answer]]) -> None:
        for item, answer in answered:
            ticket = self._tickets.get(item.work)
            if ticket is None:
                continue
            ticket.answers[item.position] = answer
            ticket.left -= 1
            if not ticket.left:
                with self._changed:
                    del self._tickets[item.work]
                if not ticket.future.done():
                    ticket.future.set_result([each for each in ticket.answers if each is not None])

    def _tell(self, what: Callable[[], None]) -> None:
        """Have the event loop do something; one that has ended needs to be told nothing."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(what)


def _fail(tickets: Sequence[Ticket]) -> None:
    for ticket in tickets:
        if not ticket.future.done():
            ticket.future.set_exception(EngineFailedError())
            ticket.future.exception()  # read here, for whoever has just stopped waiting
