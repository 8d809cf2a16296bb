"""The prices as people read them: amounts, what is not known, what would change the choice."""

import io

import pytest
from rich.console import Console

from leanglot.config import Costs
from leanglot.decide.cost import price
from leanglot.decide.recommend import recommend
from leanglot.report.cost import COST_COLUMNS, break_even_sentences, cost_table
from leanglot.report.markdown import render_markdown
from leanglot.report.summary import answers, headline, primary
from leanglot.report.terminal import render_costs, render_recommendations, render_tables
from leanglot.results.pricing import BreakEven


def priced(report, **changes):
    values = {
        "monthly_predictions": 20_000_000,
        "traffic": {"en": 0.6, "de": 0.3, "sw": 0.1},
        "error_cost": {"en": 0.001, "de": 0.002, "sw": 0.004},
        "infrastructure": {"price_per_hour": 0.5, "peak_per_second": 500},
    }
    costs = Costs.model_validate({key: value for key, value in (values | changes).items() if value is not None})
    candidates, pricing = price(report.candidates, costs)
    found = recommend(candidates, pricing=pricing)
    return report.model_copy(update={"candidates": candidates, "pricing": pricing, "recommendations": found})


def printed(renderable, width=100):
    stream = io.StringIO()
    Console(file=stream, width=width).print(renderable)
    return stream.getvalue()


def rows(report):
    return {row.candidate.name: row for row in cost_table(report).rows}


def test_without_costs_there_is_nothing(golden):
    assert cost_table(golden) is None
    assert printed(render_costs(golden)).strip() == ""
    assert "Cost in a month" not in printed(render_tables(golden))
    assert "Cost in a month" not in render_markdown(golden)


def test_rows_tell_amounts_and_come_cheapest_first(golden):
    report = priced(golden)
    table = cost_table(report)
    totals = [row.cost.total for row in table.rows]
    assert totals == sorted(totals)
    assert table.rows[0].cheapest
    assert "magnitude-50-int8" not in rows(report)
    row = rows(report)["original"]
    assert set(row.cells) == set(COST_COLUMNS)
    assert row.cells["machines"] == "14 × $365"
    assert row.cells["total"] == f"${row.cost.total:,.0f}"
    assert row.cells["interval"] == f"${row.cost.total_low:,.0f} to ${row.cost.total_high:,.0f}"
    assert row.cells["chance cheapest"] == "below 1%"
    assert rows(report)["magnitude-70"].cells["chance cheapest"] == "rejected"


def test_the_assumptions_are_told(golden):
    table = cost_table(priced(golden, monthly_infra={"int8": 12.5}))
    assert table.assumptions == (
        "Priced with whole machines at $0.50 an hour, loaded to 60% of their measured throughput at a peak of 500 "
        "predictions a second and monthly figures for int8, and errors in 3 languages."
    )
    assert (
        "shares of machines"
        in cost_table(
            priced(golden, infrastructure={"price_per_hour": 0.5, "peak_per_second": 5.55, "whole_machines": False})
        ).assumptions
    )
    assert (
        "at a peak of 5.55 predictions"
        in cost_table(priced(golden, infrastructure={"price_per_hour": 0.5, "peak_per_second": 5.55})).assumptions
    )


def test_shares_of_machines_and_figures_have_their_own_form(golden):
    shares = rows(priced(golden, infrastructure={"price_per_hour": 0.5, "whole_machines": False}))
    assert shares["original"].cells["machines"].startswith("0.6 × $365")
    figures = rows(priced(golden, monthly_infra={"int8": 12.5}))
    assert figures["int8"].cells["machines"] == "$12.50"


def test_a_language_that_was_not_judged_is_told_and_totals_are_unknown(golden):
    report = priced(golden, traffic={"en": 0.7, "xh": 0.3}, error_cost=0.001)
    row = rows(report)["int8"]
    assert row.cells["total"].startswith("at least $")
    assert (row.cells["errors"], row.cells["interval"], row.cells["chance cheapest"]) == ("n/a", "n/a", "n/a")
    told = cost_table(report).remarks[0]
    assert told.startswith("Nothing was judged in Xhosa (xh), 30.0% of the traffic: ")
    assert "unknown" in told
    assert cost_table(report).changes == ()
    shown = " ".join(printed(render_costs(report)).split())
    assert "Nothing was judged in Xhosa (xh)" in shown


