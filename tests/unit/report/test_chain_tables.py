"""The steps of a candidate as tables: in the page, in markdown and in the terminal."""

import io
import re

import pytest
from rich.console import Console
from test_page import Outline

from leanglot.charts.files import drawings, write_figure
from leanglot.charts.waterfall import draw
from leanglot.errors import RunError
from leanglot.report.chains import chain_tables
from leanglot.report.figures import TABLED
from leanglot.report.markdown import render_markdown
from leanglot.report.page import render_page
from leanglot.report.terminal import render_tables


def printed(report, width=100):
    stream = io.StringIO()
    Console(file=stream, width=width).print(render_tables(report))
    return stream.getvalue()


def line(shown, start):
    """The first line of the steps that starts so."""
    return next(row for row in shown.split("Steps of ", 1)[1].splitlines() if row.startswith(start))


@pytest.fixture(scope="module")
def rows(chained):
    (table,) = chain_tables(chained)
    assert (table.name, table.absences) == ("small", ())
    return table.rows


@pytest.fixture
def hostile(chained):
    """Names that mean something to a markup."""
    names = ["<script>alert(1)</script>", "[red]a[/red]\x1b[31m", "a|b`c", "@everyone", "../x\n# title"]
    candidates = tuple(
        each.model_copy(update={"name": name, "reason": name})
        for each, name in zip(chained.candidates, names, strict=True)
    )
    return chained.model_copy(
        update={"candidates": candidates, "baseline": names[0], "chains": {names[-1]: tuple(names)}}
    )


def test_cells_tell_level_change_and_the_steps_own_speed_up(rows):
    trimmed, heads = rows[2].cells, rows[3].cells
    assert (trimmed["size"], trimmed["change in size"]) == ("126.4 MB", "−344.4 MB")
    assert (trimmed["median"], trimmed["speed-up so far"], trimmed["speed-up of the step"]) == (
        "29.3 ms",
        "1.41×",
        "0.99×",
    )
    assert (heads["speed-up of the step"], heads["worst at the step"]) == ("1.17×", "Thai (th) +10.0")


def test_the_baseline_is_the_reference(rows):
    assert rows[0].cells["speed-up so far"] == rows[0].counted == "reference"
    assert (rows[0].cells["size"], rows[0].counts, rows[0].newly_harmed) == ("471.3 MB", None, ())


def test_verdicts_are_counted_and_new_harm_is_named_by_step(chained, rows):
    results = chained.candidate("small").languages.values()
    counts = tuple(sum(row.verdict == kind for row in results) for kind in ("safe", "harmed", "inconclusive"))
    assert rows[4].counts == counts
    assert rows[4].harm == "Korean (ko) +5.0"
    assert rows[3].harm.startswith("Thai (th) +10.0, Japanese (ja) ")
    assert len(rows[3].newly_harmed) == 11
    assert rows[2].harm == ""


def test_long_harm_is_cut_with_the_number_left_out(chained):
    worse = {tag: row.model_copy(update={"verdict": "harmed"}) for tag, row in chained.candidates[3].languages.items()}
    candidates = [*chained.candidates]
    candidates[3] = candidates[3].model_copy(update={"languages": worse})
    row = chain_tables(chained.model_copy(update={"candidates": tuple(candidates)}))[0].rows[3]
    assert row.harm_short.endswith(" and 18 more")
    assert row.harm.count(" (") >= 24


def test_growth_has_a_plus_and_none_has_no_sign(chained):
    first, export, trimmed, *rest = chained.candidates
    same = export.model_copy(update={"size_bytes": first.size_bytes})
    larger = trimmed.model_copy(update={"size_bytes": first.size_bytes + 2_000_000})
    table = chain_tables(chained.model_copy(update={"candidates": (first, same, larger, *rest)}))[0]
    assert [row.cells["change in size"] for row in table.rows[1:3]] == ["0.0 MB", "+2.0 MB"]


