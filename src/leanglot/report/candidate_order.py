"""What the columns of the table of candidates are sorted by: the numbers behind their texts."""

import math
from collections.abc import Callable, Mapping
from typing import Final

from leanglot.report.format import plain
from leanglot.report.summary import accuracy_change, drop_of, group_languages, worst_language
from leanglot.report.tables import shown_columns
from leanglot.results.records import Candidate, Latency, RunReport, Status

FIXED_COLUMNS: Final = ("candidate", "status", "safe", "harmed", "not proven")
"""The columns before those of `leanglot.report.tables`."""

STATUS_RANK: Final[Mapping[Status, float]] = {
    "baseline": 0.0,
    "certified": 1.0,
    "unrefuted": 2.0,
    "rejected": 3.0,
    "failed": 4.0,
}


def sorting_values(report: RunReport, candidate: Candidate) -> tuple[float | str | None, ...]:
    """A value for each of `FIXED_COLUMNS` and each of the table's columns; None where it is absent.

    Columns without a number of their own are sorted by their text, which the page has.
    """
    compared = candidate.name != report.baseline and candidate.status != "failed"
    groups = group_languages(report, candidate) if compared else None
    return (
        plain(candidate.name),
        STATUS_RANK[candidate.status],
        None if groups is None else len(groups.safe),
        None if groups is None else len(groups.harmed),
        None if groups is None else len(groups.unproven),
        *(_number(report, candidate, column) for column in shown_columns(report)),
    )


def _number(report: RunReport, candidate: Candidate, column: str) -> float | None:
    value = _NUMBERS[column](report, candidate) if column in _NUMBERS and candidate.status != "failed" else None
    return None if value is None or not math.isfinite(value) else float(value)


def _latency(value: Callable[[Latency], float | None]) -> Callable[[RunReport, Candidate], float | None]:
    return lambda _, each: None if each.latency_ms is None else value(each.latency_ms)


def _compared(value: Callable[[RunReport, Candidate], float | None]) -> Callable[[RunReport, Candidate], float | None]:
    return lambda report, each: None if each.name == report.baseline else value(report, each)


def _worst(_: RunReport, candidate: Candidate) -> float | None:
    line = worst_language(candidate)
    return None if line is None else drop_of(line)


_NUMBERS: Final[Mapping[str, Callable[[RunReport, Candidate], float | None]]] = {
    "speed-up": lambda _, each: each.speedup,
    "median": _latency(lambda latency: latency.p50),
    "p95": _latency(lambda latency: latency.p95),
    "p99": _latency(lambda latency: latency.p99),
    "tokenizing": lambda _, each: each.tokenization_p50_ms,
    "throughput": lambda _, each: each.throughput_per_s,
    "size": lambda _, each: each.size_bytes,
    "change in size": _compared(lambda _, each: each.size_reduction),
    "peak memory": lambda _, each: each.peak_rss_bytes,
    "cold start": lambda _, each: each.cold_start_s,
    "threads": lambda _, each: each.threads,
    "accuracy": lambda _, each: each.accuracy,
    "change in accuracy": _compared(accuracy_change),
    "mean over languages": lambda _, each: each.macro_accuracy,
    "macro F1": lambda _, each: each.macro_f1,
    "worst language": _compared(_worst),
    "Pareto": lambda _, each: None if each.pareto is None else float(each.pareto),
}
