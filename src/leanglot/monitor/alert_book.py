"""The alerts of a monitor: opened, ended, numbered, and a bounded number of them kept."""

from typing import Final

from pydantic import BaseModel, ConfigDict

from leanglot.results.monitoring import Alert

MOST_ENDED: Final = 200


class OpenAlert(BaseModel):
    """An open alert, and by what its end is recognised.

    Attributes:
        what: What changed, in the finding's words.
        alert: The alert.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: str
    alert: Alert


class AlertBookState(BaseModel):
    """Stored form of `AlertBook`.

    Attributes:
        open: Open alerts, the oldest first.
        ended: The newest ended ones, the oldest first.
        numbers: Alerts so far, by language and signal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    open: tuple[OpenAlert, ...] = ()
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

    def open(self, language: str) -> tuple[Alert, ...]:
        """Open alerts of a language, the newest first."""
        return tuple(each.alert for each in reversed(self._open) if each.alert.language == language)

    def all(self) -> tuple[Alert, ...]:
        """Open alerts, the newest first, then the ended ones, those that ended last first."""
        return (*(each.alert for each in reversed(self._open)), *reversed(self._ended))

    def state(self) -> AlertBookState:
        """Everything, to be stored."""
        return AlertBookState(open=tuple(self._open), ended=tuple(self._ended), numbers=dict(self._numbers))
