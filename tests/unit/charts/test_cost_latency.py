import pytest
from chart_texts import visible
from picture_runs import with_costs

from leanglot.charts.cost_latency import draw, has_costs


def texts(figure):
    return [text.get_text() for text in visible(figure)]


def colours(figure):
    """Colour of each candidate's mark, by its place."""
    lines = [line for line in figure.get_axes()[0].get_lines() if len(line.get_xdata()) == 1]
    return [line.get_color() for line in lines]


def priced(golden, points, statuses=None):
    """Candidates of given 95th percentile and total, the first the baseline."""
    report = with_costs(golden, totals=[2000.0] * len(golden.candidates))
    model = report.candidates[1]
    candidates = []
    for place, (p95, total) in enumerate(points):
        cost = model.monthly_cost.model_copy(update={"total": total, "total_low": total - 50, "total_high": total + 70})
        latency = model.latency_ms.model_copy(update={"p95": p95, "missing": {} if p95 else {"p95": "20 calls"}})
        status = "baseline" if place == 0 else (statuses or {}).get(place, "unrefuted")
        changes = {"name": f"c{place}", "status": status, "monthly_cost": cost, "latency_ms": latency}
        candidates.append(model.model_copy(update=changes))
    return report.model_copy(update={"candidates": tuple(candidates), "baseline": "c0"})


def test_what_another_beats_in_both_is_grey(golden):
    marks = colours(draw(priced(golden, [(10, 900), (5, 1000), (12, 950), (5, 1200)])))
    assert marks[0] == marks[1]
    assert marks[2] == marks[3] != marks[0]


def test_a_rejected_candidate_neither_stands_on_the_front_nor_beats_others(golden):
    marks = colours(draw(priced(golden, [(10, 900), (1, 100)], {1: "rejected"})))
    front = colours(draw(priced(golden, [(10, 900)])))
    assert marks[0] == front[0]
    assert marks[1] != marks[0]
    assert "harms a language" in texts(draw(priced(golden, [(10, 900), (1, 100)], {1: "rejected"})))


def test_whiskers_are_the_intervals(golden):
    axes = draw(priced(golden, [(10, 900), (5, 1000)])).get_axes()[0]
    drawn = [tuple(line.get_ydata()) for line in axes.get_lines() if len(line.get_xdata()) == 2]
    assert (850, 970) in drawn
    assert (950, 1070) in drawn


def test_candidates_without_a_number_are_named_with_the_reason(golden):
    report = with_costs(golden)
    failed = [each.name for each in report.candidates if each.status == "failed"]
    shown = texts(draw(report))
    assert any(text.startswith(f"Left out: {failed[0]} (failed") for text in shown)
    unknown = texts(draw(with_costs(golden, totals=[None, *[2000.0] * (len(golden.candidates) - 1)])))
    assert any("Traffic in xx was not judged" in text for text in unknown)
    short = texts(draw(priced(golden, [(10, 900), (None, 800)])))
    assert any("c1 (20 calls)" in text for text in short)


@pytest.mark.parametrize(("points", "told"), [([(1, 900), (50, 950)], "logarithmic: latency"), ([(9, 900)], None)])
def test_a_logarithmic_scale_is_told(golden, points, told):
    line = next(text for text in texts(draw(priced(golden, points))) if text.startswith("Machines and errors"))
    assert line.endswith(told) if told else "logarithmic" not in line


def test_amounts_are_in_the_run_s_currency(golden):
    shown = texts(draw(with_costs(golden, currency="EUR")))
    assert any(text.startswith("EUR ") for text in shown)


def test_without_prices_there_is_nothing_to_draw(golden):
    assert not has_costs(golden)
    assert any(text.startswith("n/a") for text in texts(draw(golden)))
