"""What the owner should know of candidates, each sentence once with all whom it concerns."""

from leanglot.results.records import RunReport


def warning_lines(report: RunReport) -> tuple[tuple[tuple[str, ...], str], ...]:
    """Names of candidates, and what is told of them, in the order in which it comes up.

    Args:
        report: The run.
    """
    concerned: dict[str, list[str]] = {}
    for candidate in report.candidates:
        for warning in candidate.warnings:
            concerned.setdefault(warning, []).append(candidate.name)
    return tuple((tuple(dict.fromkeys(names)), warning) for warning, names in concerned.items())
