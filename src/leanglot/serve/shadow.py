"""Sends a share of the served texts to the baseline model too, and reports by language where it answers differently."""

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from leanglot.errors import ConfigError
from leanglot.monitor.events import UNDETERMINED, ShadowAnswer
from leanglot.serve.answers import Answer, Engine
from leanglot.serve.metrics import Metrics

DEFAULT_SHARE: Final = 0.1
DEFAULT_QUEUED_TEXTS: Final = 256
_BATCH_TEXTS: Final = 8  # a call is not interrupted, so it is kept short
_LEISURE_S: Final = 0.5  # how long it steps aside before it looks again whether traffic waits


class ShadowLog(Protocol):
    """Who keeps what the shadow answered."""

    def shadowed(self, answers: Sequence[ShadowAnswer]) -> None:
        """Keep them; returns at once."""
        ...


@dataclass(frozen=True, slots=True)
class _Task:
    text: str
    answer: Answer


class Shadow:
    """Has the baseline model answer a sample of the traffic, in a thread of its own and never in the way of an answer.

    A text is sampled by a hash of its identifier, so that every server with the same seed samples the same ones. While
    texts wait for the served model the shadow begins nothing new; what does not fit into its queue is dropped and
    counted. Dropping depends on the load alone, not on the text, so that shares of flips stay unbiased where flips do
    not depend on the load. It shares the machine's cores: give it few threads.

    Args:
        engine: The baseline model.
        share: Share of the texts that are sampled, above 0 and at most 1.
        log: Keeps what it answered; None has it counted alone.
        metrics: Counts answers, flips and drops.
        tell: Shows a message to whoever runs the server.
        seed: Changes which texts are sampled.
        queued_texts: Most texts that may wait.

    Raises:
        ConfigError: The share is out of its range.
    """

    def __init__(
        self,
        engine: Engine,
        share: float,
        log: ShadowLog | None,
        metrics: Metrics,
        tell: Callable[[str], None],
        seed: int = 0,
        queued_texts: int = DEFAULT_QUEUED_TEXTS,
    ) -> None:
        if not 0 < share <= 1:
            raise ConfigError(
                f"The share of shadowed traffic is {share:g}.", "It is above 0 and at most 1, such as 0.1."
            )
        self._engine = engine
        self._below = round(share * 2**64)
        self._key = seed.to_bytes(8, "big", signed=True)
        self._log = log
        self._metrics = metrics
        self._tell = tell
        self._limit = queued_texts
        self._tasks: deque[_Task] = deque()
        self._busy = False  # whether a batch is being answered
        self._crowded = False  # whether texts wait for the served model
        self._stopping = False
        self._failed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._answer_all, name="leanglot-shadow", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End after the batch at hand; what still waits is dropped and counted."""
        with self._changed:
            self._stopping = True
            dropped = len(self._tasks)
            self._tasks.clear()
            self._changed.notify_all()
        if dropped:
            self._metrics.shadow_dropped("stopping", dropped)
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything offered before is answered or dropped; False after the timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._tasks and not self._busy, timeout_s)

    def samples(self, identifier: str) -> bool:
        """Whether the answer with this identifier is shadowed."""
        digest = hashlib.blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=8, key=self._key).digest()
        return int.from_bytes(digest, "big") < self._below

    def offer(self, texts: Sequence[str], answers: Sequence[Answer]) -> None:
        """Take the sampled ones of these served texts, as far as there is room."""
        chosen = [_Task(text, answer) for text, answer in zip(texts, answers, strict=True) if self.samples(answer.id)]
        if not chosen:
            return
        with self._changed:
            room = 0 if self._stopping else max(0, self._limit - len(self._tasks))
            self._tasks.extend(chosen[:room])
            self._changed.notify_all()
        if len(chosen) > room:
            self._metrics.shadow_dropped("queue full", len(chosen) - room)

    def queued(self, texts: int) -> None:
        """So many texts wait for the served model now."""
        crowded = texts > 0
        if crowded != self._crowded:
            with self._changed:
                self._crowded = crowded
                self._changed.notify_all()

    def _answer_all(self) -> None:
        while tasks := self._next():
            try:
                answers = self._engine.answer([task.text for task in tasks], [task.answer.language for task in tasks])
            except BaseException as error:  # noqa: BLE001 - none may end the thread; tokenizers' panics are no Exceptions
                self._told_failed(error, len(tasks))
            else:
                self._keep(tasks, answers)
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _next(self) -> tuple[_Task, ...]:
        """The next texts; none once it is to stop."""
        with self._changed:
            while not self._stopping:
                if self._tasks and not self._crowded:
                    self._busy = True
                    return tuple(self._tasks.popleft() for _ in range(min(_BATCH_TEXTS, len(self._tasks))))
                self._changed.wait(_LEISURE_S)
        return ()

    def _keep(self, tasks: Sequence[_Task], answers: Sequence[Answer]) -> None:
        kept = [
            ShadowAnswer(task.answer.id, task.answer.language or UNDETERMINED, task.answer.label, answer.label)
            for task, answer in zip(tasks, answers, strict=True)
        ]
        for one in kept:
            self._metrics.shadowed(one.language, flipped=one.served != one.shadow)
        if self._log is not None:
            self._log.shadowed(kept)

    def _told_failed(self, error: BaseException, texts: int) -> None:
        self._metrics.shadow_dropped("engine failed", texts)
        if not self._failed:
            self._failed = True
            self._tell(
                f"The shadow's baseline model failed: {type(error).__name__}: {error}. Answers are not concerned; "
                "texts it fails on are counted from now on."
            )
