"""What a server without a log watches: its predictions, kept in memory until the monitor has taken them."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from leanglot.monitor.events import UNDETERMINED, Events, LateLabel, Reading, ShadowAnswer
from leanglot.monitor.watch import Watch
from leanglot.results.monitoring import Alert, Snapshot
from leanglot.serve.answers import Answer

MOST_WAITING: Final = 20_000
NOT_WATCHED: Final = "not_watched"
_STEP_PREDICTIONS: Final = 2_000
_NOTE: Final = "The monitor keeps everything in memory: it begins anew when the server does. Give it --log and --state."


@dataclass(frozen=True, slots=True)
class _Prediction:
    time: float
    latency_ms: float
    answer: Answer


class MemoryLog:
    """Stands in for a log and its reader: takes what happens, and feeds it to a watch step by step.

    Args:
        watch: The watch; nobody else may use it.
        most_waiting: Most predictions, labels and shadow answers that wait for a step; further ones are counted.
    """

    def __init__(self, watch: Watch, most_waiting: int = MOST_WAITING) -> None:
        self._watch = watch
        self._guard = threading.Lock()  # of the watch
        self._most = most_waiting
        self._waiting: deque[_Prediction | LateLabel | ShadowAnswer] = deque()
        self._lost = 0
        self._lock = threading.Lock()  # of what waits

    @property
    def behind(self) -> bool:
        """Whether more waits."""
        return bool(self._waiting)

    def start(self) -> None:
        """Nothing has to begin."""

    def stop(self) -> None:
        """Nothing has to end."""

    def close(self) -> None:
        """Nothing is kept."""

    def answered(self, answers: Sequence[Answer], seconds: float) -> None:
        """Keep the answers to one request, which came `seconds` after it."""
        now = time.time()
        self._put([_Prediction(now, seconds * 1000, answer) for answer in answers])

    def labelled(self, identifier: str, label: str) -> None:
        """Keep the right label of an earlier answer."""
        self._put([LateLabel(identifier, label)])

    def shadowed(self, answers: Sequence[ShadowAnswer]) -> None:
        """Keep what the baseline model answered."""
        self._put(answers)

    def step(self) -> tuple[Alert, ...]:
        """Give the watch what waits, a bounded part of it; returns the alerts that opened."""
        with self._lock:
            taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), _STEP_PREDICTIONS))]
            lost, self._lost = self._lost, 0
        if not taken and not lost:
            return ()
        reading = Reading(
            events=_events([one for one in taken if isinstance(one, _Prediction)]),
            labels=tuple(one for one in taken if isinstance(one, LateLabel)),
            shadows=tuple(one for one in taken if isinstance(one, ShadowAnswer)),
            counters=((NOT_WATCHED, lost),) if lost else (),
        )
        with self._guard:
            return self._watch.add(reading)

    def snapshot(self, now: datetime | None = None) -> Snapshot:
        """Everything that the watch knows."""
        with self._guard:
            found = self._watch.snapshot(now)
        return found.model_copy(update={"notes": (*found.notes, _NOTE)})

    def _put(self, things: Sequence[_Prediction | LateLabel | ShadowAnswer]) -> None:
        with self._lock:
            room = max(0, self._most - len(self._waiting))
            self._waiting.extend(things[:room])
            self._lost += max(0, len(things) - room)


def _events(predictions: Sequence[_Prediction]) -> Events:
    answers = [prediction.answer for prediction in predictions]
    return Events(
        time=np.array([prediction.time for prediction in predictions], dtype=np.float64),
        language=tuple(answer.language or UNDETERMINED for answer in answers),
        prediction=tuple(answer.label for answer in answers),
        # A softmax in single precision can exceed 1 by a rounding error.
        confidence=np.minimum(1.0, np.array([answer.confidence for answer in answers], dtype=np.float64)),
        latency_ms=np.array([prediction.latency_ms for prediction in predictions], dtype=np.float64),
        label=(None,) * len(answers),
        id=tuple(answer.id for answer in answers),
        variant=tuple(answer.variant for answer in answers),
        tokens=np.array([answer.tokens for answer in answers], dtype=np.int64),
        unknown=np.array([answer.unknown for answer in answers], dtype=np.int64),
        characters=np.array([answer.characters for answer in answers], dtype=np.int64),
        script=tuple(answer.script for answer in answers),
        output_characters=np.array(
            [-1 if answer.translation is None else len(answer.translation.text) for answer in answers], dtype=np.int64
        ),
    )
