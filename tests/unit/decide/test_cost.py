import pytest
from priced import answers, candidate, costs

from leanglot.decide.cost import check_names, error_costs, price
from leanglot.errors import ConfigError

TRAFFIC = {"en": 0.70, "es": 0.15, "ru": 0.10, "th": 0.05}
ACCURACY = {"en": 0.92, "es": 0.88, "ru": 0.84, "th": 0.78}
PRICES = {"en": 10, "es": 15, "ru": 20, "th": 50}


def priced(*candidates, prices=None, stored=None, missing=None, **settings):
    """The monthly costs by name, and the pricing."""
    known = {each.name: answers(ERRORS[each.name]) for each in candidates} if stored is None else stored
    found, pricing = price(candidates, prices or costs(), known, missing or {}, **settings)
    return {each.name: each.monthly_cost for each in found}, pricing


ERRORS = {
    "fp32": {"de": 10, "sw": 20},
    "int8": {"de": 12, "sw": 24},
    "tiny": {"de": 50, "sw": 90},
    "broken": {"de": 10, "sw": 20},
}
FP32 = candidate("fp32", ERRORS["fp32"], "baseline", throughput=25)
INT8 = candidate("int8", ERRORS["int8"], throughput=250)
TINY = candidate("tiny", ERRORS["tiny"], "rejected", throughput=2500)


def test_the_worked_example():
    found = error_costs(ACCURACY, TRAFFIC, PRICES, 1_000_000)
    assert found == pytest.approx({"en": 560_000, "es": 270_000, "ru": 320_000, "th": 550_000})
    assert sum(found.values()) == pytest.approx(1_700_000)


def test_one_price_for_all_languages():
    assert error_costs(ACCURACY, TRAFFIC, 10, 1_000_000)["th"] == pytest.approx(110_000)


def test_what_has_no_accuracy_is_not_free_of_errors():
    with pytest.raises(ConfigError, match=r"th has traffic and no accuracy; th has traffic and no cost per error"):
        error_costs({"en": 0.9}, {"en": 0.9, "th": 0.1}, {"en": 1}, 100)
    with pytest.raises(ConfigError, match=r"the accuracy in en is 92"):
        error_costs({"en": 92}, {"en": 1}, 1, 100)


def test_machines_and_errors_add_up():
    found, pricing = priced(FP32, INT8)
    # 150 a second over 25 times 0.6 are 10 machines; over 250 times 0.6, one.
    assert (found["fp32"].machines, found["int8"].machines) == (10, 1)
    assert (found["fp32"].infra, found["int8"].infra) == (7_300, 730)
    assert found["fp32"].languages["de"].cost == pytest.approx(100_000 * 0.75 * 0.05 * 0.1)
    assert found["fp32"].errors == pytest.approx(375 + 1_000)
    assert found["fp32"].total == pytest.approx(8_675)
    assert found["fp32"].known == found["fp32"].total
    assert found["fp32"].per_million == pytest.approx(86_750)
    assert pricing.cheapest == "int8"
    assert found["int8"].chance_cheapest > 0.999


def test_the_interval_holds_the_total_and_comes_from_the_errors_alone():
    found, _ = priced(FP32, INT8)
    cost = found["fp32"]
    assert cost.infra < cost.total_low < cost.total < cost.total_high
    single = cost.languages["sw"]
    assert single.cost_low < single.cost < single.cost_high
    assert (single.n, single.error_rate, single.share) == (200, 0.1, 0.25)


def test_no_errors_in_few_examples_have_an_interval_above_zero():
    few = candidate("few", {"de": 0, "sw": 0}, "baseline", n=10)
    found, _ = priced(few, stored={"few": answers({"de": 0, "sw": 0}, n=10)})
    assert found["few"].errors == 0
    assert found["few"].total == found["few"].total_low == found["few"].infra
    assert found["few"].total_high > found["few"].infra + 1_000


def test_a_rejected_candidate_is_priced_and_never_the_cheapest():
    found, pricing = priced(FP32, TINY, prices=costs(error_cost=0.001))
    assert found["tiny"].total < found["fp32"].total
    assert found["tiny"].chance_cheapest is None
    assert pricing.cheapest == "fp32"
    assert found["fp32"].chance_cheapest == 1


def test_a_failed_candidate_has_no_price_and_says_why():
    failed = candidate("broken", {}, "failed", throughput=None, accuracy=0.0)
    found, pricing = priced(FP32, failed)
    assert found["broken"].total is None
    assert "failed" in found["broken"].reason
    assert not any("broken" in note for note in pricing.notes)


def test_a_language_without_judged_examples_is_unknown_and_never_free():
    prices = costs(traffic={"de": 0.7, "sw": 0.2, "th": 0.1}, error_cost=0.1)
    found, pricing = priced(FP32, INT8, prices=prices)
    cost = found["fp32"]
    assert (cost.errors, cost.total, cost.total_low, cost.per_million, cost.chance_cheapest) == (None,) * 5
    assert cost.reason == "nothing was judged in th, 10.0% of the traffic"
    assert cost.languages["th"].cost is None
    assert cost.languages["th"].n == 0
    assert cost.known == pytest.approx(7_300 + 100_000 * 0.1 * (0.7 * 0.05 + 0.2 * 0.1))
    assert pricing.unknown == pytest.approx({"th": 0.1})
    assert pricing.cheapest is None
    assert pricing.break_evens == ()
    assert pricing.notes == (
        "fp32 and int8 have no total and take no part in the choice: nothing was judged in th, 10.0% of the traffic.",
    )


