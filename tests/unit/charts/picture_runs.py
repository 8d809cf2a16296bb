"""Runs with all that the pictures of a run need: prices, spreads of latencies, students; few or many languages."""

from leanglot.config import Costs
from leanglot.results.pricing import MonthlyCost, Pricing
from leanglot.results.records import LatencySpread
from leanglot.techniques import Distillation, Int8
from leanglot.techniques.distillation import Student

LONG_TAGS = ("zh-Hant-TW", "sr-Latn-RS", "hy-arevmda", "ckb-Arab-IQ", "az-Cyrl-AZ")


def spread(middle, n=28):
    return LatencySpread(
        n=n,
        low=0.7 * middle,
        p25=0.9 * middle if n >= 23 else None,
        p50=middle,
        p75=1.2 * middle if n >= 23 else None,
        p90=1.5 * middle if n >= 64 else None,
        high=2.4 * middle,
    )


def with_spreads(report, n=28):
    """Each language's latency spreads around a median of its own."""
    candidates = []
    for place, candidate in enumerate(report.candidates):
        rows = {
            tag: row.model_copy(
                update={
                    "latency_spread": spread((20 if place == 0 else 2) + number / 3, n),
                    "latency_p50_ms": (20 if place == 0 else 2) + number / 3,
                }
            )
            for number, (tag, row) in enumerate(candidate.languages.items())
        }
        candidates.append(candidate.model_copy(update={"languages": rows}))
    return report.model_copy(update={"candidates": tuple(candidates)})


def with_costs(report, currency="$", totals=None):
    """Every candidate costs something in a month; those without a latency stay without."""
    costs = Costs(monthly_predictions=1e6, traffic={"en": 1.0}, error_cost=0.1, monthly_infra={"x": 1.0})
    costs = costs.model_copy(update={"currency": currency})
    pricing = Pricing(costs=costs, cheapest=None, draws=1000, method="Beta")
    candidates = []
    for place, candidate in enumerate(report.candidates):
        total = 3000.0 - 130 * place if totals is None else totals[place]
        cost = MonthlyCost(
            infra=500.0,
            errors=None if total is None else total - 500,
            total=total,
            total_low=None if total is None else 0.9 * total,
            total_high=None if total is None else 1.15 * total,
            reason="Traffic in xx was not judged." if total is None else None,
        )
        latency = candidate.latency_ms
        if latency is not None:
            latency = latency.model_copy(update={"p95": 2.0 + 37.0 / (place + 1)})
        candidates.append(candidate.model_copy(update={"monthly_cost": cost, "latency_ms": latency}))
    return report.model_copy(update={"candidates": tuple(candidates), "pricing": pricing})


def with_students(report):
    """The candidates from the third on learned from the baseline."""
    step = Distillation(student=Student(layers=2))
    first, second, *others = report.candidates
    taught = [each.model_copy(update={"recipe": (step, Int8())}) for each in others]
    return report.model_copy(update={"candidates": (first, second, *taught)})


def with_languages(report, tags):
    """The same rows under other tags, over and over."""
    candidates = []
    for candidate in report.candidates:
        rows = list(candidate.languages.values())
        given = {tag: rows[place % len(rows)] for place, tag in enumerate(tags)} if rows else {}
        candidates.append(candidate.model_copy(update={"languages": given}))
    data = report.data.model_copy(update={"examples": dict.fromkeys(tags, 100)})
    return report.model_copy(update={"candidates": tuple(candidates), "data": data})


def complete(report):
    return with_students(with_costs(with_spreads(report)))


def many_tags():
    return (*LONG_TAGS, *(f"{first}{second}" for first in "abcdefghijk" for second in "mnorst"))[:60]
