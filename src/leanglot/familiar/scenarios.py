"""Scenarios of an optimization, priced and compared: infrastructure plus wrong answers by language."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from leanglot.decide.cost import error_costs
from leanglot.errors import ConfigError, DataError
from leanglot.familiar.tags import by_tag, is_number, shares_of

_DIGITS: Final = 6
"""Decimals of an amount that are no rounding: a share such as 0.92 is not exact in binary."""


@dataclass(frozen=True)
class OptimizationScenario:
    """One way to serve the model.

    Attributes:
        name: Unique name.
        accuracy_by_language: Share of right answers by language, 0 to 1.
        latency_p95_ms: 95th percentile of the latency.
        monthly_infra_cost: What running it costs in a month.
        model_size_mb: Size in megabytes.

    Raises:
        ConfigError: A number is out of range, or a language is unknown.
    """

    name: str
    accuracy_by_language: Mapping[str, float]
    latency_p95_ms: float
    monthly_infra_cost: float
    model_size_mb: float

    def __post_init__(self) -> None:
        numbers = ("latency_p95_ms", "monthly_infra_cost", "model_size_mb")
        wrong = [f"{name} is {getattr(self, name)!r}" for name in numbers if not _is_amount(getattr(self, name))]
        if wrong:
            raise ConfigError(
                f"The scenario {self.name!r} cannot be used: {'; '.join(wrong)}.", "A number from 0 on is needed."
            )
        name = f"accuracy_by_language of {self.name!r}"
        accuracy = by_tag(name, self.accuracy_by_language, "An accuracy is a share: 0.92 is 92%.", 1.0)
        if not accuracy:
            raise ConfigError(f"{name} is empty.", "Give the accuracy of at least one language.")
        object.__setattr__(self, "accuracy_by_language", accuracy)


@dataclass(frozen=True)
class ScenarioCost(Mapping[str, object]):
    """What one scenario costs in a month; a mapping of its attributes.

    Attributes:
        scenario_name: Name of the scenario.
        infrastructure_cost: What running it costs.
        total_error_cost: What all wrong answers cost.
        error_cost_by_language: What they cost in each language of the traffic.
        total_monthly_cost: Both together.
        latency_p95_ms: 95th percentile of the latency.
        model_size_mb: Size in megabytes.
        accuracy: Share of right answers over the traffic.
    """

    scenario_name: str
    infrastructure_cost: float
    total_error_cost: float
    error_cost_by_language: Mapping[str, float]
    total_monthly_cost: float
    latency_p95_ms: float
    model_size_mb: float
    accuracy: float

    def __getitem__(self, key: str) -> object:
        if key not in self:
            raise KeyError(key)
        return getattr(self, key)

    def __contains__(self, key: object) -> bool:
        return any(field.name == key for field in fields(self))

    def __iter__(self) -> Iterator[str]:
        return (field.name for field in fields(self))

    def __len__(self) -> int:
        return len(fields(self))


class CostBenefitAnalyzer:
    """Prices scenarios for one traffic and one price list.

    Args:
        traffic_distribution: Share of each language; the shares sum to 1.
        error_cost_per_language: Cost of one wrong answer in each of these languages.
        monthly_predictions: Predictions in a month.
        normalize: Divide shares that do not sum to 1 by their sum, rather than refuse them.

    Raises:
        ConfigError: The shares do not sum to 1, a language has a share and no price or the other way round, or a
            number is out of range.
    """

    def __init__(
        self,
        traffic_distribution: Mapping[str, float],
        error_cost_per_language: Mapping[str, float],
        monthly_predictions: float = 10_000_000,
        *,
        normalize: bool = False,
    ) -> None:
        shares = shares_of("traffic_distribution", traffic_distribution, normalize=normalize)
        prices = by_tag("error_cost_per_language", error_cost_per_language, "A cost is a number from 0 on.")
        faults = [f"{tag} has traffic and no cost per error" for tag in shares if tag not in prices]
        faults += [f"{tag} has a cost per error and no traffic" for tag in prices if tag not in shares]
        if faults:
            raise ConfigError(f"{'; '.join(faults)}.", "Give each language both; a share or a cost may be 0.")
        if not _is_amount(monthly_predictions) or monthly_predictions <= 0:
            raise ConfigError(f"monthly_predictions is {monthly_predictions!r}.", "A number above 0 is needed.")
        self.traffic_distribution = shares
        self.error_cost_per_language = prices
        self.monthly_predictions = monthly_predictions

    def calculate_total_monthly_cost(self, scenario: OptimizationScenario) -> ScenarioCost:
        """Infrastructure plus, for each language, predictions times share times error rate times cost per error.

        Raises:
            DataError: The scenario has no accuracy for a language with traffic: its errors are unknown, not zero.
        """
        served = {tag: share for tag, share in self.traffic_distribution.items() if share > 0}
        unknown = {tag: share for tag, share in served.items() if tag not in scenario.accuracy_by_language}
        if unknown:
            raise DataError(
                f"The scenario {scenario.name!r} has no accuracy for {', '.join(unknown)}, "
                f"{math.fsum(unknown.values()):.1%} of the traffic, so what its errors cost is unknown.",
                "Measure these languages, or leave them out of the traffic.",
            )
        accuracy = scenario.accuracy_by_language
        errors = error_costs(accuracy, served, self.error_cost_per_language, self.monthly_predictions)
        by_language = {tag: round(errors.get(tag, 0.0), _DIGITS) for tag in self.traffic_distribution}
        total = round(math.fsum(errors.values()), _DIGITS)
        return ScenarioCost(
            scenario_name=scenario.name,
            infrastructure_cost=scenario.monthly_infra_cost,
            total_error_cost=total,
            error_cost_by_language=by_language,
            total_monthly_cost=scenario.monthly_infra_cost + total,
            latency_p95_ms=scenario.latency_p95_ms,
            model_size_mb=scenario.model_size_mb,
            accuracy=math.fsum(share * accuracy[tag] for tag, share in served.items()),
        )

    def compare_scenarios(self, scenarios: Sequence[OptimizationScenario]) -> list[ScenarioCost]:
        """What each scenario costs, the cheapest first; of equals, the first given.

        Raises:
            DataError: Two scenarios have the same name, or one lacks a language with traffic.
        """
        check_names([scenario.name for scenario in scenarios])
        priced = [self.calculate_total_monthly_cost(scenario) for scenario in scenarios]
        return sorted(priced, key=lambda each: each.total_monthly_cost)

    def find_pareto_optimal(self, scenarios: Sequence[OptimizationScenario]) -> list[str]:
        """Names of the scenarios that no other one beats in total cost, p95 and accuracy over the traffic at once.

        Raises:
            DataError: Two scenarios have the same name, or one lacks a language with traffic.
        """
        order = [scenario.name for scenario in scenarios]
        costs = {
            each.scenario_name: (each.total_monthly_cost, each.latency_p95_ms, -each.accuracy)
            for each in self.compare_scenarios(scenarios)
        }
        return [name for name in order if not any(_dominates(other, costs[name]) for other in costs.values())]


def check_names(names: Sequence[str]) -> None:
    """Refuses names that occur twice.

    Raises:
        DataError: One does.
    """
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(f"Several are called {', '.join(map(repr, repeated))}.", "Give each a name of its own.")


def _is_amount(value: object) -> bool:
    return is_number(value) and value >= 0  # type: ignore[operator]


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