def test_unknown_machines_read_so(golden):
    report = priced(golden, infrastructure=None, monthly_infra={"int8": 100})
    assert rows(report)["original"].cells["machines"] == "n/a"
    assert rows(report)["original"].cells["total"].startswith("at least $")
    assert cost_table(report).rows[0].candidate.name == "int8"


def test_who_pays_most_is_named(golden):
    remarks = cost_table(priced(golden)).remarks
    assert any(remark.startswith("Errors of int8 cost most in ") and "Swahili (sw) $" in remark for remark in remarks)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            {"assumption": "error cost", "current": 1, "value": 2.34},
            "all errors cost more than 2.34 times what they do",
        ),
        (
            {"assumption": "machine price", "current": 1, "value": 0.25},
            "machines cost less than 0.25 times what they do",
        ),
        (
            {"assumption": "predictions", "current": 1e6, "value": 1_234_567},
            "there are more than 1,235,000 predictions in a month (now 1,000,000)",
        ),
        (
            {"assumption": "predictions", "current": 1e6, "value": 400_000},
            "there are fewer than 400,000 predictions in a month (now 1,000,000)",
        ),
        (
            {"assumption": "error cost", "language": "th", "current": 50, "value": 12.5},
            "an error in Thai (th) costs less than $12.50 (now $50.00)",
        ),
        (
            {"assumption": "traffic", "language": "th", "current": 0.05, "value": 0.216},
            "Thai (th) has more than 21.6% of the traffic (now 5.0%)",
        ),
    ],
)
def test_break_evens_are_sentences(golden, found, told):
    pricing = priced(golden).pricing.model_copy(update={"break_evens": (BreakEven(instead="tiny", **found),)})
    assert break_even_sentences(pricing) == (f"tiny becomes the cheapest if {told}.",)


def test_the_nearest_come_first_and_the_rest_is_counted(golden):
    def at(value, assumption="error cost", current=1.0):
        return BreakEven(assumption=assumption, current=current, value=value, instead=f"x{value:g}", language="th")

    several = (at(30.0), at(0.0), at(1.2), at(0.9), at(1.0, "traffic", 0.5), at(0.51, "traffic", 0.5), at(7.0))
    pricing = priced(golden).pricing.model_copy(update={"break_evens": several})
    told = break_even_sentences(pricing, most=4)
    assert [sentence.split()[0] for sentence in told[:4]] == ["x0.51", "x0.9", "x1.2", "x7"]
    assert told[4] == "3 more such changes lie farther off."


def test_where_nothing_changes_the_choice_that_is_told(golden):
    pricing = priced(golden).pricing.model_copy(update={"break_evens": ()})
    assert break_even_sentences(pricing) == (
        f"Nothing within sight would make another candidate cheaper than {pricing.cheapest}.",
    )


def test_the_answer_opens_with_the_cost(golden):
    report = priced(golden)
    assert answers(report)[0].goal == "cost"
    assert primary(report).name == report.pricing.cheapest
    assert printed(render_recommendations(report)).splitlines()[1].startswith("Cost: int8")


def test_where_the_baseline_is_the_cheapest_it_is_kept(golden):
    report = priced(golden, monthly_infra={"original": 1.0})
    assert report.recommendations["cost"].candidate is None
    assert primary(report).name == report.baseline
    first = headline(report)
    assert first.before + first.name + first.after == "Keep the baseline original: no other candidate costs less"


@pytest.mark.parametrize("width", [80, 100, 200])
def test_lines_fit(golden, width):
    lines = printed(render_costs(priced(golden)), width).splitlines()
    assert max(map(len, lines)) <= min(width, 100)


def test_both_texts_have_the_table(golden):
    report = priced(golden)
    shown, text = printed(render_tables(report)), render_markdown(report)
    for part in ("Cost in a month of 20,000,000 predictions", "becomes the cheapest if"):
        assert part in shown
        assert part in text
    row = next(line for line in text.splitlines() if line.startswith("| `int8` | 5 × "))
    assert row.count("|") == len(COST_COLUMNS) + 2


def test_hostile_names_stay_text(hollow):
    measured = [each.model_copy(update={"throughput_per_s": 50.0}) for each in hollow.candidates]
    report = priced(hollow.model_copy(update={"candidates": tuple(measured)}), traffic={"en": 1.0}, error_cost=0.1)
    text = render_markdown(report)
    assert "<script>alert" not in text.replace("`<script>alert(1)</script>`", "")
    assert "\x1b" not in printed(render_costs(report))
