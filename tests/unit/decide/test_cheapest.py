import pytest
from priced import answers, candidate, costs

from leanglot.decide.cost import price
from leanglot.decide.recommend import recommend
from leanglot.results.records import Candidate

FP32 = candidate("fp32", {"de": 10, "sw": 20}, "baseline", throughput=25)
INT8 = candidate("int8", {"de": 12, "sw": 24}, "unrefuted", throughput=250)
SAFE = candidate("safe", {"de": 10, "sw": 20}, "certified", throughput=50)
TINY = candidate("tiny", {"de": 10, "sw": 20}, "rejected", throughput=2_500)
FAILED = candidate("broken", {}, "failed", throughput=None, accuracy=0.0)


def answer(*candidates, prices=None, **settings):
    stored = {}
    for each in candidates:
        errors = {tag: round(200 * (1 - result.candidate)) for tag, result in each.languages.items()}
        stored |= {each.name: answers(errors)} if errors else {}
    found, pricing = price(candidates, prices or costs(), stored)
    return recommend(found, pricing=pricing, **settings)["cost"]


def test_the_cheapest_is_recommended_with_its_amounts():
    found = answer(FP32, INT8, SAFE, FAILED)
    assert found.candidate == "int8"
    assert found.reason.startswith(
        "int8 costs $2,380 a month, $730 for machines and $1,650 for errors (95% interval $1,9"
    )
    assert (
        "; that is $6,295 less than the baseline; the chance that nothing else that may be shipped costs less is "
        in (found.reason)
    )
    assert found.accuracy_tolerance == 1


def test_a_rejected_candidate_that_would_be_cheaper_is_named():
    found = answer(FP32, INT8, TINY)
    assert found.candidate == "int8"
    assert found.reason.endswith(" tiny would cost $2,105, but is rejected: a language is harmed.")


def test_strict_takes_certified_alone_and_names_what_it_passes_over():
    found = answer(FP32, INT8, SAFE, TINY, strict=True)
    assert found.candidate == "safe"
    assert found.reason.endswith(" tiny would cost $2,105, but is rejected: a language is harmed.")
    assert answer(FP32, INT8, SAFE, strict=True).reason.endswith(" int8 would cost $2,380, but is not certified.")
    reason = answer(FP32, INT8, strict=True).reason
    assert reason == "No candidate qualifies for cost: 1 not certified. The baseline costs $8,675 a month."


def test_strict_chances_and_break_evens_are_among_what_may_be_shipped():
    stored = {"fp32": answers({"de": 10, "sw": 20}), "int8": answers({"de": 12, "sw": 24})}
    stored |= {"safe": answers({"de": 10, "sw": 20})}
    found, pricing = price([FP32, INT8, SAFE], costs(), stored, strict=True)
    assert pricing.cheapest == "safe"
    assert {each.instead for each in pricing.break_evens} <= {"fp32"}
    chances = {each.name: each.monthly_cost.chance_cheapest for each in found}
    assert chances["int8"] is None
    assert chances["safe"] + chances["fp32"] == pytest.approx(1)


def test_candidates_of_unknown_total_are_told_as_not_counted():
    prices = costs(infrastructure=None, monthly_infra={"fp32": 9_000, "safe": 3_000})
    reason = answer(FP32, INT8, SAFE, prices=prices).reason
    assert reason.endswith(" Not counted, their totals being unknown: 1, int8 at least $1,650.")


def test_where_the_baseline_is_the_cheapest_nothing_else_is_recommended():
    found = answer(FP32, INT8, prices=costs(error_cost=100.0))
    assert found.candidate is None
    assert found.reason.startswith("The baseline is the cheapest: fp32 costs $")
    assert " int8 follows with $" in found.reason


def test_an_unknown_cost_is_told():
    prices = costs(traffic={"de": 0.9, "th": 0.1}, error_cost=0.1)
    found = answer(FP32, INT8, prices=prices)
    assert found.candidate is None
    assert found.reason == (
        "No candidate qualifies for cost: 1 of unknown cost (nothing was judged in th, 10.0% of the traffic)."
    )


def test_a_baseline_of_unknown_cost_is_told():
    found = answer(FP32.model_copy(update={"throughput_per_s": None}), INT8)
    assert found.candidate == "int8"
    assert "; what the baseline costs is unknown" in found.reason


def test_a_tolerance_that_was_asked_for_is_kept():
    assert answer(FP32, INT8, tolerances={"cost": 0.001}).reason == (
        "No candidate qualifies for cost: 1 losing more of accuracy than allowed. The baseline costs $8,675 a month."
    )
    assert answer(FP32, INT8, tolerances={"cost": 0.02}).candidate == "int8"


def test_the_currency_is_the_given_one():
    assert "int8 costs EUR 2,380 a month" in answer(FP32, INT8, prices=costs(currency="EUR")).reason


def test_cost_is_a_goal_only_where_prices_were_given():
    assert "cost" not in recommend([FP32, INT8])
    _, pricing = price([FP32, INT8], costs())
    assert set(recommend([FP32, INT8], pricing=pricing)) == {"speed", "accuracy", "size", "balanced", "cost"}


def test_no_candidate_beside_the_baseline():
    reason = answer(FP32).reason
    assert reason == (
        "No candidate qualifies for cost: there is none besides the baseline. The baseline costs $8,675 a month."
    )


@pytest.mark.parametrize(("throughput", "words"), [(250.0, "above 99%"), (25.0, "%")])
def test_the_chance_never_reads_certain(throughput, words):
    rival = candidate("int8", {"de": 11, "sw": 22}, throughput=throughput)
    reason = answer(FP32, rival).reason
    assert words in reason
    assert " is 100%" not in reason


def test_a_candidate_that_was_never_priced_has_an_unknown_cost():
    blank = Candidate(name="late", runtime="onnxruntime", status="certified")
    (fp32,), pricing = price([FP32], costs())
    assert "of unknown cost (not priced)" in recommend([fp32, blank], pricing=pricing)["cost"].reason
