"""What candidates cost, ready to be shown: a row for each, what would change the choice, and what is not known."""

import math
from dataclasses import dataclass
from typing import Final

from leanglot.charts.quantities import ABSENT, chance_words, percent
from leanglot.decide.amounts import money
from leanglot.decide.wording import names
from leanglot.report.format import language, plural
from leanglot.results.pricing import BreakEven, MonthlyCost, Pricing
from leanglot.results.records import Candidate, RunReport
from leanglot.results.terms import CLASSIFICATION, Terms, terms_of

COST_COLUMNS: Final = ("machines", "errors", "total", "interval", "per million", "chance cheapest")
COST_HEADINGS: Final = ("machines", "errors", "total", "95% interval", "per million", "cheapest?")
"""The same for narrow tables."""
_PER: Final = {"per million": "per million sentences", "per million characters": "per million characters"}
HOW_COST_READS: Final = (
    "Cheapest: how likely it is that nothing else that may be shipped, so nothing rejected, costs less."
)
_MOST_SENTENCES: Final = 6
_LANGUAGES_NAMED: Final = 3


def cost_columns(terms: Terms) -> tuple[str, ...]:
    """The columns of the table of costs; translations are priced by the character too."""
    if not terms.translates:
        return COST_COLUMNS
    return (*COST_COLUMNS[:4], *_PER.values(), *COST_COLUMNS[5:])


def cost_headings(terms: Terms) -> tuple[str, ...]:
    """The same for narrow tables."""
    return (
        (*COST_HEADINGS[:4], "/M sentences", "/M characters", *COST_HEADINGS[5:]) if terms.translates else COST_HEADINGS
    )


@dataclass(frozen=True)
class CostRow:
    """One candidate's prices.

    Attributes:
        candidate: The candidate.
        cost: Its record.
        cells: Texts by column of `cost_columns`; what is unknown reads ``n/a``, a total that is known in part ``at
            least`` so much.
        cheapest: Whether its total is the lowest of those that may be shipped.
    """

    candidate: Candidate
    cost: MonthlyCost
    cells: dict[str, str]
    cheapest: bool


@dataclass(frozen=True)
class CostTable:
    """The prices of a run.

    Attributes:
        rows: All candidates that did not fail, the cheapest first, those of unknown total last.
        title: What the amounts are.
        assumptions: What they rest on, in a sentence.
        changes: What would change the choice, the nearest first, one sentence each.
        remarks: Whose errors cost most, what is unknown, and how the intervals come about, one sentence each.
    """

    rows: tuple[CostRow, ...]
    title: str
    assumptions: str
    changes: tuple[str, ...]
    remarks: tuple[str, ...]


def cost_table(report: RunReport) -> CostTable | None:
    """The prices of a run; None where no costs were given.

    Args:
        report: The run.
    """
    pricing, terms = report.pricing, terms_of(report.metric)
    if pricing is None:
        return None
    priced = [(each, each.monthly_cost) for each in report.candidates if each.status != "failed"]
    rows = [_row(each, cost, pricing, terms) for each, cost in priced if cost is not None]
    rows.sort(key=lambda row: math.inf if row.cost.total is None else row.cost.total)
    return CostTable(
        rows=tuple(rows),
        title=f"Cost in a month of {pricing.costs.monthly_predictions:,.0f} {terms.told('predictions')}",
        assumptions=_assumptions(pricing, terms),
        changes=break_even_sentences(pricing, terms=terms),
        remarks=(*_largest(rows, pricing), *_unknown(pricing, terms), *pricing.notes, f"{pricing.method}."),
    )


def break_even_sentences(
    pricing: Pricing, most: int = _MOST_SENTENCES, terms: Terms = CLASSIFICATION
) -> tuple[str, ...]:
    """What would change the choice, one sentence each, the nearest to how it is first.

    Args:
        pricing: How the candidates were priced.
        most: Most sentences.
        terms: The words of the run.
    """
    nearest = sorted(pricing.break_evens, key=_distance)
    told = tuple(_sentence(each, pricing, terms) for each in nearest[:most])
    if len(nearest) > most:
        return (*told, f"{len(nearest) - most} more such changes lie farther off.")
    if told or pricing.cheapest is None:
        return told
    return (f"Nothing within sight would make another candidate cheaper than {pricing.cheapest}.",)


