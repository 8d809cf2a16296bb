"""Prices candidates: machines plus wrong answers by language, with what the test set leaves open."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.config.costs import Costs
from leanglot.decide.break_even import Bill, break_evens
from leanglot.decide.error_evidence import gather_errors
from leanglot.decide.machines import RunningCost, running_cost
from leanglot.decide.wording import names as listed
from leanglot.errors import ConfigError
from leanglot.results.predictions import Predictions
from leanglot.results.pricing import LanguageCost, MonthlyCost, Pricing
from leanglot.results.records import Candidate
from leanglot.results.translation import PairQuality
from leanglot.stats.error_rates import DRAWS, METHOD, ErrorDraws

LEVEL: Final = 0.95
_HOW: Final = (
    f"{METHOD}; amounts are those of the observed error rates, and an interval always holds its amount; "
    "what machines cost counts as known"
)

_OF_TRANSLATIONS: Final = (
    "An error is a translation that fails silently: in the wrong language, copied, repeating itself, empty, of odd "
    "length or unfinished. What a lower score costs beyond that is not priced."
)


def error_costs(
    accuracy: Mapping[str, float],
    traffic: Mapping[str, float],
    error_cost: Mapping[str, float] | float,
    predictions: float,
) -> dict[str, float]:
    """What wrong answers cost by language: predictions times share times error rate times cost per error.

    Args:
        accuracy: Share of right answers by language, 0 to 1.
        traffic: Share of the predictions by language.
        error_cost: Cost of one wrong answer, by language or the same in all.
        predictions: Number of predictions.

    Returns:
        The cost for each language of the traffic, in its order.

    Raises:
        ConfigError: A language of the traffic has no accuracy or no cost per error, or an accuracy is not between 0
            and 1: nothing is taken for free of errors.
    """
    prices = error_cost if isinstance(error_cost, Mapping) else dict.fromkeys(traffic, error_cost)
    faults = [f"{tag} has traffic and no accuracy" for tag in traffic if tag not in accuracy]
    faults += [f"{tag} has traffic and no cost per error" for tag in traffic if tag not in prices]
    faults += [
        f"the accuracy in {tag} is {accuracy[tag]}"
        for tag in traffic
        if tag in accuracy and not 0 <= accuracy[tag] <= 1
    ]
    if faults:
        raise ConfigError(
            f"The errors cannot be priced: {'; '.join(faults)}.",
            "Each language of the traffic needs an accuracy between 0 and 1 and a cost per error.",
        )
    return {tag: predictions * share * (1 - accuracy[tag]) * prices[tag] for tag, share in traffic.items()}


def check_names(costs: Costs, known: Sequence[str]) -> None:
    """Refuses monthly figures for candidates that there are not.

    Args:
        costs: The prices.
        known: Names of the candidates.

    Raises:
        ConfigError: A name is unknown.
    """
    unknown = [name for name in costs.monthly_infra if name not in known]
    if unknown:
        raise ConfigError(
            f"monthly_infra names {', '.join(map(repr, unknown))}, which no candidate is called.",
            f"Candidates are {', '.join(known)}.",
        )


def price(
    candidates: Sequence[Candidate],
    costs: Costs,
    predictions: Mapping[str, Predictions] = MappingProxyType({}),
    missing: Mapping[str, str] = MappingProxyType({}),
    draws: int = DRAWS,
    seed: int = 0,
    *,
    strict: bool = False,
) -> tuple[tuple[Candidate, ...], Pricing]:
    """Prices all candidates.

    Args:
        candidates: All candidates of a run, the baseline among them.
        costs: Predictions, traffic, cost per error, machines.
        predictions: Answers by candidate; where they are missing, the counts in the record are used.
        missing: Why a candidate's answers are missing, by name, as the end of a sentence.
        draws: Draws from the posterior of the error rates.
        seed: Seed of the draws.
        strict: Only certified candidates and the baseline may be shipped: the cheapest, the chances and the break-evens
            are among them.

    Returns:
        The candidates with their ``monthly_cost``, and how they were priced. A monthly figure for a candidate that
        there is not is told in the notes; see `check_names`.
    """
    evidence = gather_errors(candidates, predictions, missing, draws, seed)
    errors = evidence.draws.over(tuple(costs.shares))
    sheets = [_sheet(candidate, costs, errors) for candidate in candidates]
    rivals = [sheet for sheet in sheets if sheet.may_ship(strict=strict) and sheet.cost.total is not None]
    chances = _chances_cheapest(rivals)
    bills = [bill for sheet in rivals if (bill := sheet.bill()) is not None]
    cheapest = min(rivals, key=lambda sheet: sheet.cost.total or 0.0).candidate.name if rivals else None
    priced = tuple(
        sheet.candidate.model_copy(
            update={
                "monthly_cost": sheet.cost.model_copy(update={"chance_cheapest": chances.get(sheet.candidate.name)})
            }
        )
        for sheet in sheets
    )
    pricing = Pricing(
        costs=costs,
        cheapest=cheapest,
        level=LEVEL,
        draws=draws,
        method=_HOW,
        break_evens=() if cheapest is None else break_evens(bills, cheapest, costs),
        unknown=_unknown(costs, errors),
        notes=(*evidence.notes, *_notes(costs, evidence.draws, sheets, strict=strict)),
    )
    return priced, pricing


@dataclass(frozen=True, eq=False)
class _Sheet:
    """One candidate's prices.

    Attributes:
        candidate: The candidate.
        running: What running it costs.
        cost: The record.
        totals: Draws of the total; None where it is unknown.
    """

    candidate: Candidate
    running: RunningCost
    cost: MonthlyCost
    totals: NDArray[np.float64] | None

    def may_ship(self, *, strict: bool) -> bool:
        """Whether the candidate is neither failed nor rejected; with ``strict``, certified or the baseline."""
        return self.candidate.status in (
            {"certified", "baseline"} if strict else {"certified", "baseline", "unrefuted"}
        )

    def bill(self) -> Bill | None:
        """What it costs as a function of the assumptions; None where the total is unknown."""
        if self.cost.total is None:
            return None
        figure = self.running.infra if self.running.fleet is None else 0.0
        rates = {tag: each.error_rate for tag, each in self.cost.languages.items() if each.error_rate is not None}
        return Bill(self.candidate.name, figure or 0.0, self.running.fleet, rates)


def _sheet(candidate: Candidate, costs: Costs, errors: ErrorDraws) -> _Sheet:
    if candidate.status == "failed":
        nothing = MonthlyCost(infra=None, errors=None, total=None, reason="it failed, so there is nothing to price")
        return _Sheet(candidate, RunningCost(None), nothing, None)
    running = running_cost(candidate, costs)
    languages = {tag: _language(candidate.name, tag, costs, errors) for tag in costs.shares}
    known = math.fsum(each.cost for each in languages.values() if each.cost is not None)
    gaps = [tag for tag, each in languages.items() if each.cost is None]
    reasons = [running.reason] if running.reason is not None else []
    if gaps:
        share = math.fsum(languages[tag].share for tag in gaps)
        reasons.append(f"nothing was judged in {listed(gaps)}, {share:.1%} of the traffic")
    infra, wrong = running.infra, None if gaps else known
    total = None if infra is None or wrong is None else infra + wrong
    totals = None if infra is None or wrong is None else infra + _error_draws(candidate.name, costs, errors)
    low, high = (None, None) if totals is None or total is None else _interval(totals, total)
    cost = MonthlyCost(
        infra=infra,
        errors=wrong,
        total=total,
        total_low=low,
        total_high=high,
        per_million=None if total is None else total / costs.monthly_predictions * 1e6,
        per_million_characters=_per_million(total, costs, candidate, lambda pair: pair.characters),
        per_million_tokens=_per_million(total, costs, candidate, lambda pair: pair.tokens),
        known=None if infra is None and len(gaps) == len(languages) else (infra or 0.0) + known,
        machines=running.machines,
        languages=languages,
        reason="; ".join(reasons) or None,
    )
    return _Sheet(candidate, running, cost, totals)


def _per_million(
    total: float | None, costs: Costs, candidate: Candidate, units: Callable[[PairQuality], int]
) -> float | None:
    """The total per million of some units of a sentence, whose means by pair are those of the judged sentences."""
    pairs = {} if candidate.translation is None else candidate.translation.pairs
    known = {tag: pairs[tag] for tag in costs.shares if tag in pairs and pairs[tag].n}
    if total is None or any(share and tag not in known for tag, share in costs.shares.items()):
        return None
    mean = math.fsum(costs.shares[tag] * units(pair) / pair.n for tag, pair in known.items())
    return total / (costs.monthly_predictions * mean) * 1e6 if mean else None


def _weight(costs: Costs, tag: str) -> float:
    """What a month would cost in a language if every answer were wrong."""
    return costs.monthly_predictions * costs.shares[tag] * costs.error_price(tag)


def _language(name: str, tag: str, costs: Costs, errors: ErrorDraws) -> LanguageCost:
    share, weight = costs.shares[tag], _weight(costs, tag)
    row, place = errors.candidates.index(name), errors.languages.index(tag)
    n = int(errors.examples[row, place])
    if n == 0:
        # Where nothing is asked, or errors are free, there is nothing to pay, whatever the error rate.
        return LanguageCost(share=share, n=0, error_rate=None, cost=None if weight > 0 else 0.0)
    rate = float(errors.errors[row, place]) / n
    low, high = _interval(weight * errors.rates[row, place], weight * rate)
    return LanguageCost(share=share, n=n, error_rate=rate, cost=weight * rate, cost_low=low, cost_high=high)


def _error_draws(name: str, costs: Costs, errors: ErrorDraws) -> NDArray[np.float64]:
    """Draws of what all errors cost, shape ``(draws,)``."""
    return errors.weighted(name, np.array([_weight(costs, tag) for tag in errors.languages]))


def _interval(draws: NDArray[np.float64], amount: float) -> tuple[float, float]:
    """Both ends of the credible interval, stretched to the observed amount where that lies outside."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return min(float(low), amount), max(float(high), amount)


