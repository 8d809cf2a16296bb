"""Alarms, size ledgers and threads in every form of the report; runs without them show nothing of the kind."""

import io
import re
from html import unescape

import pytest
from rich.console import Console

from leanglot.report.alarms import alarm_codes, alarm_lines, explaining_pages
from leanglot.report.markdown import render_markdown
from leanglot.report.page import render_page
from leanglot.report.summary import headline
from leanglot.report.terminal import render_tables
from leanglot.report.weights import Held, held_by, thread_table, type_word, weight_table
from leanglot.results.records import Alarm, LedgerRow, Recommendation

HOSTILE = "<script>alert(1)</script> [red]x[/red] a|b\x1b[31m"


def printed(report, width=100):
    stream = io.StringIO()
    Console(file=stream, width=width).print(render_tables(report))
    return stream.getvalue()


def changed(report, name, **fields):
    candidates = tuple(each.model_copy(update=fields) if each.name == name else each for each in report.candidates)
    return report.model_copy(update={"candidates": candidates})


# Alarms


def test_the_recommended_candidates_alarms_come_first_and_like_ones_are_told_once(quantized):
    lines = alarm_lines(quantized)
    assert lines[0].alarm.code == "batch-dependent"
    assert lines[0].candidates == ("int8-embeddings", "int8")
    assert len({line.alarm for line in lines}) == len(lines)
    told = [(line.alarm, name) for line in lines for name in line.candidates]
    assert sorted(told, key=str) == sorted(
        ((a, each.name) for each in quantized.candidates for a in each.alarms), key=str
    )


def test_the_documents_are_named_once(quantized):
    assert explaining_pages(alarm_lines(quantized)) == ("docs/alarms.md",)
    assert alarm_codes(quantized.candidate("bf16")) == ("slower-than-baseline", "emulated-precision")


def test_the_headline_counts_the_alarms_of_what_it_names(quantized, golden):
    assert headline(quantized).after.endswith("harmed in none; 1 alarm")
    assert "alarm" not in headline(golden).after
    answer = Recommendation(candidate="int8", reason="Because.", accuracy_tolerance=0.01)
    assert headline(quantized.model_copy(update={"recommendations": {"speed": answer}})).after.endswith("; 3 alarms")
    assert headline(quantized.model_copy(update={"recommendations": {}})).after == ""


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_terminal_shows_all_of_it_in_its_width(quantized, width):
    shown = printed(quantized, width)
    assert max(map(len, shown.splitlines())) <= min(width, 100)
    for text in ("! batch-dependent ", "! not-measured ", "Weights by part, MB", "Threads: median"):
        assert text in shown
    assert "docs/alarms.md" in shown
    rows = [line for line in shown.splitlines() if line.startswith("bf16")]
    assert " unrefuted ! " in rows[0]
    assert not any(line.startswith("original") and "!" in line for line in shown.splitlines())


def test_nothing_is_cut_off_at_a_hundred_columns(quantized):
    assert "…" not in printed(quantized)


@pytest.mark.parametrize(("width", "shown"), [(80, False), (95, False), (96, True), (100, True)])
def test_a_narrow_terminal_drops_columns_and_keeps_names(golden, width, shown):
    head, *rows = printed(golden, width).splitlines()[1:]
    assert ("p50 ms" in head) is shown
    assert ("smaller" in head) is shown
    assert any(row.startswith("int8-embeddings ") for row in rows)


def test_markdown_tells_them_with_the_answer_and_in_full(quantized):
    text = render_markdown(quantized)
    assert "- ! **alarms (1):** batch-dependent" in text
    assert "- **batch-dependent** `int8-embeddings`, `int8`: Answers depend" in text
    assert "Explained in `docs/alarms.md`." in text


def test_the_page_tells_them_before_the_tables_and_marks_the_candidates(quantized):
    html = render_page(quantized, {})
    assert html.index('id="safe"') < html.index('id="alarms"') < html.index('id="goals"')
    assert html.count('href="#alarms"') == sum(bool(each.alarms) for each in quantized.candidates)
    for line in alarm_lines(quantized):
        assert line.alarm.message in unescape(html)


def test_sentences_from_outside_stay_sentences(quantized):
    alarm = Alarm(code=HOSTILE, message=HOSTILE, anchor=HOSTILE)
    row = LedgerRow(part="head", dtype=HOSTILE, size_bytes=10**9)
    report = changed(quantized, "int8-embeddings", alarms=(alarm,), ledger=(row,))
    html, text, shown = render_page(report, {}), render_markdown(report), printed(report)
    assert html.lower().count("<script") == 3
    assert r"\<script\>" in text
    assert not re.search(r"(?<!\\)<script", re.sub(r"(`+).+?\1", "", text), flags=re.IGNORECASE)
    assert "[red]x[/red]" in " ".join(shown.split())
    assert "\x1b" not in html + text + shown