def test_gaps_say_why_and_what_follows_spans_them(broken):
    (table,) = chain_tables(broken)
    trimmed, heads, small = table.rows[2:]
    assert (trimmed.cells["size"], trimmed.cells["speed-up of the step"]) == ("n/a", "n/a")
    assert (heads.counts, heads.counted, heads.cells["worst at the step"]) == (None, "n/a", "n/a")
    assert small.cells["change in size"] == "−436.9 MB (3 steps)"
    assert small.cells["worst at the step"].endswith(" (2 steps)")
    assert small.over_steps == "changes at INT8 + embeddings are over up to 3 steps"
    assert table.absences == (
        "n/a for small.1-trim-vocabulary: no size was measured.",
        "n/a for small.1-trim-vocabulary: no speed-up was measured.",
    )


def test_the_page_has_the_steps_and_their_chart(chained, broken, tmp_path):
    _, chart = write_figure(draw(chained, "small"), tmp_path, "waterfall-small")
    outline = Outline(render_page(chained, {"waterfall-small": chart}))
    assert "Step by step small Step" in outline.words
    assert "trim vocabulary to 24,102 pieces small.1-trim-vocabulary 126.4 MB −344.4 MB" in outline.words
    assert "Korean (ko) +5.0" in outline.words
    pictures = [attrs for tag, attrs in outline.tags if tag == "img"]
    assert len(pictures) == 1
    assert "the steps of small" in pictures[0]["alt"]
    failed = Outline(render_page(broken, {})).words
    assert "remove 25% of heads small.2-heads failed: RecipeError: no heads" in failed
    assert "n/a for small.1-trim-vocabulary: no size was measured." in failed


def test_markdown_has_the_steps(chained, broken):
    text = render_markdown(chained)
    section = text.split("## Step by step", 1)[1].split("\n## ", 1)[0]
    assert "| INT8 + embeddings<br>`small` | 33.9 MB | −86.0 MB | 8.4 ms | 4.90× | 2.99× |" in section
    assert "Korean (ko) +5.0" in section
    table = [row for row in render_markdown(broken).split("## Step by step", 1)[1].split("\n\n")[2].splitlines() if row]
    assert len(table) == 7
    assert len({len(re.split(r"(?<!\\)\|", row)) for row in table}) == 1


def test_the_terminal_has_the_steps(chained, broken):
    shown = printed(chained)
    row = line(shown, "remove 25% of heads")
    assert row.split()[4:-3] == ["119.9", "−6.5", "25.1", "1.64×", "1.17×", "91.5%"]
    assert row.split()[-3:-1] == ["th", "+10.0"]
    assert "newly harmed after INT8 + embeddings: Korean (ko) +5.0" in shown
    assert "n/a for small.1-trim-vocabulary" not in shown
    told = printed(broken)
    assert line(told, "remove 25% of heads").split()[4:] == ["failed", *["n/a"] * 7]
    assert "changes at INT8 + embeddings are over up to 3 steps" in told
    assert "n/a for small.1-trim-vocabulary: no size was measured." in told


@pytest.mark.parametrize("width", [80, 100])
def test_lines_fit(chained, broken, width):
    for report in (chained, broken):
        assert max(map(len, printed(report, width).splitlines())) <= width


def test_texts_from_outside_stay_texts(hostile):
    html = render_page(hostile)
    outline = Outline(html)
    assert [tag for tag, _ in outline.tags].count("script") == 3
    assert "\x1b" not in html
    assert [tag for tag, _ in outline.tags].count("img") == len(set(drawings(hostile)) - TABLED)
    text = render_markdown(hostile)
    assert not re.search(r"^# title", text, flags=re.MULTILINE)
    assert "@everyone" not in re.sub(r"(`+).+?\1", "", text)
    assert "\x1b" not in printed(hostile)


def test_a_run_without_chains_says_nothing_of_steps(golden):
    assert chain_tables(golden) == ()
    for text in (render_page(golden, {}), render_markdown(golden), printed(golden)):
        assert "Step by step" not in text
        assert "Steps of" not in text


def test_a_chain_of_unknown_candidates_is_an_error(chained):
    report = chained.model_copy(update={"chains": {"small": ("original", "gone")}})
    for render in (render_page, render_markdown, render_tables, chain_tables):
        with pytest.raises(RunError, match="gone"):
            render(report)
