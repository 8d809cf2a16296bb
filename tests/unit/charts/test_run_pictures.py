"""The pictures that a run has where it has the numbers: any report is drawn, inside of the figure, readable."""

import pytest
from chart_texts import overlapping, upright, visible
from picture_runs import complete, many_tags, with_costs, with_languages, with_spreads, with_students

from leanglot.charts import cost_latency, latency_spread, retention_bars, teacher
from leanglot.charts.files import drawings, fitting, impacts, svg_bytes
from leanglot.charts.impact import draw as draw_impact
from leanglot.charts.impact_points import impact_of_run
from leanglot.report.figures import TEXTS

DRAWN = {
    "retention_bars": retention_bars.draw,
    "impact": lambda report: draw_impact(impact_of_run(report)),
    "teacher": teacher.draw,
    "cost_latency": cost_latency.draw,
    "latency_spread": latency_spread.draw,
}
RUNS = {
    "complete": complete,
    "sixty": lambda golden: complete(with_languages(golden, many_tags())),
    "one": lambda golden: complete(with_languages(golden, ["zh-Hant-TW"])),
    "long calls": lambda golden: with_spreads(golden, 90),
    "few calls": lambda golden: with_spreads(golden, 8),
    "plain": lambda golden: golden,
}


def strange(report):
    names = ("$a_b$ \\frac{", "日本語の候補", "x" * 200, "tab\tand\nline", "ok", "a b", "%s", "<b>")
    first, *others = report.candidates
    named = tuple(each.model_copy(update={"name": name}) for each, name in zip(others, names, strict=False))
    return report.model_copy(update={"candidates": (first, *named), "recommendations": {}})


STORED = ("bare", "hollow", "crowded")
ONLY_SPREADS = ("long calls", "few calls")
CASES = [
    (run, name)
    for run in (*RUNS, "strange", *STORED)
    for name in DRAWN
    if run not in ONLY_SPREADS or name == "latency_spread"
]


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def figure(request, golden):
    run, name = request.param
    if run in STORED:
        return DRAWN[name](request.getfixturevalue(run))
    return DRAWN[name](strange(complete(golden)) if run == "strange" else RUNS[run](golden))


def test_everything_is_inside_of_the_figure(figure):
    width, height = figure.bbox.width, figure.bbox.height
    for text in visible(figure):
        box = text.get_window_extent()
        assert box.x0 >= 0, text.get_text()
        assert box.x1 <= width, text.get_text()
        assert 0 <= box.y0 <= box.y1 <= height, text.get_text()


def test_no_two_texts_overlap(figure):
    assert not overlapping(upright(figure))


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_bytes_come_out_every_time(name, golden):
    assert svg_bytes(DRAWN[name](complete(golden))) == svg_bytes(DRAWN[name](complete(golden)))


def test_a_run_has_the_pictures_that_it_has_numbers_for(golden, bare, hollow):
    assert list(fitting(golden)) == ["retention_bars", "impact"]
    assert list(fitting(bare)) == []
    assert list(fitting(hollow)) == []
    assert fitting(complete(golden)).keys() >= DRAWN.keys()
    assert "teacher" in fitting(with_students(golden))
    assert "cost_latency" not in fitting(with_costs(golden, totals=[None] * len(golden.candidates)))


def test_each_has_a_heading_and_words_for_those_who_do_not_see_it(golden):
    assert fitting(complete(golden)).keys() <= TEXTS.keys()
    headings = [text.title for text in TEXTS.values()]
    assert len(set(headings)) == len(headings)


def test_a_chain_with_steps_of_its_own_has_a_picture_of_them(golden):
    names = [each.name for each in golden.candidates]
    made = golden.candidates[2].model_copy(update={"name": f"{names[3]}.1-int8"})
    report = golden.model_copy(
        update={
            "candidates": (*golden.candidates[:2], made, *golden.candidates[3:]),
            "chains": {names[3]: (names[0], names[1], made.name, names[3]), names[4]: (names[0], names[1], names[4])},
        }
    )
    assert impacts(report) == {f"impact-{names[3]}": names[3]}
    assert drawings(report)[f"impact-{names[3]}"](report).get_axes()
