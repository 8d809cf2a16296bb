"""What the owner should know of candidates, each sentence once with all whom it concerns."""

from leanglot.report.format import concerned
from leanglot.results.records import RunReport


def warning_lines(report: RunReport) -> tuple[tuple[tuple[str, ...], str], ...]:
    """Names of candidates, and what is told of them, in the order in which it comes up.

    Args:
        report: The run.
    """
    told = ((warning, each.name) for each in report.candidates for warning in each.warnings)
    return tuple((names, warning) for warning, names in concerned(told).items())