def test_a_language_that_is_never_asked_for_costs_nothing():
    found, pricing = priced(FP32, prices=costs(traffic={"de": 0.8, "sw": 0.2, "th": 0.0}, error_cost=0.1))
    assert found["fp32"].languages["th"].cost == 0
    assert found["fp32"].total is not None
    assert pricing.unknown == {}


def test_languages_without_traffic_are_named():
    _, pricing = priced(FP32, prices=costs(traffic={"de": 1.0}, error_cost=0.1))
    assert any("without traffic" in note and "sw" in note for note in pricing.notes)


def test_a_candidate_of_unknown_throughput_has_no_total():
    slow = candidate("int8", ERRORS["int8"], throughput=None)
    found, pricing = priced(FP32, slow)
    assert found["int8"].total is None
    assert found["int8"].reason == "its throughput was not measured"
    assert found["int8"].known == pytest.approx(found["int8"].errors)
    assert pricing.cheapest == "fp32"
    assert any("int8 has no total" in note for note in pricing.notes)


def test_a_monthly_figure_takes_the_place_of_machines():
    found, _ = priced(FP32, INT8, prices=costs(monthly_infra={"int8": 55}))
    assert (found["int8"].infra, found["int8"].machines) == (55, None)
    assert found["fp32"].infra == 7_300


def test_monthly_figures_alone_leave_others_unknown():
    found, pricing = priced(FP32, INT8, prices=costs(infrastructure=None, monthly_infra={"int8": 55}))
    assert found["fp32"].infra is None
    assert "monthly_infra has no figure" in found["fp32"].reason
    assert pricing.cheapest == "int8"


def test_a_figure_for_nobody_is_refused_or_told():
    prices = costs(monthly_infra={"int9": 5})
    with pytest.raises(ConfigError, match="'int9', which no candidate is called") as caught:
        check_names(prices, ["fp32", "int8"])
    assert "fp32, int8" in caught.value.hint
    _, pricing = priced(FP32, prices=prices)
    assert any("int9" in note for note in pricing.notes)


def test_shares_that_were_normalized_are_told():
    prices = costs(traffic={"de": 3, "sw": 1}, normalize_traffic=True)
    found, pricing = priced(FP32, prices=prices)
    assert found["fp32"].languages["de"].share == 0.75
    assert any("sums to 4" in note for note in pricing.notes)


def test_missing_answers_fall_back_to_the_counts_of_the_record():
    whole, _ = priced(FP32, INT8)
    found, pricing = priced(FP32, INT8, stored={"fp32": answers(ERRORS["fp32"])}, missing={"int8": "they are damaged"})
    assert found["int8"].total == pytest.approx(whole["int8"].total)
    assert pricing.notes == ("int8: they are damaged; the counts in its record were used.",)
    assert found["int8"].total_high > found["int8"].total


def test_without_any_answers_all_counts_are_used():
    found, pricing = priced(FP32, INT8, stored={})
    assert found["fp32"].total == pytest.approx(8_675)
    assert len(pricing.notes) == 2


def test_answers_to_other_examples_are_not_paired():
    stored = {"fp32": answers(ERRORS["fp32"]), "int8": answers(ERRORS["int8"], n=150)}
    _, pricing = priced(FP32, INT8, stored=stored)
    assert "other examples" in pricing.notes[0]


def test_answers_that_the_record_does_not_count_are_not_used():
    stored = {"fp32": answers(ERRORS["fp32"]), "int8": answers({"de": 1, "sw": 1})}
    found, pricing = priced(FP32, INT8, stored=stored)
    assert "not those that its record counts" in pricing.notes[0]
    assert found["int8"].languages["de"].error_rate == pytest.approx(0.06)


def test_a_candidate_of_which_nothing_is_known_says_so():
    blank = candidate("int8", {}, accuracy=0.0)
    found, pricing = priced(FP32, blank, stored={"fp32": answers(ERRORS["fp32"])})
    assert pricing.notes[0] == "int8: its single answers were not given; its errors are unknown."
    assert found["int8"].total is None
    assert found["int8"].known == found["int8"].infra == 2_190


def test_pairing_sharpens_the_chance_of_being_the_cheapest():
    one = candidate("one", {"de": 20, "sw": 20}, "baseline")
    two = candidate("two", {"de": 21, "sw": 21})
    stored = {"one": answers({"de": 20, "sw": 20}), "two": answers({"de": 21, "sw": 21})}
    paired, _ = priced(one, two, stored=stored)
    apart, _ = priced(one, two, stored={})
    assert paired["one"].chance_cheapest > apart["one"].chance_cheapest > 0.5
    assert paired["one"].chance_cheapest + paired["two"].chance_cheapest == pytest.approx(1)


def test_equal_candidates_share_the_chance():
    free = costs(error_cost=0.0)
    found, pricing = priced(FP32, candidate("int8", ERRORS["int8"], throughput=25), prices=free)
    assert (found["fp32"].chance_cheapest, found["int8"].chance_cheapest) == (0.5, 0.5)
    assert pricing.cheapest == "fp32"


def test_the_same_seed_gives_the_same_prices():
    assert priced(FP32, INT8) == priced(FP32, INT8)
    assert priced(FP32, INT8, seed=1)[0]["fp32"].total_low != priced(FP32, INT8)[0]["fp32"].total_low
