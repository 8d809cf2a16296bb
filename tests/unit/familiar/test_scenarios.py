"""Scenarios priced and compared: the worked example, the Pareto front, and what is refused."""

import json
from dataclasses import asdict

import pytest

from leanglot.errors import ConfigError, DataError
from leanglot.familiar.scenarios import CostBenefitAnalyzer, OptimizationScenario

TRAFFIC = {"en": 0.70, "es": 0.15, "ru": 0.10, "th": 0.05}
PRICES = {"en": 10, "es": 15, "ru": 20, "th": 50}


def scenario(name="Baseline", accuracy=(0.92, 0.88, 0.84, 0.78), p95=180.0, infra=5000.0, size=2200.0):
    accuracies = dict(zip(TRAFFIC, accuracy, strict=False))
    return OptimizationScenario(name, accuracies, p95, infra, size)


BASELINE = scenario()
QUANTIZED = scenario("Quantized", (0.91, 0.86, 0.79, 0.71), 90, 2000, 550)
DISTILLED = scenario("Distilled", (0.90, 0.85, 0.81, 0.74), 55, 1500, 500)
ADAPTED = scenario("Distilled + adapters", (0.91, 0.86, 0.83, 0.76), 68, 2000, 550)


@pytest.fixture
def analyzer():
    return CostBenefitAnalyzer(
        traffic_distribution=TRAFFIC, error_cost_per_language=PRICES, monthly_predictions=1_000_000
    )


def test_the_worked_example(analyzer):
    cost = analyzer.calculate_total_monthly_cost(BASELINE)
    assert cost.error_cost_by_language == {"en": 560_000, "es": 270_000, "ru": 320_000, "th": 550_000}
    assert cost.total_error_cost == 1_700_000
    assert cost.infrastructure_cost == 5_000
    assert cost.total_monthly_cost == 1_705_000
    assert cost.accuracy == pytest.approx(0.7 * 0.92 + 0.15 * 0.88 + 0.1 * 0.84 + 0.05 * 0.78)


def test_a_cost_reads_by_key_as_well(analyzer):
    cost = analyzer.calculate_total_monthly_cost(BASELINE)
    assert cost["scenario_name"] == "Baseline"
    assert cost["total_monthly_cost"] == 1_705_000
    assert cost["latency_p95_ms"] == 180
    assert cost.get("model_size_mb") == 2200
    assert dict(cost) == asdict(cost)
    assert json.loads(json.dumps(dict(cost)))["infrastructure_cost"] == 5000
    assert len(cost) == 8
    with pytest.raises(KeyError):
        cost["total"]


def test_the_cheapest_comes_first_and_equals_stay_in_order(analyzer):
    twin = scenario("Twin")
    found = analyzer.compare_scenarios([QUANTIZED, BASELINE, twin, DISTILLED, ADAPTED])
    assert [each.scenario_name for each in found] == [
        "Baseline", "Twin", "Distilled + adapters", "Distilled", "Quantized",
    ]  # fmt: skip
    assert [round(each["total_monthly_cost"]) for each in found] == [1705000, 1705000, 1887000, 2069000, 2092000]


def test_only_a_scenario_that_another_beats_in_all_three_is_off_the_front(analyzer):
    found = analyzer.find_pareto_optimal([BASELINE, QUANTIZED, DISTILLED, ADAPTED])
    assert found == ["Baseline", "Distilled", "Distilled + adapters"]
    twins = [scenario("a"), scenario("b")]
    assert analyzer.find_pareto_optimal(twins) == ["a", "b"]
    assert analyzer.find_pareto_optimal([]) == []


def test_a_language_without_an_accuracy_is_unknown_and_never_free(analyzer):
    without = scenario("No Thai", (0.92, 0.88, 0.84))
    with pytest.raises(DataError, match=r"'No Thai' has no accuracy for th, 5\.0% of the traffic") as caught:
        analyzer.compare_scenarios([BASELINE, without])
    assert "unknown" in caught.value.message


