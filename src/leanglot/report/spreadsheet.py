"""The numbers of a run for a spreadsheet: a row per candidate, and a row per candidate and language."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, get_args

from leanglot.charts.labels import language_name, language_tags
from leanglot.report.format import plain
from leanglot.report.summary import baseline_of, group_languages
from leanglot.results.records import Candidate, LanguageResult, Latency, RunReport
from leanglot.results.terms import terms_of
from leanglot.results.translation import FailureKind, Metric
from leanglot.techniques import MetricName

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
_OF_LABELS: Final = frozenset(_SCORES)
"""What is known of labels alone."""
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
    rows = [_language(report, candidate, tag) for candidate in report.candidates for tag in tags]
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
    costs = _COSTS if report.metric is None else (*_COSTS, "per_million_characters", "per_million_tokens")
    numbers |= {f"monthly_cost_{name}": _of(cost, name) for name in costs}
    numbers = _of_metric(numbers, report.metric)
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


def _language(report: RunReport, candidate: Candidate, tag: str) -> dict[str, Cell]:
    own, noun = candidate.languages.get(tag), terms_of(report.metric).language.replace(" ", "_")
    numbers: dict[str, Cell] = {"n": None, "baseline": None, "accuracy": None}
    if own is not None:
        numbers |= {"n": own.n, "baseline": own.baseline, "accuracy": own.candidate}
    numbers |= {name: _of(own, name) for name in (*_SCORES, *_JUDGED, "latency_p50_ms")}
    spread = None if own is None else own.latency_spread
    numbers |= {f"latency_spread_{name}{'' if name == 'n' else '_ms'}": _of(spread, name) for name in _SPREAD}
    numbers |= {name: _of(own, name) for name in ("tokens_per_example", "truncated")}
    if report.metric is not None:
        numbers = _of_metric(numbers, report.metric) | _translated(report.metric, candidate, tag)
    missing = {name: _why_not(candidate, own, name) for name, value in numbers.items() if value is None}
    return {
        "candidate": candidate.name,
        "status": candidate.status,
        noun: tag,
        f"{noun}_name": language_name(tag),
        "groups": _of(own, "groups"),
        **numbers,
        "reason": None if own is None else own.reason,
        "missing": _reasons(missing),
    }


def _translated(metric: Metric, candidate: Candidate, tag: str) -> dict[str, Cell]:
    """The other metric, and how many sentences fail silently."""
    quality = None if candidate.translation is None else candidate.translation.pairs.get(tag)
    failures = {} if quality is None else quality.failures
    others: tuple[str, ...] = tuple(name for name in get_args(MetricName) if name != metric.name)
    numbers = {name: _of(quality, name) for name in (*others, "copying", "tokens", "characters")}
    return numbers | {f"failed_{kind.replace('-', '_')}": failures.get(kind) for kind in get_args(FailureKind)}


def _of_metric(numbers: Mapping[str, Cell], metric: Metric | None) -> dict[str, Cell]:
    """The numbers as a run with a metric calls them: after it where others say accuracy, and none of labels."""
    if metric is None:
        return dict(numbers)
    named = {f"{start}accuracy": f"{start}{metric.name}" for start in ("", "macro_")}
    return {named.get(name, name): value for name, value in numbers.items() if name not in _OF_LABELS}


def _why_not(candidate: Candidate, own: LanguageResult | None, name: str) -> str:
    """Why a candidate has no such number in a language."""
    if candidate.status == "failed":
        return "it failed"
    if own is None:
        return "not measured in this language"
    if candidate.status == "baseline" and name in _JUDGED:
        return "it is the baseline"
    known = {"failed_": "not looked for", "samples_needed": "no number would be honest"}
    known["latency_"] = "too few calls, or not kept"
    return next((why for start, why in known.items() if name.startswith(start)), "not measured")


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