def _chances_cheapest(rivals: Sequence[_Sheet]) -> dict[str, float]:
    """How often each is the cheapest of these; equals share a draw."""
    totals = [sheet.totals for sheet in rivals if sheet.totals is not None]
    if not totals:
        return {}
    stacked = np.stack(totals)
    least = stacked == stacked.min(axis=0)
    chances = (least / least.sum(axis=0)).mean(axis=1)
    return {sheet.candidate.name: float(chance) for sheet, chance in zip(rivals, chances, strict=True)}


def _unknown(costs: Costs, errors: ErrorDraws) -> dict[str, float]:
    """Languages of the traffic that no candidate was judged in."""
    judged = {tag for place, tag in enumerate(errors.languages) if errors.examples[:, place].any()}
    return {tag: share for tag, share in costs.shares.items() if _weight(costs, tag) > 0 and tag not in judged}


def _notes(costs: Costs, errors: ErrorDraws, sheets: Sequence[_Sheet], *, strict: bool) -> list[str]:
    found = [_OF_TRANSLATIONS] if any(sheet.candidate.translation is not None for sheet in sheets) else []
    given = math.fsum(costs.traffic.values())
    if abs(given - 1) > 1e-6:
        found.append(f"The traffic given sums to {given:g}; all shares were divided by that.")
    known = {sheet.candidate.name for sheet in sheets}
    if strangers := [name for name in costs.monthly_infra if name not in known]:
        found.append(f"monthly_infra has figures for {listed(strangers)}, which no candidate is called.")
    if idle := [tag for tag in errors.languages if tag not in costs.traffic]:
        found.append(f"Judged, but without traffic, so that errors in them cost nothing here: {listed(idle)}.")
    without: dict[str | None, list[str]] = {}
    for sheet in sheets:
        if sheet.may_ship(strict=strict) and sheet.cost.total is None:
            without.setdefault(sheet.cost.reason, []).append(sheet.candidate.name)
    for reason, names in without.items():
        has, takes = ("has", "takes") if len(names) == 1 else ("have", "take")
        found.append(f"{listed(names)} {has} no total and {takes} no part in the choice: {reason}.")
    return found
