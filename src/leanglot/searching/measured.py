"""What a measured candidate means to a search: its record, its price, its numbers, and these in words."""

import math
from collections.abc import Sequence

from leanglot.charts.quantities import megabytes, points, ratio
from leanglot.config import RunConfig
from leanglot.decide.cost import price
from leanglot.decide.standing import standing_of
from leanglot.judging import judged_record
from leanglot.results.records import Candidate, Environment
from leanglot.results.searching import FullResult, SearchRecord, Tried, harm_of
from leanglot.stages import Trial

_TOLERANCE = 0.01


def priced_record(
    trial: Trial, baseline: Trial, compared: Candidate, config: RunConfig, machine: Environment
) -> Candidate:
    """The record of a candidate as the report has it: judged, and priced where costs are given.

    Args:
        trial: The candidate.
        baseline: The baseline.
        compared: The baseline's record.
        config: Margin, error level and costs.
        machine: Where they were measured.
    """
    record = judged_record(trial, baseline, compared, config, machine)
    if config.costs is None:
        return record
    names = {compared.name, record.name}
    known = {name: figure for name, figure in config.costs.monthly_infra.items() if name in names}
    priced, _ = price([compared, record], config.costs.model_copy(update={"monthly_infra": known}), seed=config.seed)
    return priced[-1]


def full_result(record: Candidate, compared: Candidate) -> FullResult | str:
    """The numbers that a search goes by; or a sentence that says which is missing."""
    standing = standing_of(record, compared)
    if record.status in {"baseline", "failed"} or standing.speed is None or record.size_bytes is None:
        return "Its speed or size was not measured."
    if standing.accuracy_drop is None:
        return "Its accuracy was not measured."
    worst = None if standing.worst_language is None else record.languages[standing.worst_language]
    cost = record.monthly_cost
    return FullResult(
        status=record.status,
        accuracy_drop=standing.accuracy_drop,
        harm=harm_of([result.drop_low for result in record.languages.values()]),
        harmed=sum(result.verdict == "harmed" for result in record.languages.values()),
        worst_language=standing.worst_language,
        worst_drop=standing.worst_drop,
        worst_verdict=None if worst is None else worst.verdict,
        speedup=standing.speed,
        size_bytes=record.size_bytes,
        monthly_cost=None if cost is None else cost.total,
    )


def found_words(tried: Tried) -> str:
    """What became of a recipe, in a line."""
    if tried.full is None:
        return (tried.reason or tried.state).rstrip(".")
    change = points(-tried.full.accuracy_drop)
    numbers = f"{ratio(tried.full.speedup)}, {megabytes(tried.full.size_bytes)}, {change} points"
    return f"{numbers}, {tried.full.status}"


def best_of(tried: Sequence[Tried]) -> Tried | None:
    """The fastest and smallest together, of those that harm no language and lose no more than a point; None without."""
    fit = [
        each
        for each in tried
        if each.full is not None and each.full.status != "rejected" and each.full.accuracy_drop <= _TOLERANCE
    ]
    return max(fit, key=_gain, default=None)


def _gain(tried: Tried) -> float:
    return 0.0 if tried.full is None else math.log(tried.full.speedup) - math.log(tried.full.size_bytes)


def best_words(record: SearchRecord) -> str:
    """The best so far, in a few words."""
    best = best_of(record.tried)
    if best is None or best.full is None:
        return "none yet"
    return f"{best.name} ({ratio(best.full.speedup)}, {megabytes(best.full.size_bytes)})"
