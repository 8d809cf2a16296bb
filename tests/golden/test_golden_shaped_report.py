"""The stored report with pruning, a trimmed vocabulary and a chain stays readable, and so does a stored search."""

import io

import pytest
from build_report import FOLDER
from build_shaped_report import CHAIN, NAME, SEARCH, build_search, build_shaped
from rich.console import Console

from leanglot.charts.retention import draw as draw_search
from leanglot.charts.waterfall import draw as draw_chain
from leanglot.report.markdown import render_markdown
from leanglot.report.page import render_page
from leanglot.report.sparsity import sparsity_table
from leanglot.report.terminal import render_tables
from leanglot.results.records import RunReport
from leanglot.results.sparsity import SparsitySearch

AGAIN = "run tests/golden/build_shaped_report.py and read the difference"


@pytest.fixture(scope="module")
def report():
    return RunReport.model_validate_json((FOLDER / f"{NAME}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def search():
    return SparsitySearch.model_validate_json((FOLDER / f"{SEARCH}.json").read_text(encoding="utf-8"))


def printed(renderable) -> str:
    stream = io.StringIO()
    Console(file=stream, width=100).print(renderable)
    return stream.getvalue()


def test_the_builders_still_build_them(report, search):
    assert build_shaped() == report, AGAIN
    assert build_search() == search, AGAIN


def test_markdown(report):
    assert render_markdown(report) == (FOLDER / f"{NAME}.md").read_text(encoding="utf-8"), AGAIN


def test_page_and_terminal_tell_of_pruning_vocabulary_and_steps(report):
    shown = printed(render_tables(report))
    page = render_page(report, {})
    for said in ("24,102", "Steps of small", "Zeros alone bring neither speed nor size", "gzip"):
        assert said in shown
    for name in CHAIN:
        assert name in page
    assert "24,102" in page


def test_the_chain_and_the_search_can_be_drawn(report, search):
    assert draw_chain(report, "small").get_axes()
    assert draw_search(search).get_axes()
    shown = printed(sparsity_table(search))
    assert "sw" in shown
    assert "25" in shown


def test_reports_from_before_are_as_they_were_written():
    """They have no pruning, vocabularies or chains, and must stay readable as they are."""
    for name in ("report-v1", "report-v1-quantized"):
        stored = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
        assert '"chains"' not in stored
        assert RunReport.model_validate_json(stored).chains == {}
