"""The table of languages for one candidate: its columns, its rows with texts and sorting numbers, its intervals."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from leanglot.charts.labels import language_tags
from leanglot.charts.quantities import ABSENT, count, milliseconds, percent, points, score
from leanglot.charts.style import VERDICT_WORD
from leanglot.report.format import chance, interval, more_examples, plain
from leanglot.report.page_data import Column, Interval, Row
from leanglot.report.tables import REFERENCE
from leanglot.results.records import Candidate, LanguageResult, RunReport, VerdictKind
from leanglot.results.terms import CLASSIFICATION, Terms, terms_of

VERDICT_RANK: Final[Mapping[VerdictKind | None, float | None]] = {
    "safe": 0.0,
    "inconclusive": 1.0,
    "harmed": 2.0,
    None: None,
}
STRIP_WIDTH: Final = 120.0
"""Width of the strips in their own units."""

_NARROWEST: Final = 3.0
_SHARE_SHOWN: Final = 0.7


@dataclass(frozen=True)
class _Told:
    """How a column is filled from a result."""

    text: Callable[[LanguageResult], str]
    value: Callable[[LanguageResult], float | None]


def _percentage(value: Callable[[LanguageResult], float | None], terms: Terms = CLASSIFICATION) -> _Told:
    return _Told(lambda each: score(value(each), terms), value)


def _tokens(result: LanguageResult) -> str:
    return ABSENT if result.tokens_per_example is None else f"{result.tokens_per_example:.1f}"


def _needed(result: LanguageResult) -> float | None:
    return None if result.verdict is None else 0.0 if result.verdict != "inconclusive" else result.samples_needed


def _accuracy_interval(result: LanguageResult) -> str:
    if result.accuracy_low is None or result.accuracy_high is None:
        return ABSENT
    return f"{percent(result.accuracy_low)} to {percent(result.accuracy_high)}"


_COMPARED: Final = frozenset({"verdict", "drop", "interval", "bound", "settle", "chance"})
_OF_LABELS: Final = frozenset({"accuracy", "f1"})
_TOLD: Final[Mapping[str, _Told]] = {
    "verdict": _Told(lambda each: VERDICT_WORD[each.verdict], lambda each: VERDICT_RANK[each.verdict]),
    "drop": _Told(lambda each: points(each.drop), lambda each: each.drop),
    "interval": _Told(lambda each: interval(each.drop_low, each.drop_high), lambda each: each.drop_high),
    "baseline": _percentage(lambda each: each.baseline),
    "candidate": _percentage(lambda each: each.candidate),
    "examples": _Told(lambda each: count(each.n), lambda each: each.n),
    "groups": _Told(lambda each: "none" if each.groups is None else count(each.groups), lambda each: each.groups),
    "settle": _Told(more_examples, _needed),
    "latency": _Told(lambda each: milliseconds(each.latency_p50_ms), lambda each: each.latency_p50_ms),
    "tokens": _Told(_tokens, lambda each: each.tokens_per_example),
    "bound": _Told(lambda each: points(each.drop_bound, 2), lambda each: each.drop_bound),
    "accuracy": _Told(_accuracy_interval, lambda each: each.accuracy_low),
    "f1": _percentage(lambda each: each.macro_f1),
    "truncated": _Told(lambda each: count(each.truncated), lambda each: each.truncated),
    "chance": _Told(lambda each: chance(each.p_adjusted), lambda each: each.p_adjusted),
}


def language_columns(report: RunReport) -> tuple[Column, ...]:
    """The columns after the language itself; the last one, the reason, is text alone."""
    level, terms = f"{(1 - report.alpha) * 100:g}%", terms_of(report.metric)
    columns = (
        Column(key="verdict", title="Verdict", numeric=False),
        Column(key="drop", title="Drop", hint=f"In {_unit(terms)} on the same {terms.example}s; + is a loss."),
        Column(key="interval", title=f"{level} interval", hint="Of the drop, two-sided, in points."),
        Column(key="baseline", title="Baseline", hint=f"Its {terms.quality}."),
        Column(key="candidate", title="Candidate", hint=f"Its {terms.quality}."),
        Column(key="examples", title=terms.told("Examples")),
        Column(key="groups", title="Groups", hint=terms.told("Independent sources of the examples.")),
        Column(key="settle", title="To settle it", hint=terms.told("Further examples that would settle the verdict.")),
        Column(key="latency", title="Median", hint="Latency of one text, tokenization outside."),
        Column(key="tokens", title="Tokens", hint="Mean number per text."),
        Column(key="bound", title="Upper bound", extra=True, hint="One-sided; below the margin is safe."),
        Column(key="accuracy", title="Accuracy, 95%", extra=True, hint="Interval of the candidate's accuracy."),
        Column(key="f1", title="Macro F1", extra=True),
        Column(key="truncated", title="Cut short", extra=True, hint=terms.told("Examples cut at the maximum length.")),
        Column(key="chance", title="p, Holm", extra=True),
        Column(key="reason", title="Why", numeric=False, extra=True),
    )
    return tuple(column for column in columns if not (terms.translates and column.key in _OF_LABELS))


def _unit(terms: Terms) -> str:
    return "points" if terms.translates else "percentage points"


def _told(terms: Terms) -> Mapping[str, _Told]:
    """How the columns of a run are filled; translations have no labels, and their scores are no percentages."""
    if not terms.translates:
        return _TOLD
    scores = {
        "baseline": _percentage(lambda each: each.baseline, terms),
        "candidate": _percentage(lambda each: each.candidate, terms),
    }
    return {key: scores.get(key, told) for key, told in _TOLD.items() if key not in _OF_LABELS}


def strip_limit(rows: Sequence[Row], margin: float) -> float:
    """The drop in points at both ends of the strips that a candidate's intervals are drawn in.

    Seven of ten intervals fit; a language of one example would else make a dot of all others.

    Args:
        rows: The candidate's languages.
        margin: The margin in points.
    """
    ends = sorted(max(abs(row.interval.low), abs(row.interval.high)) for row in rows if row.interval is not None)
    usual = ends[math.ceil(_SHARE_SHOWN * len(ends)) - 1] if ends else 0.0
    return round(max(usual, _NARROWEST * margin, 0.1), 3)


def strip_x(points_lost: float, limit: float) -> float:
    """Where a drop stands in a strip of `STRIP_WIDTH`; what lies outside stands at its end."""
    return math.floor(5 * STRIP_WIDTH * (1 + max(-1.0, min(1.0, points_lost / limit))) + 0.5) / 10


def language_rows(report: RunReport, candidate: Candidate) -> tuple[Row, ...]:
    """One row per language of the data, the worst drop first and those without a drop last.

    Args:
        report: The run.
        candidate: One of its candidates.
    """
    if candidate.status == "failed":
        return ()
    is_baseline, terms = candidate.name == report.baseline, terms_of(report.metric)
    rows = [
        _row(index, candidate.languages.get(tag), terms, is_baseline=is_baseline)
        for index, tag in enumerate(language_tags(report))
    ]
    return tuple(sorted(rows, key=_worst_first))


def _worst_first(row: Row) -> tuple[bool, float]:
    drop = row.values[1]
    return drop is None, 0.0 if drop is None else -drop


def _row(index: int, result: LanguageResult | None, terms: Terms, *, is_baseline: bool) -> Row:
    columns = _told(terms)
    if result is None:
        return Row(
            language=index,
            verdict=None,
            texts=(VERDICT_WORD[None], *[ABSENT] * (len(columns) - 1), ABSENT),
            values=(None,) * (len(columns) + 1),
            interval=None,
            reason=terms.told("This candidate has no result for this language."),
        )
    reason = plain(result.reason or ("" if is_baseline else "no reason was recorded"))
    skipped = _COMPARED if is_baseline else frozenset()
    return Row(
        language=index,
        verdict=None if is_baseline else result.verdict,
        texts=(*(REFERENCE if key in skipped else told.text(result) for key, told in columns.items()), reason),
        values=(*(None if key in skipped else _finite(told.value(result)) for key, told in columns.items()), None),
        interval=None if is_baseline else _interval(result),
        reason=reason,
    )


def _interval(result: LanguageResult) -> Interval | None:
    low, drop, high = (_finite(each) for each in (result.drop_low, result.drop, result.drop_high))
    if low is None or drop is None or high is None:
        return None
    bound = _finite(result.drop_bound)
    low, drop, high = (round(100 * each, 3) for each in (low, drop, high))
    return Interval(low=low, drop=drop, high=high, bound=None if bound is None else round(100 * bound, 3))


def _finite(value: float | None) -> float | None:
    """The number with six significant digits, enough to sort by; None for what is no number."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")
