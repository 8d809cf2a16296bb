"""Scenarios and benchmark results as candidates that can be compared, one of them the baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from leanglot.errors import DataError
from leanglot.familiar.benchmark_result import BenchmarkResult
from leanglot.familiar.scenarios import OptimizationScenario, ScenarioCost, check_names
from leanglot.results.records import Candidate, Environment, LanguageResult

_MEGABYTE: Final = 1e6
_MACHINE: Final = ("cpu", "isa", "cores", "threads", "platform")


@dataclass(frozen=True)
class Contender:
    """What is compared of one variant.

    Attributes:
        name: Its name.
        accuracy: Share of right answers.
        languages: The same by language; empty where it is not known.
        examples: Judged examples by language; empty where they are not known.
        latency_ms: Latency, of the same kind for all that are compared; None where it is not known.
        size_mb: Size in megabytes.
    """

    name: str
    accuracy: float
    languages: Mapping[str, float]
    examples: Mapping[str, int]
    latency_ms: float | None
    size_mb: float


def from_scenarios(scenarios: Sequence[OptimizationScenario]) -> list[Contender]:
    """Scenarios by their p95, with the mean accuracy over the languages: nothing says how often each is asked."""
    return [
        Contender(
            name=each.name,
            accuracy=sum(each.accuracy_by_language.values()) / len(each.accuracy_by_language),
            languages=each.accuracy_by_language,
            examples={},
            latency_ms=each.latency_p95_ms,
            size_mb=each.model_size_mb,
        )
        for each in scenarios
    ]


def from_costs(costs: Sequence[ScenarioCost]) -> list[Contender]:
    """Priced scenarios by their p95, with their accuracy over the traffic."""
    return [
        Contender(each.scenario_name, each.accuracy, {}, {}, each.latency_p95_ms, each.model_size_mb) for each in costs
    ]


def from_benchmarks(results: Mapping[str, BenchmarkResult]) -> list[Contender]:
    """Benchmark results by their median.

    Args:
        results: By the names that they go by.

    Raises:
        DataError: They come from different machines.
    """
    _check_machines({name: each.environment for name, each in results.items()})
    return [
        Contender(
            name=name,
            accuracy=each.accuracy,
            languages=each.accuracy_by_language,
            examples={tag: own.n for tag, own in each.quality_by_language.items()},
            latency_ms=each.latency.p50,
            size_mb=each.model_size_mb,
        )
        for name, each in results.items()
    ]


def as_candidates(contenders: Sequence[Contender], baseline: str | None) -> tuple[Candidate, ...]:
    """Records that the recommendation reads; nothing is judged, so no language is proven safe or harmed.

    Args:
        contenders: All variants.
        baseline: Name of the one that the others are compared with; None takes the one whose name begins with
            "baseline", in any case, else the first.

    Raises:
        DataError: There are none, two have the same name, there is no such baseline, or they were measured in
            different languages or on different numbers of examples.
    """
    names = [each.name for each in contenders]
    if not contenders:
        raise DataError("There are no results to choose from.", "Give the baseline and at least one other.")
    check_names(names)
    reference = contenders[_place(names, baseline)]
    _named(contenders, reference, baseline)
    _check_languages(contenders, reference)
    return tuple(_candidate(each, reference) for each in contenders)


def _place(names: Sequence[str], baseline: str | None) -> int:
    if baseline is not None:
        if baseline not in names:
            raise DataError(f"No result is called {baseline!r}.", f"They are {', '.join(names)}.")
        return names.index(baseline)
    called = [at for at, name in enumerate(names) if name.casefold().startswith("baseline")]
    return called[0] if len(called) == 1 else 0


def _named(contenders: Sequence[Contender], reference: Contender, baseline: str | None) -> None:
    """Where results lie in the order of their cost, the first is the cheapest and no baseline.

    Raises:
        DataError: Nothing says which is.
    """
    if baseline is None and not reference.languages and not reference.name.casefold().startswith("baseline"):
        raise DataError(
            "Nothing says which of these scenarios is the baseline: they are in the order of their cost.",
            f"Pass baseline= with one of {', '.join(each.name for each in contenders)}.",
        )


def _candidate(own: Contender, reference: Contender) -> Candidate:
    fast = None if not own.latency_ms or reference.latency_ms is None else reference.latency_ms / own.latency_ms
    return Candidate(
        name=own.name,
        runtime="pytorch",  # unknown, and never shown
        status="baseline" if own is reference else "unrefuted",
        size_bytes=round(own.size_mb * _MEGABYTE),
        speedup=fast,
        accuracy=own.accuracy,
        languages={
            tag: LanguageResult(
                n=own.examples.get(tag, 0),
                baseline=reference.languages[tag],
                candidate=accuracy,
                drop=reference.languages[tag] - accuracy,
            )
            for tag, accuracy in own.languages.items()
        },
    )


def _check_languages(contenders: Sequence[Contender], reference: Contender) -> None:
    for each in contenders:
        lacking = sorted(set(reference.languages) - set(each.languages))
        more = sorted(set(each.languages) - set(reference.languages))
        if lacking or more:
            told = [f"lacks {', '.join(lacking)}"] * bool(lacking) + [f"has also {', '.join(more)}"] * bool(more)
            raise DataError(
                f"{each.name} and {reference.name} have accuracies in different languages: {each.name} "
                f"{' and '.join(told)}.",
                "Compare results in the same languages.",
            )
        if each.examples != reference.examples:
            raise DataError(
                f"{each.name} and {reference.name} were measured on different numbers of examples.",
                "Benchmark all of them on the same data.",
            )


def _check_machines(environments: Mapping[str, Environment]) -> None:
    first = next(iter(environments), None)
    for name, environment in environments.items():
        for part in _MACHINE:
            own, other = getattr(environment, part), getattr(environments[str(first)], part)
            if own != other:
                raise DataError(
                    f"{name} and {first} were measured on different machines: {part} is {own!r} and {other!r}.",
                    "Benchmark both on one machine, in one process after the other.",
                )
