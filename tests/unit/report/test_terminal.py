import io

import pytest
from rich.console import Console

from leanglot.report.terminal import render_recommendations, render_tables


def printed(renderable, width=100, colour=None):
    stream = io.StringIO()
    Console(file=stream, width=width, force_terminal=colour is not None, color_system=colour).print(renderable)
    return stream.getvalue()


@pytest.mark.parametrize("fixture", ["golden", "bare", "hollow"])
@pytest.mark.parametrize("width", [80, 100, 200])
def test_lines_fit(request, fixture, width):
    lines = printed(render_tables(request.getfixturevalue(fixture)), width).splitlines()
    assert max(map(len, lines)) <= min(width, 100)


def test_nothing_is_cut_off_at_a_hundred_columns(golden):
    assert "…" not in printed(render_tables(golden))


def test_candidates_tell_gains_and_verdicts(golden):
    shown = printed(render_tables(golden))
    row = next(line for line in shown.splitlines() if line.startswith("int8-embeddings"))
    assert row.split() == [
        "int8-embeddings", "unrefuted", "3.07×", "13.4", "121.6", "74.2%", "93.0%", "sw", "+2.3", "17/0/7",
    ]  # fmt: skip


def test_failures_warnings_and_left_out_harm_are_told(golden):
    shown = " ".join(printed(render_tables(golden)).split())
    assert "magnitude-50-int8: failed: graph and model disagree" in shown
    assert "magnitude-30: 30.0% of the linear weights are zero" in shown
    assert "5 more harmed in the full report." in shown


def test_every_goal_is_a_sentence(golden):
    shown = " ".join(printed(render_recommendations(golden)).split())
    assert "Balanced: int8-embeddings (unrefuted). " in shown
    assert "Cost: none. No prices were given." in shown


def test_absent_numbers_are_not_zero(hollow):
    shown = printed(render_tables(hollow))
    row = next(line for line in shown.splitlines() if line.startswith("<script>"))
    assert row.count("n/a") == 6
    assert "0.0" not in row


def test_names_are_neither_markup_nor_terminal_codes(hollow):
    shown = printed(render_tables(hollow), colour="standard")
    assert "[red]a[/red]" in shown
    assert "\x1b[31mred" not in shown
