"""The desk that hears everything the server does, and hands it on: metrics, log, shadow and monitor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from leanglot.monitor.events import ShadowAnswer
from leanglot.serve.answers import Answer, Batch
from leanglot.serve.metrics import Metrics
from leanglot.serve.shadow import Shadow
from leanglot.serve.watching import Watching


class Recorder(Protocol):
    """Who records predictions, labels and shadow answers: the log, or what stands in for it in memory."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """Finish what was taken."""
        ...

    def answered(self, answers: Sequence[Answer], seconds: float) -> None:
        """Record the answers to one request; returns at once."""
        ...

    def labelled(self, identifier: str, label: str) -> None:
        """Record a right label that became known later; returns at once."""
        ...

    def shadowed(self, answers: Sequence[ShadowAnswer]) -> None:
        """Record what the baseline model answered; returns at once."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """Implements `Telemetry` by telling all who want to know.

    Attributes:
        metrics: Counts.
        recorder: Records; None where nobody reads it.
        watching: Reads what was recorded; None where nobody watches.
        shadow: Has the baseline model answer too; None where there is none.
    """

    metrics: Metrics
    recorder: Recorder | None = None
    watching: Watching | None = None
    shadow: Shadow | None = None

    def start(self) -> None:
        """Begin, readers before writers."""
        for part in (self.watching, self.recorder, self.shadow):
            if part is not None:
                part.start()

    def stop(self) -> None:
        """End, writers before readers, so that nothing is written that nobody reads."""
        for part in (self.shadow, self.recorder, self.watching):
            if part is not None:
                part.stop()

    def requested(self, route: str, status: int, seconds: float) -> None:
        """A request was answered, well or not; see `Telemetry`."""
        self.metrics.requested(route, status, seconds)

    def answered(self, texts: Sequence[str], answers: Sequence[Answer], seconds: float) -> None:
        """Texts of one request were answered; see `Telemetry`."""
        self.metrics.answered(answers, seconds)
        if self.recorder is not None:
            self.recorder.answered(answers, seconds)
        if self.shadow is not None:
            self.shadow.offer(texts, answers)

    def labelled(self, identifier: str, label: str) -> None:
        """The right label of an earlier answer became known."""
        self.metrics.labelled()
        if self.recorder is not None:
            self.recorder.labelled(identifier, label)

    def batched(self, batch: Batch) -> None:
        """An engine answered a batch."""
        self.metrics.batched(batch)

    def refused(self, reason: str) -> None:
        """Work was turned away."""
        self.metrics.refused(reason)

    def queued(self, requests: int, texts: int) -> None:
        """The queue has this length now."""
        self.metrics.queued(requests, texts)
        if self.shadow is not None:
            self.shadow.queued(texts)
