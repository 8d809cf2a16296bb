"""What the reports tell of a search."""

from pathlib import Path

import pytest

from leanglot.report.markdown import render_markdown
from leanglot.report.page import render_page
from leanglot.report.searching import search_table
from leanglot.report.terminal import render_tables
from leanglot.results.records import RunReport
from leanglot.results.searching import FullResult, Levels, PartialResult, SearchRecord, Tried

PART = PartialResult(examples=300, accuracy_drop=0.2, harm=0.1, speedup=6.0, size_bytes=31_000_000)
FULL = FullResult(status="unrefuted", accuracy_drop=0.002, harm=0.0, harmed=0, speedup=7.5, size_bytes=34_400_000)


def tried(name, state, **changes):
    values = {"name": name, "runtime": "onnxruntime", "recipe": (), "levels": Levels(), "origin": "ladder"}
    return Tried.model_validate(values | {"state": state, "seconds": 45.0} | changes)


@pytest.fixture(scope="module")
def golden():
    stored = Path(__file__).parents[2] / "golden" / "report-v1.json"
    return RunReport.model_validate_json(stored.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def searched(golden):
    record = SearchRecord(
        key="k",
        budget_s=1800.0,
        spent_s=1700.0,
        max_drop=0.05,
        examples=1500,
        tried=(
            tried("onnx", "measured", full=FULL),
            tried("left-out", "measured", full=FULL),
            tried("hopeless", "dropped", part=PART, reason="On 300 of 1,500 examples Thai lost <much>."),
            tried("broken", "failed", reason="ValueError: the quantizer gave up"),
            tried("late", "cut", reason="The budget ended."),
        ),
        shown=("onnx",),
        ended="The budget of 30 min 0 s is spent.",
        notes=("No student was trained: 600 s were left.",),
    )
    return golden.model_copy(update={"search": record})


def test_a_search_in_sentences(searched):
    told = search_table(searched).sentences
    assert told[0] == (
        "5 recipes were tried in 28 min 20 s of 30 min 0 s: 2 measured, 1 dropped on part of the data, 1 failed, "
        "1 cut by the end of the budget."
    )
    assert told[1] == "The budget of 30 min 0 s is spent."
    assert told[2].startswith("Shown as candidates are 1 recipe: the recommended ones and the Pareto front")
    assert told[3] == "No student was trained: 600 s were left."


def test_every_recipe_that_is_not_shown_has_a_row_and_a_reason(searched):
    rows = {row.name: row for row in search_table(searched).rows}
    assert list(rows) == ["left-out", "hopeless", "broken", "late"]
    assert rows["left-out"].cells == ("measured", "7.50×", "34.4 MB", "−0.2", "45 s")
    assert rows["left-out"].reason == "Neither recommended nor among the 12 best of the Pareto front."
    assert rows["hopeless"].cells[:4] == ("dropped", "6.00×", "31.0 MB", "−20.0")
    assert rows["broken"].cells[1:4] == ("n/a", "n/a", "n/a")
    assert [row.is_out for row in rows.values()] == [False, True, True, True]


def test_a_search_that_tried_nothing(golden):
    record = SearchRecord(
        key="k", budget_s=5.0, spent_s=60.0, max_drop=0.05, examples=10, ended="No candidate fitted in."
    )
    empty = golden.model_copy(update={"search": record})
    assert search_table(empty).sentences == ("0 recipes were tried in 1 min 0 s of 5 s.", "No candidate fitted in.")
    assert search_table(empty).rows == ()
    assert "No candidate fitted in." in render_markdown(empty)


def test_a_run_without_a_search_tells_of_none(golden):
    assert search_table(golden) is None
    assert "## Search" not in render_markdown(golden)


def test_markdown_has_a_table_with_the_reasons_escaped(searched):
    text = render_markdown(searched)
    assert (
        "| `hopeless` | dropped | 6.00× | 31.0 MB | −20.0 | 45 s | On 300 of 1,500 examples Thai lost \\<much\\>. |"
        in text
    )
    assert "numbers of a dropped recipe are those on the part of the data" in text


def test_the_terminal_shows_it_too(searched, capsys):
    from rich.console import Console

    Console(width=100).print(render_tables(searched))
    printed = " ".join(capsys.readouterr().out.split())
    assert "5 recipes were tried" in printed
    assert "Tried and not shown above" in printed
    assert "broken: ValueError: the quantizer gave up" in printed


def test_the_page_shows_it_too(searched, golden):
    page = render_page(searched, {})
    assert '<h2 id="search">Search</h2>' in page
    assert "On 300 of 1,500 examples Thai lost &lt;much&gt;." in page
    assert '<h2 id="search">' not in render_page(golden, {})