@pytest.mark.parametrize("fixture", ["golden", "bare", "hollow"])
def test_runs_without_them_show_none(request, fixture):
    report = request.getfixturevalue(fixture)
    html, text = render_page(report, {}), render_markdown(report)
    assert alarm_lines(report) == ()
    assert weight_table(report) is None
    assert thread_table(report) is None
    assert not [mark for mark in ('id="alarms"', 'id="weights"', 'href="#alarms"') if mark in html]
    assert not [mark for mark in ("## Alarms", "## Weights", "## Threads") if mark in text]
    assert not [mark for mark in ("Alarms", "Weights by part", "Threads:") if mark in printed(report)]


# Weights


@pytest.mark.parametrize(
    ("by_type", "short", "full"),
    [
        ((("FP32", 384_800_000),), "384.8 FP32", "384.8 FP32"),
        ((("INT8", 96_000_000), ("FP32", 1_000_000)), "97.0 INT8", "96.0 INT8 + 1.0 FP32"),
        ((("INT4", 3_500_000), ("FP32", 900_000)), "4.4 INT4+FP32", "3.5 INT4 + 0.9 FP32"),
        ((("INT8", 7_000_000), ("FP32", 49_999)), "7.0 INT8", "7.0 INT8"),
        ((("FP32", 3_000),), "0.0 FP32", "0.0 FP32"),
        ((), "0.0", "0.0"),
    ],
)
def test_a_part_is_told_with_the_types_that_matter(by_type, short, full):
    assert (Held(by_type).short, Held(by_type).full) == (short, full)


@pytest.mark.parametrize(
    ("dtype", "word"), [("float32", "FP32"), ("bfloat16", "BF16"), ("int4", "INT4"), ("uint8", "UINT8")]
)
def test_types_are_written_as_the_field_writes_them(dtype, word):
    assert type_word(dtype) == word


def test_the_largest_type_comes_first():
    rows = (
        LedgerRow(part="ffn", dtype="float32", size_bytes=1),
        LedgerRow(part="ffn", dtype="int8", size_bytes=9),
        LedgerRow(part="head", dtype="int8", size_bytes=5),
    )
    assert held_by(rows, "ffn").by_type == (("INT8", 9), ("FP32", 1))


def test_the_ledger_has_the_parts_that_hold_something_and_their_sum(quantized):
    table = weight_table(quantized)
    assert table.parts == ("embeddings", "attention", "ffn", "head")
    assert len(table.rows) == len(quantized.candidates) - 1  # one failed
    for row in table.rows:
        assert row.total == f"{sum(each.size_bytes for each in row.candidate.ledger) / 1e6:,.1f}"


def test_a_candidate_without_a_ledger_says_so(quantized):
    report = changed(quantized, "onnx", ledger=())
    assert next(row for row in weight_table(report).rows if row.candidate.name == "onnx").total == "n/a"
    assert "n/a: its weights were not weighed by part" in render_page(report, {})
    line = next(
        line for line in render_markdown(report).splitlines() if line == "| `onnx` | n/a | n/a | n/a | n/a | n/a |"
    )
    assert line
    assert printed(report)


# Threads


def test_the_search_is_shown_with_the_number_used(quantized):
    table = thread_table(quantized)
    assert table.counts == (1, 2, 4)
    rows = {row.candidate.name: row for row in table.rows}
    assert rows["int8"].used == "2"
    assert rows["int8"].medians == {1: "17.9 ms", 2: "12.4 ms", 4: "12.1 ms"}
    assert [number for number in table.counts if rows["int8"].is_used(number)] == [2]
    assert rows["bf16"].medians == dict.fromkeys(table.counts, "n/a")
    assert not any(map(rows["bf16"].is_used, table.counts))
    assert "<strong>12.4 ms</strong>" in render_page(quantized, {})


def test_an_unknown_number_of_threads_is_not_a_number(quantized):
    report = changed(quantized, "int8", threads=None)
    assert next(row for row in thread_table(report).rows if row.candidate.name == "int8").used == "n/a"


def test_ledger_and_threads_do_not_need_each_other(quantized):
    no_threads = quantized.model_copy(
        update={"candidates": tuple(each.model_copy(update={"threads_p50_ms": {}}) for each in quantized.candidates)}
    )
    no_ledger = quantized.model_copy(
        update={"candidates": tuple(each.model_copy(update={"ledger": ()}) for each in quantized.candidates)}
    )
    assert '<h2 id="weights">Weights</h2>' in render_page(no_threads, {})
    assert '<h2 id="weights">Threads</h2>' in render_page(no_ledger, {})
    assert "## Threads" not in render_markdown(no_threads)
    assert "## Weights" not in render_markdown(no_ledger)