def _row(candidate: Candidate, cost: MonthlyCost, pricing: Pricing, terms: Terms) -> CostRow:
    sign = pricing.costs.currency
    total = _money(cost.total, sign)
    if cost.total is None and cost.known is not None:
        total = f"at least {money(cost.known, sign)}"
    low, high = cost.total_low, cost.total_high
    cells = {
        "machines": _machines(cost, sign),
        "errors": _money(cost.errors, sign),
        "total": total,
        "interval": ABSENT if low is None or high is None else f"{money(low, sign)} to {money(high, sign)}",
        "per million": _money(cost.per_million, sign),
        "per million sentences": _money(cost.per_million, sign),
        "per million characters": _money(cost.per_million_characters, sign),
        "chance cheapest": _chance(candidate, cost),
    }
    cells = {column: cells[column] for column in cost_columns(terms)}
    return CostRow(candidate, cost, cells, cheapest=candidate.name == pricing.cheapest)


def _machines(cost: MonthlyCost, sign: str) -> str:
    if cost.infra is None or cost.machines is None:
        return _money(cost.infra, sign)
    number = f"{cost.machines:,.0f}" if cost.machines == round(cost.machines) else f"{cost.machines:.2g}"
    return f"{number} \N{MULTIPLICATION SIGN} {money(cost.infra / cost.machines, sign)}"


def _chance(candidate: Candidate, cost: MonthlyCost) -> str:
    if candidate.status == "rejected":
        return "rejected"
    if cost.chance_cheapest is None:
        return ABSENT
    return chance_words(cost.chance_cheapest)


def _money(amount: float | None, sign: str) -> str:
    return ABSENT if amount is None else money(amount, sign)


def _assumptions(pricing: Pricing, terms: Terms) -> str:
    costs = pricing.costs
    parts = []
    machines, peak = costs.infrastructure, costs.peak_per_second()
    if machines is not None and peak is not None:
        whole = "whole machines" if machines.whole_machines else "shares of machines"
        parts.append(
            f"{whole} at {money(machines.price_per_hour, costs.currency)} an hour, loaded to "
            f"{percent(machines.utilization, 0)} of their measured throughput at a peak of {_number(peak)} "
            f"{terms.told('predictions')} a second"
        )
    if costs.monthly_infra:
        parts.append(f"monthly figures for {names(list(costs.monthly_infra))}")
    return f"Priced with {' and '.join(parts)}, and errors in {plural(len(costs.shares), terms.language)}."


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _largest(rows: list[CostRow], pricing: Pricing) -> list[str]:
    """In which languages the cheapest candidate's errors cost most."""
    cheapest = next((row for row in rows if row.cheapest), None)
    if cheapest is None or not cheapest.cost.errors or len(cheapest.cost.languages) < 2:
        return []
    known = [(each.cost or 0.0, tag) for tag, each in cheapest.cost.languages.items()]
    named = [
        f"{language(tag)} {money(cost, pricing.costs.currency)}"
        for cost, tag in sorted(known, key=lambda pair: -pair[0])[:_LANGUAGES_NAMED]
        if cost > 0
    ]
    return [f"Errors of {cheapest.candidate.name} cost most in {', '.join(named)}."]


def _unknown(pricing: Pricing, terms: Terms) -> list[str]:
    if not pricing.unknown:
        return []
    told = names([f"{language(tag)}, {percent(share)}" for tag, share in pricing.unknown.items()])
    effect = "what errors cost there is unknown, and so is every total"
    return [f"Nothing was judged in {told} of the traffic: {effect}. Add {terms.example}s of it to the data."]


def _distance(found: BreakEven) -> float:
    """How far off a change is, in powers of e; for shares, of their odds."""
    value, current = found.value, found.current
    if found.assumption == "traffic":
        value, current = (share / (1 - share) if share < 1 else math.inf for share in (value, current))
    return abs(math.log(value / current)) if value > 0 and current > 0 and math.isfinite(value) else math.inf


def _sentence(found: BreakEven, pricing: Pricing, terms: Terms) -> str:
    costs = pricing.costs
    more = found.value > found.current
    value, now = _amount(found, found.value, costs.currency), _amount(found, found.current, costs.currency)
    than = f"{'more' if more else 'less'} than {value}"
    if found.assumption == "machine price":
        when = f"machines cost {than} what they do"
    elif found.assumption == "predictions":
        when = (
            f"there are {'more' if more else 'fewer'} than {value} {terms.told('predictions')} in a month (now {now})"
        )
    elif found.language is None:
        when = f"all errors cost {than} what they do"
    elif found.assumption == "error cost":
        when = f"an error in {language(found.language)} costs {than} (now {now})"
    else:
        when = f"{language(found.language)} has {than} of the traffic (now {now})"
    return f"{found.instead} becomes the cheapest if {when}."


def _amount(found: BreakEven, value: float, currency: str) -> str:
    if found.assumption == "traffic":
        return percent(value)
    if found.assumption == "predictions":
        return f"{float(f'{value:.4g}'):,.0f}"
    if found.language is not None:
        return money(value, currency)
    return f"{value:.3g} times"
