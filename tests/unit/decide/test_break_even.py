import pytest
from priced import costs

from leanglot.decide.break_even import Bill, break_evens
from leanglot.decide.machines import Fleet

RATES = {"de": 0.05, "sw": 0.10}
# The baseline: 8,675 in all, 7,300 of them for ten machines; 1,375 for errors.
EXACT = Bill("fp32", 0.0, Fleet(730.0, 10_000, 1, whole=True), RATES)
# One machine, and errors of 1,650.
FAST = Bill("int8", 0.0, Fleet(730.0, 100_000, 1, whole=True), {"de": 0.06, "sw": 0.12})


def found(bills, cheapest, prices=None):
    """The break-evens by assumption, language and side."""
    result = {}
    for each in break_evens(bills, cheapest, prices or costs()):
        result[each.assumption, each.language, "above" if each.value > each.current else "below"] = each
    return result


def total(bill, prices):
    return float(bill.infra(prices.monthly_predictions)) + bill.errors(prices)


def test_all_errors_by_one_factor():
    crossing = found([EXACT, FAST], "int8")["error cost", None, "above"]
    # 730 + 1,650 f = 7,300 + 1,375 f
    assert crossing.value == pytest.approx(6_570 / 275)
    assert (crossing.current, crossing.instead) == (1.0, "fp32")


def test_machines_by_one_factor():
    crossing = found([EXACT, FAST], "int8")["machine price", None, "below"]
    # 730 f + 1,650 = 7,300 f + 1,375
    assert crossing.value == pytest.approx(275 / 6_570)
    assert ("machine price", None, "above") not in found([EXACT, FAST], "int8")


@pytest.mark.parametrize("tag", ["de", "sw"])
def test_one_languages_error_cost(tag):
    prices = costs()
    crossing = found([EXACT, FAST], "int8")["error cost", tag, "above"]
    assert crossing.current == prices.error_price(tag)
    changed = costs(error_cost=prices.error_cost | {tag: crossing.value})
    assert total(EXACT, changed) == pytest.approx(total(FAST, changed))


def test_a_share_of_the_traffic_with_the_others_in_proportion():
    one = Bill("one", 100.0, None, {"de": 0.10, "sw": 0.02, "th": 0.1})
    two = Bill("two", 90.0, None, {"de": 0.02, "sw": 0.10, "th": 0.1})
    prices = costs(traffic={"de": 0.6, "sw": 0.3, "th": 0.1}, error_cost=0.01)
    assert total(two, prices) < total(one, prices)
    crossing = found([one, two], "two", prices)["traffic", "sw", "above"]
    rest = (1 - crossing.value) / 0.7
    changed = costs(traffic={"de": 0.6 * rest, "sw": crossing.value, "th": 0.1 * rest}, error_cost=0.01)
    assert total(one, changed) == pytest.approx(total(two, changed))
    assert crossing.instead == "one"


def test_a_single_language_has_no_share_to_change():
    prices = costs(traffic={"de": 1.0}, error_cost=0.1)
    assert not [key for key in found([EXACT, FAST], "int8", prices) if key[0] == "traffic"]


def test_the_nearest_of_several_rivals_counts():
    rival = Bill("exact", 2_000.0, None, {"de": 0.0, "sw": 0.0})  # 2,000 without errors, beside int8's 2,380
    prices = costs(error_cost={"de": 0.02, "sw": 0.08})
    assert total(FAST, prices) < total(rival, prices)
    assert found([EXACT, FAST, rival], "int8", prices)["error cost", None, "above"].instead == "exact"


def test_predictions_where_a_machine_more_changes_the_choice():
    # Whole machines: int8 needs a second one beyond 100,000 predictions, the other one has two already.
    two = Bill("two", 0.0, Fleet(730.0, 70_000, 1, whole=True), RATES)
    crossing = found([FAST, two], "int8")["predictions", None, "above"]
    assert crossing.value == pytest.approx(100_000)
    assert crossing.instead == "two"


def test_a_tie_is_told_on_the_side_where_it_breaks():
    twin = Bill("twin", 0.0, Fleet(730.0, 100_000, 1, whole=True), {"de": 0.06, "sw": 0.12})
    assert not break_evens([FAST, twin], "int8", costs())
    prices = costs(traffic={"de": 0.5, "sw": 0.5}, error_cost=0.1)
    sides = found([FAST, Bill("other", 730.0, None, {"de": 0.12, "sw": 0.06})], "int8", prices)
    assert sides["error cost", "de", "below"].value == pytest.approx(0.1)
    assert sides["error cost", "sw", "above"].value == pytest.approx(0.1)


def test_predictions_within_a_piece():
    one = Bill("one", 0.0, Fleet(730.0, 1e9, 1, whole=True), {"de": 0.02, "sw": 0.02})
    two = Bill("two", 300.0, None, {"de": 0.05, "sw": 0.05})
    crossing = found([one, two], "one")["predictions", None, "below"]
    # 730 + N * 0.02 * 0.175 = 300 + N * 0.05 * 0.175
    assert crossing.value == pytest.approx(430 / (0.03 * 0.175))
    assert crossing.instead == "two"


def test_nothing_changes_for_a_candidate_that_is_better_in_everything():
    better = Bill("better", 0.0, Fleet(730.0, 200_000, 1, whole=True), {"de": 0.01, "sw": 0.01})
    assert break_evens([EXACT, better], "better", costs()) == ()


def test_a_crossing_out_of_sight_is_left_out():
    far = Bill("far", 2_400.0, None, {"de": 0.0599999, "sw": 0.1199999})
    assert ("error cost", None, "above") not in found([FAST, far], "int8")


def test_a_language_of_unknown_rate_has_no_break_even():
    prices = costs(traffic={"de": 0.8, "sw": 0.2, "th": 0.0}, error_cost=0.1)
    assert not [key for key in found([EXACT, FAST], "int8", prices) if key[1] == "th"]


def test_an_error_that_costs_nothing_yet_may_cost_something():
    prices = costs(error_cost={"de": 0.0, "sw": 0.4})
    crossing = found([EXACT, FAST], "int8", prices)["error cost", "de", "above"]
    assert crossing.current == 0
    assert crossing.value > 0
