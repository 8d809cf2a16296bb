"""The numbers of a run for a spreadsheet: a row per candidate, and a row per candidate and language."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from leanglot.charts.labels import language_name, language_tags
from leanglot.report.format import plain
from leanglot.report.summary import baseline_of, group_languages
from leanglot.results.records import Candidate, LanguageResult, Latency, RunReport

Cell = str | int | float | bool | None
_FORMULA: Final = ("=", "+", "-", "@")
_OWN: Final = (
    "size_bytes", "size_reduction", "sparsity", "peak_rss_bytes", "cold_start_s", "tokenization_p50_ms",
    "throughput_per_s", "speedup", "throughput_gain", "accuracy", "macro_accuracy", "macro_f1", "precision", "recall",
    "pareto", "threads",
)  # fmt: skip
_LATENCY: Final = ("n", "mean", "std", "p50", "p95", "p99")
_COSTS: Final = ("infra", "errors", "total", "total_low", "total_high", "per_million", "chance_cheapest")
_COMPARED: Final = frozenset({"size_reduction", "speedup", "throughput_gain", "safe", "harmed", "not_proven"})
_JUDGED: Final = (
    "drop", "drop_low", "drop_high", "drop_bound", "p_value", "p_adjusted", "verdict", "detectable_drop",
    "samples_needed",
)  # fmt: skip
_SCORES: Final = ("accuracy_low", "accuracy_high", "macro_f1", "precision", "recall")
_FAMILIES: Final = ("monthly_cost_", "latency_spread_")
"""Columns that are mostly empty together, and then named once."""
_SPREAD: Final = ("n", "low", "p25", "p50", "p75", "p90", "high")


def candidates_csv(report: RunReport) -> str:
    """A row per candidate, as CSV after RFC 4180.

    A cell is empty where there is no number; the last column, ``missing``, says why. Shares and drops are fractions.

    Args:
        report: The run.

    Raises:
        RunError: When the report names candidates that it does not have.
    """
    baseline_of(report)  # refuses a report without one
    return _written([_candidate(report, candidate) for candidate in report.candidates])


def languages_csv(report: RunReport) -> str:
    """A row per candidate and language; see `candidates_csv`."""
    tags = language_tags(report)
    rows = [_language(candidate, tag, candidate.languages.get(tag)) for candidate in report.candidates for tag in tags]
    return _written(rows)


def _candidate(report: RunReport, candidate: Candidate) -> dict[str, Cell]:
    compared = candidate.status not in {"baseline", "failed"}
    groups = group_languages(report, candidate) if compared else None
    cost = candidate.monthly_cost
    numbers: dict[str, Cell] = {name: getattr(candidate, name) for name in _OWN}
    numbers |= {f"latency_{name}{'' if name == 'n' else '_ms'}": _of(candidate.latency_ms, name) for name in _LATENCY}
    numbers |= {
        "safe": None if groups is None else len(groups.safe),
        "harmed": None if groups is None else len(groups.harmed),
        "not_proven": None if groups is None else len(groups.unproven),
    }
    numbers |= {f"monthly_cost_{name}": _of(cost, name) for name in _COSTS}
    return {
        "candidate": candidate.name,
        "status": candidate.status,
        "reason": candidate.reason,
        "runtime": candidate.runtime,
        "recipe": " + ".join(step.technique for step in candidate.recipe),
        **numbers,
        "alarms": " ".join(dict.fromkeys(alarm.code for alarm in candidate.alarms)),
        "missing": _reasons({name: _why(report, candidate, name) for name, value in numbers.items() if value is None}),
    }


def _why(report: RunReport, candidate: Candidate, name: str) -> str:
    """Why a candidate has no such number."""
    if candidate.status == "failed":
        return "it failed"
    if candidate.status == "baseline" and name in _COMPARED:
        return "it is the baseline"
    latency = candidate.latency_ms
    percentile = name.removeprefix("latency_").removesuffix("_ms")
    if name.startswith("latency_") and latency is not None and percentile in latency.missing:
        return latency.missing[percentile]
    if name.startswith("monthly_cost_"):
        if report.pricing is None:
            return "no costs were given"
        return (candidate.monthly_cost and candidate.monthly_cost.reason) or "it takes no part in the choice"
    return "not measured"


def _language(candidate: Candidate, tag: str, own: LanguageResult | None) -> dict[str, Cell]:
    numbers: dict[str, Cell] = {"n": None, "baseline": None, "accuracy": None}
    if own is not None:
        numbers |= {"n": own.n, "baseline": own.baseline, "accuracy": own.candidate}
    numbers |= {name: _of(own, name) for name in (*_SCORES, *_JUDGED, "latency_p50_ms")}
    spread = None if own is None else own.latency_spread
    numbers |= {f"latency_spread_{name}{'' if name == 'n' else '_ms'}": _of(spread, name) for name in _SPREAD}
    numbers |= {name: _of(own, name) for name in ("tokens_per_example", "truncated")}
    missing = {name: _why_not(candidate, own, name) for name, value in numbers.items() if value is None}
    return {
        "candidate": candidate.name,
        "status": candidate.status,
        "language": tag,
        "language_name": language_name(tag),
        "groups": _of(own, "groups"),
        **numbers,
        "reason": None if own is None else own.reason,
        "missing": _reasons(missing),
    }


def _why_not(candidate: Candidate, own: LanguageResult | None, name: str) -> str:
    """Why a candidate has no such number in a language."""
    if candidate.status == "failed":
        return "it failed"
    if own is None:
        return "not measured in this language"
    if candidate.status == "baseline" and name in _JUDGED:
        return "it is the baseline"
    if name == "samples_needed":
        return "no number would be honest"
    if name.startswith("latency_"):
        return "too few calls, or not kept"
    return "not measured"


def _of(record: Latency | object | None, name: str) -> Cell:
    value: Cell = None if record is None else getattr(record, name)
    return value


def _reasons(missing: Mapping[str, str]) -> str:
    """Each reason once, with the columns that it is true of."""
    columns: dict[str, dict[str, None]] = {}
    for name, why in missing.items():
        family = next((start for start in _FAMILIES if name.startswith(start)), None)
        columns.setdefault(why, {})[name if family is None else f"{family}*"] = None
    return "; ".join(f"{', '.join(names)}: {why}" for why, names in columns.items())


def _written(rows: Sequence[Mapping[str, Cell]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(rows[0])
    writer.writerows([_safe(value) for value in row.values()] for row in rows)
    return out.getvalue()


def _safe(value: Cell) -> Cell:
    """The value; text that a spreadsheet would take for a formula gets an apostrophe before it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return value
    shown = plain(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def spreadsheets(report: RunReport) -> Iterable[tuple[str, str]]:
    """The files by name: ``report.csv`` and ``languages.csv``."""
    return (("report.csv", candidates_csv(report)), ("languages.csv", languages_csv(report)))
