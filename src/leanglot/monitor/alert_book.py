"""The alerts of a monitor: opened, ended, numbered, and a bounded number of them kept."""

from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel, ConfigDict

from leanglot.monitor.findings import Finding
from leanglot.monitor.moments import moment
from leanglot.monitor.wording import EVERYTHING, advice, message
from leanglot.results.monitoring import Alert

MOST_ENDED: Final = 200


class AlertBookState(BaseModel):
    """Stored form of `AlertBook`.

    Attributes:
        open: Open alerts, the oldest first.
        ended: The newest ended ones, the oldest first.
        numbers: Alerts so far, by language and signal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    open: tuple[Alert, ...] = ()
    ended: tuple[Alert, ...] = ()
    numbers: dict[str, int] = {}


class AlertBook:
    """All open alerts and the newest 200 ended ones.

    Args:
        state: Where to go on; None begins.
    """

    def __init__(self, state: AlertBookState | None = None) -> None:
        begun = AlertBookState() if state is None else state
        self._open = list(begun.open)
        self._ended = list(begun.ended)
        self._numbers = dict(begun.numbers)

    def update(self, language: str, findings: Iterable[Finding]) -> list[Alert]:
        """Take what a test found.

        Args:
            language: Canonical tag; ``*`` for the mix of languages.
            findings: What opened or ended, in order; of each signal one is open at most.

        Returns:
            The alerts that opened.
        """
        opened = []
        for finding in findings:
            if finding.ended_at is None:
                opened.append(self._opened(language, finding))
                self._open.append(opened[-1])
            else:
                self._end(language, finding, finding.ended_at)
        return opened

    def open(self, language: str) -> tuple[Alert, ...]:
        """Open alerts of a language, the newest first."""
        return tuple(alert for alert in reversed(self._open) if alert.language == language)

    def all(self) -> tuple[Alert, ...]:
        """Open alerts, the newest first, then the ended ones, those that ended last first."""
        return (*reversed(self._open), *reversed(self._ended))

    def state(self) -> AlertBookState:
        """Everything, to be stored."""
        return AlertBookState(open=tuple(self._open), ended=tuple(self._ended), numbers=dict(self._numbers))

    def _opened(self, language: str, finding: Finding) -> Alert:
        key = f"{'all' if language == EVERYTHING else language}-{finding.signal}"
        self._numbers[key] = self._numbers.get(key, 0) + 1
        return Alert(
            id=f"{key}-{self._numbers[key]}",
            language=language,
            signal=finding.signal,
            since=moment(finding.since),
            found_at=moment(finding.found_at),
            n=finding.n,
            baseline=finding.baseline,
            now=finding.now,
            low=finding.low,
            high=finding.high,
            chance=finding.chance,
            message=message(language, finding),
            advice=advice(finding.signal, language),
        )

    def _end(self, language: str, finding: Finding, time: float) -> None:
        for known in [each for each in self._open if each.language == language and each.signal == finding.signal]:
            self._open.remove(known)
            self._ended = [*self._ended, known.model_copy(update={"ended_at": moment(time)})][-MOST_ENDED:]
