import math

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leanglot.config.costs import Costs
from leanglot.decide.break_even import SIGHT, Bill, break_evens
from leanglot.decide.machines import Fleet

RATE = st.floats(0.001, 0.5)


@st.composite
def bills(draw):
    """Two to four candidates, run on whole machines, on shares of them, or at a figure."""
    found = []
    for number in range(draw(st.integers(2, 4))):
        kind = draw(st.sampled_from(["whole", "share", "figure"]))
        capacity = draw(st.floats(2_000, 500_000))
        fleet = None if kind == "figure" else Fleet(700.0, capacity, int(kind == "whole"), whole=kind == "whole")
        figure = draw(st.floats(10, 20_000)) if kind == "figure" else 0.0
        found.append(Bill(f"c{number}", figure, fleet, {"de": draw(RATE), "sw": draw(RATE)}))
    return found


def prices(**changes):
    values = {
        "monthly_predictions": 100_000.0,
        "traffic": {"de": 0.75, "sw": 0.25},
        "error_cost": {"de": 0.1, "sw": 0.4},
        "infrastructure": {"price_per_hour": 1.0},
    }
    return Costs.model_validate(values | changes)


def changed(assumption, language, value, bill, costs):
    """The total of a candidate with one assumption changed, computed from scratch."""
    if assumption == "predictions":
        return float(bill.infra(value)) + value * bill.error_price(costs)
    if assumption == "machine price":
        factor = 1.0 if bill.fleet is None else value
        return factor * float(bill.infra(costs.monthly_predictions)) + bill.errors(costs)
    if assumption == "error cost" and language is None:
        return float(bill.infra(costs.monthly_predictions)) + value * bill.errors(costs)
    if assumption == "error cost":
        costs = prices(error_cost={**costs.error_cost, language: value})
    else:
        other = next(tag for tag in costs.shares if tag != language)
        costs = prices(traffic={language: value, other: 1 - value})
    return float(bill.infra(costs.monthly_predictions)) + bill.errors(costs)


FIFTY_MACHINES_EXACTLY = [
    Bill("c0", 0.0, Fleet(700.0, 2000.0, 1, whole=True), {"de": 0.25, "sw": 0.5}),
    Bill("c1", 0.0, Fleet(700.0, 2001.0, 1, whole=True), {"de": 0.5, "sw": 0.375}),
]


@example(candidates=FIFTY_MACHINES_EXACTLY)
@given(candidates=bills())
@settings(max_examples=60)
def test_nothing_nearer_changes_the_choice_and_something_beyond_does(candidates):
    costs = prices()
    now = {bill.name: float(bill.infra(costs.monthly_predictions)) + bill.errors(costs) for bill in candidates}
    cheapest = min(now, key=now.__getitem__)
    for each in break_evens(candidates, cheapest, costs):
        assert each.instead != cheapest

        def lead(value, each=each):
            """How much more the choice costs than the best other one; above 0 the choice has changed."""
            totals = {bill.name: changed(each.assumption, each.language, value, bill, costs) for bill in candidates}
            return totals[cheapest] - min(total for name, total in totals.items() if name != cheapest)

        for place in np.linspace(each.current, each.value, 23)[1:-1]:
            assert lead(float(place)) <= 1e-6 * now[cheapest]
        # Beyond is further away than the rounding of a number of machines, which has nine digits.
        away = each.value - each.current
        beyond = each.value + math.copysign(max(abs(away) * 1e-7, each.value * 1e-8), away)
        if each.assumption != "traffic" or 0 <= beyond <= 1:
            assert lead(beyond) >= -1e-6 * now[cheapest]


@given(candidates=bills())
@settings(max_examples=30)
def test_where_no_number_of_predictions_is_named_none_in_sight_changes_the_choice(candidates):
    costs = prices()
    now = {bill.name: float(bill.infra(100_000.0)) + bill.errors(costs) for bill in candidates}
    cheapest = min(now, key=now.__getitem__)
    sides = {
        each.value > each.current
        for each in break_evens(candidates, cheapest, costs)
        if each.assumption == "predictions"
    }
    for above in {True, False} - sides:
        # Machines are added at most every 2,000 predictions, so that these many places meet every piece nearby.
        for value in np.geomspace(100_000.0, 100_000.0 * (SIGHT / 1.01 if above else 1.01 / SIGHT), 400):
            totals = {bill.name: float(bill.infra(value)) + value * bill.error_price(costs) for bill in candidates}
            assert totals[cheapest] <= min(totals.values()) * (1 + 1e-6)
