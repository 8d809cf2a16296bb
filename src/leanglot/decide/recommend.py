"""One recommendation per goal, or the plain statement that no candidate qualifies."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from leanglot.decide.cheapest import recommend_cheapest
from leanglot.decide.praise import describe, headline, points
from leanglot.decide.standing import Standing, baseline_of, standing_of
from leanglot.errors import ConfigError
from leanglot.results.pricing import Pricing
from leanglot.results.records import Candidate, Goal, Recommendation
from leanglot.results.terms import Terms, terms_of
from leanglot.results.translation import Metric

DEFAULT_TOLERANCES: Final[Mapping[Goal, float]] = {
    "speed": 0.02,
    "accuracy": 0.005,
    "size": 0.02,
    "balanced": 0.01,
    "cost": 1.0,
}
"""Largest drop of the accuracy by goal: two points where speed or size is what counts, half a point
where accuracy is, one point in between, and any for cost, where errors have their price."""

_OF_TRANSLATIONS: Final[Mapping[Goal, float]] = {"cost": 0.02}
"""A lower score of translations has no price, so that cost allows no more of it than speed does."""

NEAR: Final = 0.05
"""Candidates whose merit is within this share of the best one's count as equally good: timing cannot tell them apart.
The one of them that loses least is recommended."""

_ROUNDING: Final = 1e-9  # 0.85 - 0.83 is a drop of 0.02, whatever floating point says


@dataclass(frozen=True)
class _Entry:
    candidate: Candidate
    standing: Standing


def recommend(
    candidates: Sequence[Candidate],
    goals: Sequence[Goal] | None = None,
    tolerances: Mapping[Goal, float] | None = None,
    *,
    strict: bool = False,
    pricing: Pricing | None = None,
    metric: Metric | None = None,
) -> dict[Goal, Recommendation]:
    """Recommends a candidate for each goal.

    ``speed`` takes the fastest candidate that is faster than the baseline; ``size`` the smallest that is
    smaller; ``balanced`` the largest geometric mean of the two ratios, among those not slower than the
    baseline; ``accuracy`` the most accurate among those faster or smaller than the baseline. Each allows its
    own drop of the accuracy. A candidate that failed or was rejected is never recommended, and one that
    is certified comes before all that are merely unrefuted. Of candidates about as fast, small or balanced as the
    best one, within `NEAR`, the one that loses the least accuracy is taken. ``cost`` takes the lowest expected total
    among those neither failed nor rejected.

    Args:
        candidates: All candidates of a run, the baseline among them.
        goals: What to recommend for; None takes all, ``cost`` only where there is a pricing.
        tolerances: Largest drop of the accuracy by goal, 0 to 1, instead of `DEFAULT_TOLERANCES`.
        strict: Take certified candidates alone.
        pricing: How the candidates were priced; None where no costs were given.
        metric: What quality was measured with; None is accuracy.

    Returns:
        An answer per goal; its candidate is None where none qualifies, with the reason.

    Raises:
        ConfigError: A goal is unknown, or a tolerance is not between 0 and 1.
        DataError: There is no baseline, or more than one.
    """
    allowed = {**DEFAULT_TOLERANCES, **({} if metric is None else _OF_TRANSLATIONS), **(tolerances or {})}
    asked = goals if goals is not None else [goal for goal in get_args(Goal) if goal != "cost" or pricing is not None]
    _check(asked, allowed)
    baseline, terms = baseline_of(candidates), terms_of(metric)
    entries = [_Entry(each, standing_of(each, baseline)) for each in candidates if each is not baseline]
    return {
        goal: recommend_cheapest(candidates, pricing, allowed[goal], terms, strict=strict)
        if goal == "cost"
        else _answer(goal, entries, allowed[goal], terms, strict=strict)
        for goal in asked
    }


def _check(goals: Sequence[str], tolerances: Mapping[Goal, float]) -> None:
    known = get_args(Goal)
    faults = [f"The goal {goal!r} is unknown." for goal in dict.fromkeys((*goals, *tolerances)) if goal not in known]
    faults += [
        f"The accuracy tolerance of {goal!r} is {tolerance}."
        for goal, tolerance in tolerances.items()
        if not 0 <= tolerance <= 1
    ]
    if faults:
        raise ConfigError(
            " ".join(faults),
            f"Goals are {', '.join(known)}; a tolerance is between 0 and 1: 0.01 is one point.",
        )


def _answer(goal: Goal, entries: Sequence[_Entry], tolerance: float, terms: Terms, *, strict: bool) -> Recommendation:
    obstacles = {entry.candidate.name: _obstacle(goal, entry, tolerance, terms, strict=strict) for entry in entries}
    fit = [entry for entry in entries if obstacles[entry.candidate.name] is None]
    if not fit:
        return Recommendation(
            candidate=None, reason=_none_fit(goal, list(obstacles.values())), accuracy_tolerance=tolerance
        )
    certified = [entry for entry in fit if entry.candidate.status == "certified"]
    best, passed_over = _best(goal, certified or fit)
    reason = describe(best.candidate, best.standing, terms)
    if passed_over is not None:
        better = f"{passed_over.candidate.name}, {headline(passed_over.standing)}"
        reason += f" {better}, is ahead by less than {NEAR:.0%} and loses more {terms.quality}."
    overall = max(fit, key=lambda entry: _merit(goal, entry.standing))
    if overall not in (certified or fit) and _merit(goal, overall.standing) > _merit(goal, best.standing):
        reason += f" {overall.candidate.name} would be {headline(overall.standing)}, but is not proven safe."
    return Recommendation(candidate=best.candidate.name, reason=reason, accuracy_tolerance=tolerance)


def _best(goal: Goal, entries: Sequence[_Entry]) -> tuple[_Entry, _Entry | None]:
    """The one to recommend, and the one of a slightly greater merit that it was preferred to, where there is one."""
    first = max(entries, key=lambda entry: _merit(goal, entry.standing))
    if goal == "accuracy":
        return first, None
    least = _merit(goal, first.standing)[0] * (1 - NEAR)
    near = [entry for entry in entries if _merit(goal, entry.standing)[0] >= least]
    best = min(
        near, key=lambda entry: (entry.standing.accuracy_drop or 0.0, *(-each for each in _merit(goal, entry.standing)))
    )
    return best, None if best is first else first


def _obstacle(goal: Goal, entry: _Entry, tolerance: float, terms: Terms, *, strict: bool) -> str | None:
    """What keeps a candidate from being recommended; None when nothing does."""
    candidate, standing = entry.candidate, entry.standing
    if candidate.status == "failed":
        return "failed"
    if candidate.status == "rejected":
        return f"rejected because a {terms.language} is harmed"
    if strict and candidate.status != "certified":
        return "not certified"
    if standing.accuracy_drop is None or not _measured(goal, standing):
        return "without the measurements that it takes"
    if standing.accuracy_drop > tolerance + _ROUNDING:
        return f"losing more than {points(tolerance)} of {terms.quality}"
    return _no_gain(goal, standing.speed or 0.0, standing.smallness or 0.0)


def _measured(goal: Goal, standing: Standing) -> bool:
    fast, small = standing.speed is not None, standing.smallness is not None
    return {"speed": fast, "size": small, "balanced": fast and small}.get(goal, fast or small)


def _no_gain(goal: Goal, speed: float, smallness: float) -> str | None:
    """Why a candidate is no gain over the baseline, None when it is one; 0 stands for not measured."""
    if goal == "speed":
        return None if speed > 1 else "no faster than the baseline"
    if goal == "size":
        return None if smallness > 1 else "no smaller than the baseline"
    if goal == "balanced":
        if speed < 1:
            return "slower than the baseline"
        return None if speed * smallness > 1 else "no better than the baseline in speed and size together"
    return None if max(speed, smallness) > 1 else "neither faster nor smaller than the baseline"


def _merit(goal: Goal, standing: Standing) -> tuple[float, float]:
    """What is maximized, with what decides between equals."""
    speed, smallness = standing.speed or 0.0, standing.smallness or 0.0
    both = math.sqrt(speed * smallness)
    if goal == "speed":
        return speed, smallness
    if goal == "size":
        return smallness, speed
    if goal == "accuracy" and standing.accuracy_drop is not None:
        return -standing.accuracy_drop, both
    return both, speed


def _none_fit(goal: Goal, obstacles: Sequence[str | None]) -> str:
    counted = ", ".join(f"{number} {obstacle}" for obstacle, number in Counter(obstacles).most_common())
    return f"No candidate qualifies for {goal}: {counted or 'there is none besides the baseline'}."
