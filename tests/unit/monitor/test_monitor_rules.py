"""The rules: their levels add up to alpha, and bad ones are told all at once."""

import math

import pytest

from leanglot.errors import ConfigError
from leanglot.monitor.rules import GROUPS, Rules, Tolerances, learned_blocks


@pytest.mark.parametrize("languages", [1, 30, 200])
def test_all_levels_together_are_alpha(languages):
    rules = Rules(alpha=0.03)
    for translates in (False, True):
        levels = rules.budget(languages, translates=translates).levels
        assert ("labels" in levels) != translates
        assert ("failures" in levels) == ("ratio" in levels) == translates
        assert languages * sum(levels.values()) + rules.traffic_level == pytest.approx(0.03)


def test_accuracy_gets_half_and_its_estimate_a_quarter():
    assert GROUPS["accuracy"] == 0.5
    assert GROUPS["estimate"] == 0.25
    assert sum(GROUPS.values()) == 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"alpha": 0}, "alpha is 0"),
        ({"alpha": 0.6}, "alpha is 0.6"),
        ({"alpha": math.nan}, "alpha is nan"),
        ({"alpha": True}, "alpha is True"),
        ({"alpha": "0.05"}, "alpha is '0.05'"),
        ({"design_effect": 0.5}, "design_effect is 0.5"),
        ({"block": 9}, "block is 9"),
        ({"block": 100.0}, "block is 100.0"),
        ({"latency_budget_ms": 0}, "latency_budget_ms is 0"),
        ({"latency_budget_ms": math.inf}, "latency_budget_ms is inf"),
        ({"latency_share": 1.0}, "latency_share is 1.0"),
        ({"max_languages": 0}, "max_languages is 0"),
        ({"reference_predictions": 99}, "reference_predictions is 99"),
        ({"estimate_min": 10}, "estimate_min is 10"),
        ({"estimate_baseline_min": 10}, "estimate_baseline_min is 10"),
        ({"recent": 5}, "recent is 5"),
        ({"tolerances": Tolerances(labels=-0.1)}, "tolerance of labels is -0.1"),
        ({"tolerances": Tolerances(script=1.0)}, "tolerance of script is 1.0"),
    ],
    ids=lambda each: each if isinstance(each, str) else None,
)
def test_a_value_out_of_range_is_told(wrong, told):
    with pytest.raises(ConfigError, match="rules cannot be used") as caught:
        Rules(**wrong)
    assert told in caught.value.message


def test_all_faults_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        Rules(alpha=2, block=1, tolerances=Tolerances(length=7))
    assert all(name in caught.value.message for name in ("alpha", "block", "length"))


def test_a_reference_is_learned_from_as_many_as_place_shares_within_half_the_tolerance():
    rules = Rules(block=100, reference_predictions=5_000)
    blocks = learned_blocks(rules, 0.1, 1e-6)
    assert blocks == math.ceil(math.log(1e6) / (2 * 0.05**2) / 100)
    assert learned_blocks(rules, 0.01, 1e-6) == learned_blocks(rules, 0.0, 1e-6) == 50
