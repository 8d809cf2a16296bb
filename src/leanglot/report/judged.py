"""How verdicts come about, in the words that reports end with: of right and wrong answers, or of translations."""

from leanglot.report.format import in_points
from leanglot.results.records import RunReport


def how_judged(report: RunReport) -> str:
    """What safe, harmed and not proven mean in this run.

    Args:
        report: The run.
    """
    safe = f"Safe: the upper confidence bound of the paired drop lies below {in_points(report.margin)}."
    return f"{safe} Harmed: {_harmed(report)} Not proven: neither, and no pass."


def _harmed(report: RunReport) -> str:
    if report.metric is None:
        return "an exact McNemar test, Holm-adjusted over the languages, finds a drop."
    return (
        "paired approximate randomization, Holm-adjusted over the language pairs, finds a drop, or a kind of silent "
        "failure became more frequent."
    )
