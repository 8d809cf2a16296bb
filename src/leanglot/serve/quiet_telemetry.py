"""Telemetry for a server that nobody watches."""

from collections.abc import Sequence
from dataclasses import dataclass

from leanglot.serve.answers import Answer, Batch


@dataclass(frozen=True, slots=True)
class QuietTelemetry:
    """Is told everything and keeps nothing; see `Telemetry`."""

    def requested(self, route: str, status: int, seconds: float) -> None:
        """Keep nothing."""

    def answered(self, texts: Sequence[str], answers: Sequence[Answer], seconds: float) -> None:
        """Keep nothing."""

    def labelled(self, identifier: str, label: str) -> None:
        """Keep nothing."""

    def batched(self, batch: Batch) -> None:
        """Keep nothing."""

    def refused(self, reason: str) -> None:
        """Keep nothing."""

    def queued(self, requests: int, texts: int) -> None:
        """Keep nothing."""
