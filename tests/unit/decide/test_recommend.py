import pytest

from leanglot.decide.recommend import DEFAULT_TOLERANCES, recommend
from leanglot.errors import ConfigError, DataError
from leanglot.results.records import Candidate, LanguageResult

TIMES = "\N{MULTIPLICATION SIGN}"


def made(name, speedup, size, accuracy, status="certified", **languages):
    """A candidate; each language as (drop, verdict)."""
    return Candidate(
        name=name,
        runtime="onnxruntime",
        status=status,
        speedup=speedup,
        size_bytes=size,
        accuracy=accuracy,
        languages={
            tag: LanguageResult(n=100, baseline=0.9, candidate=0.9 - drop, drop=drop, verdict=verdict)
            for tag, (drop, verdict) in languages.items()
        },
    )


BASELINE = made("fp32", 1.0, 400, 0.900, "baseline")
INT8 = made("int8", 2.4, 110, 0.897, de=(0.001, "safe"), sw=(0.019, "safe"))
PRUNED = made("pruned", 1.1, 395, 0.899, de=(0.001, "safe"))
INT4 = made(
    "int4", 3.1, 60, 0.885, "unrefuted", de=(0.01, "safe"), sw=(0.03, "inconclusive"), th=(0.02, "inconclusive")
)
HARMFUL = made("harmful", 9.0, 10, 0.899, "rejected", sw=(0.3, "harmed"))
FAILED = made("failed", None, None, None, "failed")
ALL = [BASELINE, INT8, PRUNED, INT4, HARMFUL, FAILED]


def answer(goal, *candidates, **settings):
    return recommend([BASELINE, *candidates], [goal], **settings)[goal]


def test_each_goal_gets_its_candidate():
    found = recommend(ALL)
    assert {goal: each.candidate for goal, each in found.items()} == {
        "speed": "int8", "accuracy": "pruned", "size": "int8", "balanced": "int8",
    }  # fmt: skip
    assert {goal: each.accuracy_tolerance for goal, each in found.items()} == {
        goal: DEFAULT_TOLERANCES[goal] for goal in found
    }


def test_the_reason_carries_the_numbers():
    assert answer("balanced", INT8).reason == (
        f"int8 is 2.40{TIMES} as fast and 72% smaller against the baseline; accuracy falls by 0.3 points, "
        "the worst language, sw, falls by 1.9 points; every language is proven safe."
    )


def test_certified_comes_before_faster_and_the_reason_names_what_was_passed_over():
    reason = answer("speed", INT8, INT4).reason
    assert reason.endswith(f"int4 would be 3.10{TIMES} as fast and 85% smaller, but is not proven safe.")


def test_an_unrefuted_candidate_is_recommended_with_the_doubt():
    found = answer("speed", INT4)
    assert found.candidate == "int4"
    assert "no language is proven harmed, but 2 of 3 are not proven safe" in found.reason


def test_strict_takes_certified_alone():
    found = answer("speed", INT4, strict=True)
    assert found.candidate is None
    assert found.reason == "No candidate qualifies for speed: 1 not certified."


def test_harmful_and_failed_candidates_are_never_recommended():
    for goal in DEFAULT_TOLERANCES:
        found = answer(goal, HARMFUL, FAILED)
        assert found.candidate is None
        assert found.reason.startswith(f"No candidate qualifies for {goal}: ")
    assert "1 rejected because a language is harmed, 1 failed" in answer("size", HARMFUL, FAILED).reason


def test_the_baseline_alone_is_no_recommendation():
    for found in recommend([BASELINE]).values():
        assert found.candidate is None
        assert "none besides the baseline" in found.reason


def test_the_tolerance_keeps_candidates_out_and_its_own_edge_in():
    assert answer("balanced", INT4).candidate is None
    assert "1 losing more than 1.0 point of accuracy" in answer("balanced", INT4).reason
    assert answer("balanced", INT4, tolerances={"balanced": 0.015}).candidate == "int4"
    assert answer("size", made("edge", 2.0, 100, 0.88)).candidate == "edge"  # 0.9 - 0.88 is a bit above 0.02


