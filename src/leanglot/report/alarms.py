"""The alarms of a run for the reports: one line per sentence, with all candidates that it is true of."""

from dataclasses import dataclass

from leanglot.report.format import concerned, plain
from leanglot.report.summary import primary
from leanglot.results.records import Alarm, Candidate, RunReport


@dataclass(frozen=True)
class AlarmLine:
    """One alarm, and whom it concerns.

    Attributes:
        alarm: The alarm.
        candidates: Names of the candidates that raised it in the same words.
    """

    alarm: Alarm
    candidates: tuple[str, ...]


def alarm_lines(report: RunReport) -> tuple[AlarmLine, ...]:
    """All alarms of a run: those of the candidate that the report opens with first, then by candidate.

    Raises:
        RunError: When the report names candidates that it does not have.
    """
    first = primary(report)
    ranked = sorted(report.candidates, key=lambda each: first is None or each.name != first.name)
    raised = concerned((alarm, candidate.name) for candidate in ranked for alarm in candidate.alarms)
    return tuple(AlarmLine(alarm, names) for alarm, names in raised.items())


def alarm_codes(candidate: Candidate) -> tuple[str, ...]:
    """The codes of a candidate's alarms, each once, in their order."""
    return tuple(dict.fromkeys(alarm.code for alarm in candidate.alarms))


def explaining_pages(lines: tuple[AlarmLine, ...]) -> tuple[str, ...]:
    """The documents that explain these alarms, each once."""
    return tuple(dict.fromkeys(plain(line.alarm.anchor).partition("#")[0] for line in lines))
