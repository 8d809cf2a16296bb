"""The stacked costs and the break-even curves: what is drawn, what is cut, and that texts do not lie on each other."""

import numpy as np
import pytest
from chart_texts import overlapping, upright, visible
from matplotlib.patches import Rectangle

from leanglot.charts import break_even, cost
from leanglot.charts.files import drawings, svg_bytes
from leanglot.charts.labels import role_words
from leanglot.charts.language_accuracy import shown_candidate
from leanglot.config import Costs
from leanglot.decide.cost import price
from leanglot.decide.recommend import recommend


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


def words(figure):
    return [text.get_text() for text in visible(figure)]


def bars(figure):
    """Lengths of the bars by row."""
    found = {}
    for patch in figure.axes[0].patches:
        if isinstance(patch, Rectangle):
            found.setdefault(round(patch.get_y() + patch.get_height() / 2), []).append(patch.get_width())
    return found


def test_without_prices_neither_is_drawn(golden):
    assert not {"cost", "break_even"} & set(drawings(golden))
    assert {"cost", "break_even"} <= set(drawings(priced(golden)))
    with pytest.raises(ValueError, match="nothing is known"):
        cost.draw(golden)
    with pytest.raises(ValueError, match="no candidate has a total"):
        break_even.draw(golden)


def test_machines_and_errors_are_stacked(golden):
    report = priced(golden)
    figure = cost.draw(report)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[0] == report.pricing.cheapest
    assert "magnitude-50-int8" not in names
    own = report.candidate("original").monthly_cost
    assert bars(figure)[names.index("original")] == pytest.approx([own.infra, own.errors])
    assert f"${own.total:,.0f}" in words(figure)
    assert "rejected" in words(figure)


def test_a_rejected_bar_that_is_far_longer_is_cut(golden):
    broken = [
        each.model_copy(update={"throughput_per_s": 1.0}) if each.status == "rejected" else each
        for each in golden.candidates
    ]
    report = priced(golden.model_copy(update={"candidates": tuple(broken)}))
    figure = cost.draw(report)
    longest = figure.axes[0].get_xlim()[1]
    assert longest < report.candidate("magnitude-70").monthly_cost.total / 3
    assert max(sum(row) for row in bars(figure).values()) <= longest * (1 + 1e-9)
    assert "\N{RIGHTWARDS ARROW}" in words(figure)


def test_what_is_known_in_part_says_so(golden):
    report = priced(golden, traffic={"en": 0.7, "xh": 0.3}, error_cost=0.001)
    shown = words(cost.draw(report))
    assert any(text.startswith("at least $") for text in shown)
    assert "total unknown" in shown
    assert "errors, as far as judged" in shown
    assert "Unknown: errors in xh, 30.0% of the traffic." in shown
    assert "break_even" not in drawings(report)


def test_candidates_of_unknown_cost_are_named(golden):
    assert any("magnitude-50-int8" in text for text in words(cost.draw(priced(golden))))


def test_the_lines_are_the_totals_and_cross_where_it_says(golden):
    report = priced(golden, error_cost={"en": 0.02, "de": 0.02, "sw": 0.04})
    found = [each for each in report.pricing.break_evens if each.language is None and each.assumption == "error cost"]
    assert found
    figure = break_even.draw(report)
    assert any(f"{each.value:.3g}\N{MULTIPLICATION SIGN}" in words(figure) for each in found)
    upper = figure.axes[0]
    lines = {tuple(line.get_ydata()): line for line in upper.lines if len(line.get_xdata()) > 2}
    totals = np.array(list(lines))
    factors = next(iter(lines.values())).get_xdata()
    at = int(np.argmin(np.abs(np.log(factors))))
    known = [each.monthly_cost.total for each in report.candidates if each.monthly_cost.total is not None]
    for total in totals[:, at]:
        assert min(abs(total / other - 1) for other in known) < 0.05


def test_a_figure_given_has_no_machine_panel_of_its_own(golden):
    figures = {each.name: 100.0 + number for number, each in enumerate(golden.candidates)}
    report = priced(golden, infrastructure=None, monthly_infra=figures)
    assert len(break_even.draw(report).axes) == 2
    assert len(break_even.draw(priced(golden)).axes) == 4


def test_a_choice_that_stays_says_so(golden):
    pair = [each for each in golden.candidates if each.name in {"original", "onnx"}]
    report = priced(golden.model_copy(update={"candidates": tuple(pair)}))
    assert any("stays the same" in text for text in words(break_even.draw(report)))


@pytest.mark.parametrize("draw", [cost.draw, break_even.draw])
@pytest.mark.parametrize("kind", ["usual", "dear", "normalized", "crowded"])
def test_texts_do_not_overlap_and_stay_inside(golden, crowded, draw, kind):
    report = {
        "usual": lambda: priced(golden),
        "dear": lambda: priced(golden, error_cost={"en": 10, "de": 20, "sw": 40}),
        "normalized": lambda: priced(golden, traffic={"en": 6, "de": 3, "sw": 1}, normalize_traffic=True),
        "crowded": lambda: priced(crowded, traffic={"ba": 1.0}, error_cost=0.001, monthly_infra={"original": 900}),
    }[kind]()
    if draw is break_even.draw and not break_even.has_choice(report):
        pytest.skip("nothing to choose between")
    figure = draw(report)
    assert overlapping(upright(figure)) == []
    width, height = figure.get_size_inches() * figure.dpi
    for text in visible(figure):
        box = text.get_window_extent()
        assert box.x0 >= -1
        assert box.x1 <= width + 1
        assert box.y0 >= -1
        assert box.y1 <= height + 1


@pytest.mark.parametrize("draw", [cost.draw, break_even.draw])
def test_the_same_bytes_for_the_same_report(golden, draw):
    report = priced(golden)
    assert svg_bytes(draw(report)) == svg_bytes(draw(report))


def test_pictures_show_the_candidate_that_costs_least_where_there_are_prices(golden):
    report = priced(golden)
    cheapest = report.recommendations["cost"].candidate
    others = {answer.candidate for goal, answer in report.recommendations.items() if goal != "cost"} - {cheapest}
    assert others, "else this shows nothing"
    assert shown_candidate(report).name == cheapest
    assert role_words(report, report.candidate(cheapest)) == "recommended"
    for other in others - {None}:
        assert role_words(report, report.candidate(other)).startswith("recommended for ")
        assert role_words(report, report.candidate(other)).endswith(", not for cost")