def test_a_slower_candidate_wins_neither_speed_nor_balanced():
    slow = made("slow", 0.9, 20, 0.9, de=(-0.01, "safe"))
    assert answer("speed", slow).reason == "No candidate qualifies for speed: 1 no faster than the baseline."
    assert answer("balanced", slow).reason == "No candidate qualifies for balanced: 1 slower than the baseline."
    assert answer("size", slow).candidate == "slow"
    assert f"0.90{TIMES} as fast and 95% smaller" in answer("size", slow).reason
    assert "no language drops" in answer("size", slow).reason


def test_accuracy_asks_for_some_gain():
    same = made("same", 1.0, 400, 0.95)
    assert answer("accuracy", same).candidate is None
    assert answer("accuracy", same, PRUNED).candidate == "pruned"
    assert "accuracy rises by" in answer("accuracy", made("up", 1.5, 400, 0.91)).reason


def test_what_was_not_measured_is_not_recommended():
    found = answer("speed", made("unknown", None, 100, 0.9), made("blind", 5.0, 100, None))
    assert found.candidate is None
    assert found.reason == "No candidate qualifies for speed: 2 without the measurements that it takes."
    assert answer("size", made("unknown", None, 100, 0.9)).candidate == "unknown"
    assert "of unknown speed" in answer("size", made("unknown", None, 100, 0.9)).reason


def test_balanced_is_the_geometric_mean():
    fast, small = made("fast", 3.0, 390, 0.9), made("small", 1.5, 150, 0.9)
    assert answer("balanced", fast, small).candidate == "small"
    assert answer("speed", fast, small).candidate == "fast"


def test_a_language_of_one_example_cannot_outweigh_the_rest():
    base = BASELINE.model_copy(update={"macro_accuracy": 0.9})
    uneven = made("uneven", 2.0, 100, 0.85).model_copy(update={"macro_accuracy": 0.99})
    assert recommend([base, uneven], ["speed"])["speed"].candidate is None
    steady = made("steady", 2.0, 100, 0.9).model_copy(update={"macro_accuracy": 0.6})
    assert recommend([base, steady], ["speed"])["speed"].candidate == "steady"


@pytest.mark.parametrize("goal", ["speed", "size", "balanced"])
def test_of_nearly_equal_candidates_the_one_that_loses_less_is_taken(goal):
    static = made("static", 2.50, 110, 0.893, de=(0.007, "safe"))
    trained = made("trained", 2.45, 111, 0.899, de=(0.001, "safe"))
    found = answer(goal, static, trained)
    assert found.candidate == "trained"
    assert found.reason.endswith(
        f" static, 2.50{TIMES} as fast and 72% smaller, is ahead by less than 5% and loses more accuracy."
    )
    clearly = made("clearly", 2.9, 95, 0.893, de=(0.007, "safe"))
    assert answer(goal, clearly, trained).candidate == "clearly"


def test_equals_in_everything_are_decided_by_the_further_merit():
    one, other = made("one", 2.4, 110, 0.897), made("other", 2.4, 100, 0.897)
    assert answer("speed", one, other).candidate == "other"
    assert "ahead by less" not in answer("speed", one, other).reason


def test_cost_says_that_no_costs_were_given():
    assert answer("cost", INT8).reason == "No candidate qualifies for cost: no costs were given."


def test_all_faulty_settings_are_told_at_once():
    with pytest.raises(ConfigError, match=r"'fame' is unknown.*'glory' is unknown.*'speed' is -0.1") as caught:
        recommend([BASELINE], ["fame"], {"speed": -0.1, "glory": 0.1})
    assert "balanced" in caught.value.hint


def test_a_baseline_is_needed():
    with pytest.raises(DataError, match="baseline"):
        recommend([INT8])