def test_a_language_without_traffic_needs_no_accuracy():
    analyzer = CostBenefitAnalyzer({"en": 1.0, "th": 0.0}, {"en": 2, "th": 9}, 100)
    cost = analyzer.calculate_total_monthly_cost(OptimizationScenario("a", {"en": 0.5, "de": 0.1}, 1, 0, 1))
    assert cost.error_cost_by_language == {"en": 100.0, "th": 0.0}


def test_predictions_default_to_ten_million():
    analyzer = CostBenefitAnalyzer({"en": 1.0}, {"en": 1})
    assert (
        analyzer.calculate_total_monthly_cost(OptimizationScenario("a", {"en": 0.9}, 1, 0, 1)).total_error_cost
        == 1_000_000
    )


def test_traffic_that_does_not_sum_to_one_is_told_and_normalized_on_request():
    with pytest.raises(ConfigError, match=r"traffic_distribution sums to 0\.8, not to 1\.") as caught:
        CostBenefitAnalyzer({"en": 0.4, "es": 0.4}, {"en": 1, "es": 1})
    assert "normalize=True" in caught.value.hint
    halves = CostBenefitAnalyzer({"en": 0.4, "es": 0.4}, {"en": 1, "es": 1}, normalize=True)
    assert halves.traffic_distribution == {"en": 0.5, "es": 0.5}
    with pytest.raises(ConfigError, match="no share above 0"):
        CostBenefitAnalyzer({"en": 0.0}, {"en": 1}, normalize=True)
    with pytest.raises(ConfigError, match="no share above 0"):
        CostBenefitAnalyzer({}, {})


@pytest.mark.parametrize(
    ("traffic", "prices", "said"),
    [
        ({"en": 1.0}, {"en": -3}, "en is -3"),
        ({"en": 1.0}, {"en": float("nan")}, "en is nan"),
        ({"en": True}, {"en": 1}, "en is True"),
        ({"en": "1"}, {"en": 1}, "en is '1'"),
        ({"english": 1.0}, {"en": 1}, '"english" is not a language tag'),
        ({"en": 0.5, "EN": 0.5}, {"en": 1}, "en is given twice"),
        ({"en": 0.5, "th": 0.5}, {"en": 1}, "th has traffic and no cost per error"),
        ({"en": 1.0}, {"en": 1, "th": 2}, "th has a cost per error and no traffic"),
    ],
)
def test_bad_traffic_and_prices_are_named(traffic, prices, said):
    with pytest.raises(ConfigError) as caught:
        CostBenefitAnalyzer(traffic, prices)
    assert said in caught.value.message


@pytest.mark.parametrize("predictions", [0, -1, float("inf"), None])
def test_the_number_of_predictions_must_be_one(predictions):
    with pytest.raises(ConfigError, match="monthly_predictions is"):
        CostBenefitAnalyzer({"en": 1.0}, {"en": 1}, predictions)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"accuracy_by_language": {"en": 92}}, "en is 92"),
        ({"accuracy_by_language": {}}, "is empty"),
        ({"accuracy_by_language": {"xx": 0.5}}, '"xx" is not a language tag'),
        ({"latency_p95_ms": -1}, "latency_p95_ms is -1"),
        ({"monthly_infra_cost": float("nan")}, "monthly_infra_cost is nan"),
        ({"model_size_mb": None}, "model_size_mb is None"),
    ],
)
def test_a_scenario_checks_itself(changed, said):
    values = {"accuracy_by_language": {"en": 0.9}, "latency_p95_ms": 1, "monthly_infra_cost": 1, "model_size_mb": 1}
    with pytest.raises(ConfigError) as caught:
        OptimizationScenario(name="a", **(values | changed))
    assert said in caught.value.message


def test_tags_are_brought_to_one_spelling():
    analyzer = CostBenefitAnalyzer({"pt_br": 1.0}, {"pt-BR": 10}, 10)
    cost = analyzer.calculate_total_monthly_cost(OptimizationScenario("a", {"PT-br": 0.5}, 1, 0, 1))
    assert cost.error_cost_by_language == {"pt-BR": 50.0}


def test_scenarios_need_names_of_their_own(analyzer):
    with pytest.raises(DataError, match="Several are called 'Baseline'"):
        analyzer.compare_scenarios([BASELINE, BASELINE])
