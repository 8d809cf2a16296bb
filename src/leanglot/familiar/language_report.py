"""Metrics by language as a table of plain text."""

import math
from collections.abc import Mapping, Sequence

from leanglot.charts.quantities import ABSENT, count, milliseconds, percent
from leanglot.familiar.metrics import LanguageMetrics
from leanglot.report.format import language, plural


def render_metrics(
    metrics: Mapping[str, LanguageMetrics], shares: Mapping[str, float], prices: Mapping[str, float]
) -> str:
    """The table, the lowest accuracy first, and what is not known below it.

    Args:
        metrics: By language.
        shares: Share of the traffic by language; empty leaves its columns out.
        prices: Cost of one wrong answer by language.
    """
    if not metrics:
        return "Evaluation by language: nothing was evaluated."
    order = sorted(metrics.values(), key=lambda own: own.accuracy)
    head = ["language", "n", "accuracy", "95% interval", "macro F1", "p50", "p95", "threshold", ""]
    head += ["traffic", "errors cost"] if shares else []
    rows = [_row(own, shares, prices) for own in order]
    total = sum(own.sample_count for own in order)
    right = math.fsum(own.accuracy * own.sample_count for own in order)
    mean = math.fsum(own.accuracy for own in order) / len(order)
    overall = (
        f"Evaluation by language: accuracy {percent(right / total)} over {plural(total, 'example')}, "
        f"mean over {plural(len(order), 'language')} {percent(mean)}"
    )
    return "\n".join([overall, "", *_aligned([head, *rows]), *_remarks(order, shares)])


def _row(own: LanguageMetrics, shares: Mapping[str, float], prices: Mapping[str, float]) -> list[str]:
    low, high = percent(own.accuracy_low).removesuffix("%"), percent(own.accuracy_high).removesuffix("%")
    check = own.meets_threshold
    cells = [
        language(own.language),
        count(own.sample_count),
        percent(own.accuracy),
        ABSENT if own.accuracy_low is None else f"{low}–{high}",
        percent(own.f1),
        milliseconds(own.latency_p50),
        milliseconds(own.latency_p95),
        ABSENT if own.threshold is None else percent(own.threshold),
        check.state.upper() if check.met is False else check.state,
    ]
    if shares:
        share, price = shares.get(own.language, 0.0), prices.get(own.language)
        cost = 0.0 if share == 0 else None if price is None else share * own.error_rate * price
        cells += [percent(share), ABSENT if cost is None else f"{cost:.4g}"]
    return cells


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    left = {0, 8}
    lines = [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def _remarks(order: Sequence[LanguageMetrics], shares: Mapping[str, float]) -> list[str]:
    judged = {own.language for own in order}
    unknown = {tag: share for tag, share in shares.items() if share > 0 and tag not in judged}
    missing = dict.fromkeys(why for own in order for name, why in own.missing.items() if name != "threshold")
    told = [f"Not timed: {why}." for why in missing]
    if shares:
        told.append("Errors cost: per prediction of all traffic, share times error rate times cost per error.")
    if unknown:
        named = ", ".join(f"{language(tag)} {percent(share)}" for tag, share in unknown.items())
        told.append(f"Traffic in languages that were not evaluated, whose errors are unknown: {named}.")
    return ["", *told] if told else []
