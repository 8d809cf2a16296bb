"""The answer for the goal cost: the cheapest candidate that may be shipped, with the amounts that decided."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from leanglot.decide.amounts import money
from leanglot.decide.standing import baseline_of, standing_of
from leanglot.results.pricing import MonthlyCost, Pricing
from leanglot.results.records import Candidate, Recommendation
from leanglot.results.terms import CLASSIFICATION, Terms

_ROUNDING: Final = 1e-9
_WHY_NOT: Final = {
    "rejected": "is rejected: a {language} is harmed",
    "unrefuted": "is not certified",
}


def recommend_cheapest(
    candidates: Sequence[Candidate],
    pricing: Pricing | None,
    tolerance: float,
    terms: Terms = CLASSIFICATION,
    *,
    strict: bool = False,
) -> Recommendation:
    """Recommends the candidate of the lowest expected total, or says that the baseline is the cheapest.

    Args:
        candidates: All candidates of a run, priced, the baseline among them.
        pricing: How they were priced; None where no costs were given.
        tolerance: Largest drop of the accuracy; 1 allows any, since errors have their price.
        terms: The words of the run.
        strict: Take certified candidates alone.

    Raises:
        DataError: There is no baseline, or more than one.
    """
    if pricing is None:
        return _answer(None, "No candidate qualifies for cost: no costs were given.", tolerance)
    baseline = baseline_of(candidates)
    obstacles = {each.name: _obstacle(each, baseline, tolerance, terms, strict=strict) for each in candidates}
    fit = [(cost, each) for each in candidates if (cost := _total(each)) is not None and obstacles[each.name] is None]
    if not [each for _, each in fit if each is not baseline]:
        others = [obstacles[each.name] for each in candidates if each is not baseline]
        counted = ", ".join(f"{number} {obstacle}" for obstacle, number in Counter(others).most_common())
        reason = f"No candidate qualifies for cost: {counted or 'there is none besides the baseline'}."
        if (total := _total(baseline)) is not None:
            reason += f" The baseline costs {money(total, pricing.costs.currency)} a month."
        return _answer(None, reason, tolerance)
    total, best = min(fit, key=lambda pair: pair[0])
    told = f"{_amounts(best, pricing)}{_against(best, baseline, pricing)}{_chance(best)}."
    told += _passed_over(total, candidates, pricing, terms, strict=strict)
    told += _uncounted(candidates, pricing, strict=strict)
    if best is baseline:
        following, runner_up = min((pair for pair in fit if pair[1] is not baseline), key=lambda pair: pair[0])
        next_one = f" {runner_up.name} follows with {money(following, pricing.costs.currency)}."
        return _answer(None, f"The baseline is the cheapest: {told}{next_one}", tolerance)
    return _answer(best.name, told, tolerance)


def _answer(name: str | None, reason: str, tolerance: float) -> Recommendation:
    return Recommendation(candidate=name, reason=reason, accuracy_tolerance=tolerance)


def _total(candidate: Candidate) -> float | None:
    return None if candidate.monthly_cost is None else candidate.monthly_cost.total


def _obstacle(candidate: Candidate, baseline: Candidate, tolerance: float, terms: Terms, *, strict: bool) -> str | None:
    """What keeps a candidate from being recommended; None when nothing does."""
    cost = candidate.monthly_cost
    if candidate.status == "failed":
        return "failed"
    if candidate.status == "rejected":
        return f"rejected because a {terms.language} is harmed"
    if strict and candidate.status == "unrefuted":
        return "not certified"
    if cost is None or cost.total is None:
        return f"of unknown cost ({'not priced' if cost is None else cost.reason})"
    drop = standing_of(candidate, baseline).accuracy_drop
    if tolerance < 1 and (drop is None or drop > tolerance + _ROUNDING):
        return f"losing more of {terms.quality} than allowed"
    return None


def _amounts(candidate: Candidate, pricing: Pricing) -> str:
    cost, sign = candidate.monthly_cost or MonthlyCost(infra=None, errors=None, total=None), pricing.costs.currency
    parts = f"{money(cost.infra or 0.0, sign)} for machines and {money(cost.errors or 0.0, sign)} for errors"
    low, high = (money(end, sign) for end in (cost.total_low or 0.0, cost.total_high or 0.0))
    spread = f"{pricing.level:.0%} interval {low} to {high}"
    return f"{candidate.name} costs {money(cost.total or 0.0, sign)} a month, {parts} ({spread})"


def _against(candidate: Candidate, baseline: Candidate, pricing: Pricing) -> str:
    """How it compares with the baseline."""
    own, other = _total(candidate), _total(baseline)
    if candidate is baseline or own is None:
        return ""
    if other is None:
        return "; what the baseline costs is unknown"
    return f"; that is {money(other - own, pricing.costs.currency)} less than the baseline"


def _chance(candidate: Candidate) -> str:
    chance = None if candidate.monthly_cost is None else candidate.monthly_cost.chance_cheapest
    if chance is None:
        return ""
    shown = "above 99%" if chance > 0.99 else "below 1%" if chance < 0.01 else f"{chance:.0%}"
    return f"; the chance that nothing else that may be shipped costs less is {shown}"


def _passed_over(total: float, candidates: Sequence[Candidate], pricing: Pricing, terms: Terms, *, strict: bool) -> str:
    """The cheaper ones that may not be shipped, by name."""
    barred = {"rejected", "unrefuted"} if strict else {"rejected"}
    cheaper = [
        (cost, each)
        for each in candidates
        if each.status in barred and (cost := _total(each)) is not None and cost < total - _ROUNDING
    ]
    if not cheaper:
        return ""
    cost, least = min(cheaper, key=lambda pair: pair[0])
    why = _WHY_NOT[least.status].format(language=terms.language)
    return f" {least.name} would cost {money(cost, pricing.costs.currency)}, but {why}."


def _uncounted(candidates: Sequence[Candidate], pricing: Pricing, *, strict: bool) -> str:
    """Those that might be shipped and whose total is unknown: no chance speaks of them."""
    barred = {"failed", "rejected", "unrefuted"} if strict else {"failed", "rejected"}
    open_ones = [each for each in candidates if each.status not in barred and _total(each) is None]
    if not open_ones:
        return ""
    known = [
        (cost.known, each.name)
        for each in open_ones
        if (cost := each.monthly_cost) is not None and cost.known is not None
    ]
    least = f", {min(known)[1]} at least {money(min(known)[0], pricing.costs.currency)}" if known else ""
    return f" Not counted, their totals being unknown: {len(open_ones)}{least}."
