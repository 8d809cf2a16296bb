"""Compares two stored runs: reads their reports and their candidates' answers."""

from pathlib import Path

from leanglot.decide.comparing import StoredRun, compare_runs
from leanglot.errors import RunError
from leanglot.results.comparison import RunComparison
from leanglot.results.folder import RunFolder, read_report
from leanglot.results.predictions import Predictions, read_predictions
from leanglot.results.records import RunReport
from leanglot.results.translation_store import read_translations
from leanglot.results.translations import Translations


def compare(first: Path, second: Path, *, ignore_machine: bool = False) -> RunComparison:
    """Says what changed from one run to another, candidate by candidate of equal name.

    Args:
        first: A run folder, or its ``report.json``.
        second: Another.
        ignore_machine: Compare runs of different machines too, without anything that depends on the machine.

    Raises:
        RunError: A run cannot be read, or the two cannot be compared; names each difference.
    """
    return compare_runs(_read(first), _read(second), ignore_machine=ignore_machine)


def _read(run: Path) -> StoredRun:
    report = read_report(run)
    folder = RunFolder(run.parent if run.is_file() else run)
    return StoredRun(
        name=str(run),
        report=report,
        answers={each.name: _answers(report, folder, each.name) for each in report.candidates},
    )


def _answers(report: RunReport, folder: RunFolder, name: str) -> Predictions | Translations | str:
    try:
        if report.metric is not None:
            return read_translations(folder.candidate(name).translations)
        return read_predictions(folder.candidate(name).predictions)
    except RunError as error:
        return error.message.splitlines()[0].rstrip(".")
