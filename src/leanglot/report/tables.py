"""The table of candidates as text cells: every absent number says "n/a" and points to a footnote with the why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from leanglot.charts.quantities import ABSENT, count, megabytes, milliseconds, points, ratio, score, smaller
from leanglot.report.format import language
from leanglot.report.summary import LanguageGroups, accuracy_change, group_languages, worst_language
from leanglot.results.records import Candidate, Latency, RunReport
from leanglot.results.terms import terms_of

Column = Literal[
    "speed-up", "median", "size", "change in size", "accuracy", "change in accuracy", "worst language", "p95", "p99",
    "tokenizing", "throughput", "cold start", "peak memory", "threads", "mean over languages", "macro F1", "Pareto",
]  # fmt: skip
COLUMNS: Final[tuple[Column, ...]] = Column.__args__  # type: ignore[attr-defined]
REFERENCE: Final = "reference"
_OF_LABELS: Final = frozenset({"macro F1"})
_COMPARED: Final = frozenset({"change in size", "change in accuracy", "worst language"})


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: What it says.
        note: Number of the footnote that says why it is absent; None for a cell with a value.
    """

    text: str
    note: int | None = None


@dataclass(frozen=True)
class CandidateRow:
    """One candidate of the table.

    Attributes:
        candidate: The candidate.
        cells: Its cells by column.
        groups: Its languages; None on the baseline, which is compared with nothing.
    """

    candidate: Candidate
    cells: Mapping[Column, Cell]
    groups: LanguageGroups | None


@dataclass(frozen=True)
class CandidateTable:
    """All candidates.

    Attributes:
        rows: One per candidate, in the order of the report.
        notes: The footnotes; note 1 is the first.
    """

    rows: tuple[CandidateRow, ...]
    notes: tuple[str, ...]


def shown_columns(report: RunReport) -> tuple[Column, ...]:
    """The columns that a run has numbers for: translations have no labels, so no F1."""
    if not terms_of(report.metric).translates:
        return COLUMNS
    return tuple(column for column in COLUMNS if column not in _OF_LABELS)


def candidate_table(report: RunReport) -> CandidateTable:
    """Lays out all candidates with their footnotes."""
    notes: dict[str, int] = {}
    rows = []
    for candidate in report.candidates:
        cells = {}
        is_baseline = candidate.name == report.baseline
        for column in shown_columns(report):
            text = REFERENCE if is_baseline and column in _COMPARED else _TEXTS[column](report, candidate)
            note = None
            # A failed candidate shows why it failed once, in place of its numbers.
            if text == ABSENT and candidate.status != "failed":
                note = notes.setdefault(why_absent(report, candidate, column), len(notes) + 1)
            cells[column] = Cell(text, note)
        groups = None if is_baseline or candidate.status == "failed" else group_languages(report, candidate)
        rows.append(CandidateRow(candidate, cells, groups))
    return CandidateTable(tuple(rows), tuple(notes))


def why_absent(report: RunReport, candidate: Candidate, column: Column) -> str:
    """Why a cell of this candidate has no value."""
    if candidate.status == "failed":
        return f"{candidate.name} failed: {candidate.reason or 'no reason was recorded'}"
    latency = candidate.latency_ms
    # The records name the median by its percentile.
    key = {"median": "p50"}.get(column, column)
    if latency is not None and key in latency.missing:
        return f"{candidate.name}, {column}: {latency.missing[key]}"
    return f"Not measured in this run: {terms_of(report.metric).told(column)}."


def _latency(value: Callable[[Latency], float | None]) -> Callable[[RunReport, Candidate], str]:
    return lambda _, each: milliseconds(None if each.latency_ms is None else value(each.latency_ms))


def _throughput(_: RunReport, candidate: Candidate) -> str:
    per_second, gain = candidate.throughput_per_s, candidate.throughput_gain
    if per_second is None:
        return ABSENT
    return f"{per_second:,.0f}/s" + ("" if gain is None else f" ({ratio(gain)})")


def _worst(_: RunReport, candidate: Candidate) -> str:
    line = worst_language(candidate)
    if line is None or line.result is None or line.result.drop is None:
        return ABSENT
    return f"{language(line.tag)} {points(line.result.drop)}" if line.result.drop > 0 else "no drop"


def _score(value: Callable[[Candidate], float | None]) -> Callable[[RunReport, Candidate], str]:
    return lambda report, each: score(value(each), terms_of(report.metric))


def _pareto(_: RunReport, candidate: Candidate) -> str:
    return ABSENT if candidate.pareto is None else "yes" if candidate.pareto else "no"


def _cold_start(_: RunReport, candidate: Candidate) -> str:
    return ABSENT if candidate.cold_start_s is None else f"{candidate.cold_start_s:.1f} s"


_TEXTS: Final[Mapping[Column, Callable[[RunReport, Candidate], str]]] = {
    "speed-up": lambda _, each: ratio(each.speedup),
    "median": _latency(lambda latency: latency.p50),
    "p95": _latency(lambda latency: latency.p95),
    "p99": _latency(lambda latency: latency.p99),
    "tokenizing": lambda _, each: milliseconds(each.tokenization_p50_ms),
    "throughput": _throughput,
    "size": lambda _, each: megabytes(each.size_bytes),
    "change in size": lambda _, each: smaller(each.size_reduction),
    "peak memory": lambda _, each: megabytes(each.peak_rss_bytes),
    "cold start": _cold_start,
    "threads": lambda _, each: count(each.threads),
    "accuracy": _score(lambda each: each.accuracy),
    "change in accuracy": lambda report, each: points(accuracy_change(report, each)),
    "mean over languages": _score(lambda each: each.macro_accuracy),
    "macro F1": _score(lambda each: each.macro_f1),
    "worst language": _worst,
    "Pareto": _pareto,
}
