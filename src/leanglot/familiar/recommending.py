"""One recommendation for one priority, from whatever holds results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, overload

from leanglot.decide.recommend import recommend as recommend_by_goal
from leanglot.errors import ConfigError, DataError
from leanglot.familiar.benchmark_result import BenchmarkResult
from leanglot.familiar.contenders import Contender, as_candidates, from_benchmarks, from_costs, from_scenarios
from leanglot.familiar.scenarios import OptimizationScenario, ScenarioCost
from leanglot.results.folder import read_report
from leanglot.results.records import Candidate, Goal, Recommendation, RunReport

ACCURACY_TOLERANCE: Final = 0.01
_GOALS: Final[tuple[Goal, ...]] = ("speed", "accuracy", "size", "balanced")

Results = (
    RunReport
    | str
    | Path
    | Sequence[Candidate]
    | Sequence[OptimizationScenario]
    | Sequence[ScenarioCost]
    | Sequence[BenchmarkResult]
    | Mapping[str, BenchmarkResult]
)


@overload
def recommend(
    results: Results,
    priority: None = None,
    accuracy_tolerance: None = None,
    *,
    baseline: str | None = None,
    goals: Sequence[Goal] = _GOALS,
    tolerances: Mapping[Goal, float] | None = None,
    strict: bool = False,
) -> dict[Goal, Recommendation]: ...


@overload
def recommend(
    results: Results,
    priority: Goal,
    accuracy_tolerance: float | None = None,
    *,
    baseline: str | None = None,
    strict: bool = False,
) -> Recommendation: ...


def recommend(
    results: Results,
    priority: Goal | None = None,
    accuracy_tolerance: float | None = None,
    *,
    baseline: str | None = None,
    goals: Sequence[Goal] | None = None,
    tolerances: Mapping[Goal, float] | None = None,
    strict: bool = False,
) -> Recommendation | dict[Goal, Recommendation]:
    """Recommends a candidate for one priority; without one, for each goal.

    ``speed`` takes the fastest that is faster than the baseline, ``size`` the smallest that is smaller, ``balanced``
    the largest geometric mean of the two ratios among those not slower than the baseline, ``accuracy`` the most
    accurate among those faster or smaller. None may lose more of the accuracy than the tolerance.

    Args:
        results: A report, the folder of a run, its candidates, what `MultilingualModelBenchmark.run_benchmark` found
            (in a list, or by name), scenarios, or what `CostBenefitAnalyzer.compare_scenarios` gave. Only the first
            three hold verdicts: of the others no language is proven safe.
        priority: ``speed``, ``accuracy``, ``size``, ``balanced``, or ``cost`` where a run was priced.
        accuracy_tolerance: Largest drop of the accuracy that is allowed for the priority; 0.01 by default, one point.
        baseline: Name of what scenarios or benchmark results are compared with; None takes the one whose name begins
            with "baseline", else the first.
        goals: Without a priority: what to recommend for.
        tolerances: Without a priority: largest drop of the accuracy by goal.
        strict: Take certified candidates alone.

    Returns:
        The answer; its candidate is None where none qualifies, and its reason says why. Without a priority, one by
        goal.

    Raises:
        ConfigError: A goal is unknown, a tolerance is not between 0 and 1, or two arguments exclude each other.
        DataError: There is no baseline, or the results cannot be compared.
        RunError: The run folder cannot be read.
    """
    candidates = _candidates(results, baseline)
    if priority is None:
        if accuracy_tolerance is not None:
            raise ConfigError("accuracy_tolerance is for a priority, and there is none.", "Pass tolerances= by goal.")
        return recommend_by_goal(candidates, _GOALS if goals is None else goals, tolerances, strict=strict)
    if goals is not None or tolerances is not None:
        raise ConfigError("goals and tolerances have no effect beside a priority.", "Pass accuracy_tolerance=.")
    tolerance = ACCURACY_TOLERANCE if accuracy_tolerance is None else accuracy_tolerance
    return recommend_by_goal(candidates, (priority,), {priority: tolerance}, strict=strict)[priority]


def _candidates(results: Results, baseline: str | None) -> Sequence[Candidate]:
    if isinstance(results, str | Path):
        results = read_report(Path(results))
    held = results.candidates if isinstance(results, RunReport) else results
    if isinstance(held, Mapping) and not isinstance(held, BenchmarkResult | ScenarioCost):
        return as_candidates(_contenders(list(held.values()), list(held)), baseline)
    if isinstance(held, Mapping) or not isinstance(held, Sequence):
        raise DataError(f"One {type(held).__name__} is nothing to choose from.", "Give a list of them.")
    candidates = [each for each in held if isinstance(each, Candidate)]
    if len(candidates) < len(held):
        return as_candidates(_contenders(held, None), baseline)
    if baseline is not None and candidates:
        raise ConfigError("The candidates of a run have their baseline.", "Leave baseline= out.")
    return candidates


def _contenders(held: Sequence[object], names: Sequence[str] | None) -> list[Contender]:
    """Results of one kind, by the names that they go by."""
    scenarios = [each for each in held if isinstance(each, OptimizationScenario)]
    costs = [each for each in held if isinstance(each, ScenarioCost)]
    measured = [each for each in held if isinstance(each, BenchmarkResult)]
    if len(measured) == len(held):
        called = [each.model_name for each in measured] if names is None else names
        if len(set(called)) < len(called):
            raise DataError(f"Two results go by one name: {', '.join(called)}.", "Give them by names of their own.")
        return from_benchmarks(dict(zip(called, measured, strict=True)))
    if names is None and len(scenarios) == len(held):
        return from_scenarios(scenarios)
    if names is None and len(costs) == len(held):
        return from_costs(costs)
    kinds = ", ".join(dict.fromkeys(type(each).__name__ for each in held))
    raise DataError(
        f"These results cannot be compared: {kinds}.",
        "Give a report, a run folder, or a list of one kind: candidates, scenarios, their costs, benchmark results.",
    )
