import math

import pytest

from leanglot.report.candidate_order import FIXED_COLUMNS, sorting_values
from leanglot.report.format import plain
from leanglot.report.language_rows import STRIP_WIDTH, language_columns, language_rows, strip_limit, strip_x
from leanglot.report.page_data import Interval, Row
from leanglot.report.page_view import STEPS, drop_grid, page_data
from leanglot.report.tables import COLUMNS, candidate_table


def row_of(report, name, tag):
    candidate = report.candidate(name)
    index = list(report.data.examples).index(tag)
    return next(row for row in language_rows(report, candidate) if row.language == index)


def interval(low, high):
    return Row(
        language=0,
        verdict="safe",
        texts=(),
        values=(),
        interval=Interval(low=low, drop=(low + high) / 2, high=high, bound=None),
        reason="",
    )


def test_each_row_has_a_text_and_a_value_for_each_column(golden):
    columns = language_columns(golden)
    for candidate in page_data(golden).candidates:
        for row in candidate.rows:
            assert len(row.texts) == len(row.values) == len(columns)


def test_rows_are_worst_first_and_each_language_once(golden):
    for candidate in page_data(golden).candidates:
        drops = [row.values[1] for row in candidate.rows]
        known = [drop for drop in drops if drop is not None]
        assert drops == sorted(known, reverse=True) + [None] * (len(drops) - len(known))
        if candidate.rows:
            assert sorted(row.language for row in candidate.rows) == list(range(24))


def test_verdicts_and_reasons_are_those_of_the_records(golden):
    tags = list(golden.data.examples)
    for candidate, told in zip(golden.candidates, page_data(golden).candidates, strict=True):
        for row in told.rows:
            result = candidate.languages[tags[row.language]]
            assert row.verdict == (None if candidate.name == golden.baseline else result.verdict)
            assert row.reason == plain(result.reason or "")


def test_the_baseline_is_a_reference_without_numbers_to_compare(golden):
    row = row_of(golden, "original", "th")
    keys = [column.key for column in language_columns(golden)]
    for key in ("verdict", "drop", "interval", "bound", "settle", "chance"):
        assert (row.texts[keys.index(key)], row.values[keys.index(key)]) == ("reference", None)
    assert row.texts[keys.index("candidate")] == "81.3%"
    assert row.interval is None


def test_a_failed_candidate_has_no_rows_and_its_reason(golden):
    told = page_data(golden).candidates[-1]
    assert (told.status, told.rows) == ("failed", ())
    assert told.note.startswith("graph and model disagree")


def test_a_missing_result_is_told_and_sorts_last(golden):
    int8 = golden.candidate("int8")
    partial = int8.model_copy(update={"languages": {"en": int8.languages["en"]}})
    rows = language_rows(golden, partial)
    assert [row.verdict for row in rows[:2]] == ["safe", None]
    assert set(rows[-1].values) == {None}
    assert rows[-1].reason == "This candidate has no result for this language."
    assert "n/a" in rows[-1].texts


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_none_are_absent(golden, value):
    int8 = golden.candidate("int8")
    strange = int8.languages["en"].model_copy(update={"drop_high": value, "latency_p50_ms": value})
    candidate = int8.model_copy(update={"languages": {"en": strange}, "speedup": value})
    (row, *_) = language_rows(golden, candidate)
    keys = [column.key for column in language_columns(golden)]
    assert row.interval is None
    assert row.values[keys.index("latency")] is None
    assert sorting_values(golden, candidate)[len(FIXED_COLUMNS) + COLUMNS.index("speed-up")] is None


def test_a_strip_shows_most_intervals_and_never_less_than_the_margin():
    rows = [interval(-1 - number / 10, 2 + number / 10) for number in range(9)] + [interval(-65, 65)]
    assert 2 < strip_limit(rows, 1.0) < 5
    assert strip_limit([interval(-0.1, 0.1)], 1.0) == 3.0
    assert strip_limit([], 1.0) == 3.0
    assert strip_limit([], 0.0) > 0


@pytest.mark.parametrize(("drop", "place"), [(0, 60.0), (3, 120.0), (-3, 0.0), (1.5, 90.0), (99, 120.0), (-99, 0.0)])
def test_drops_have_their_place_in_the_strip(drop, place):
    assert strip_x(drop, 3.0) == place
    assert 0 <= strip_x(drop, 3.0) <= STRIP_WIDTH


def test_candidates_have_a_value_where_their_cell_has_one(golden, quantized):
    for report in (golden, quantized):
        for row in candidate_table(report).rows:
            values = sorting_values(report, row.candidate)
            assert len(values) == len(FIXED_COLUMNS) + len(COLUMNS)
            for column, value in zip(COLUMNS, values[len(FIXED_COLUMNS) :], strict=True):
                text = row.cells[column].text
                assert (value is None) == (text in {"n/a", "reference"}), (row.candidate.name, column)


def test_the_page_opens_with_the_recommended_candidate(golden, bare):
    assert page_data(golden).candidates[page_data(golden).chosen].name == "int8-embeddings"
    assert page_data(bare).chosen == page_data(bare).baseline == 0
    nothing = golden.model_copy(update={"recommendations": {}})
    assert page_data(nothing).candidates[page_data(nothing).chosen].name == "onnx"


def test_the_grid_has_the_drops_with_a_colour_for_their_size(golden):
    rows = {row.candidate.name: row for row in drop_grid(golden)}
    assert golden.baseline not in rows
    tags = list(golden.data.examples)
    for candidate in golden.candidates[1:-1]:
        for tag, cell in zip(tags, rows[candidate.name].cells, strict=True):
            drop = candidate.languages[tag].drop
            assert cell.verdict == candidate.languages[tag].verdict
            size = sum(abs(drop) >= step * golden.margin for step in STEPS)
            kind = "loss" if drop > 0 else "gain"
            assert cell.style == (f"{kind}{size}" if size and cell.text != "0.0" else "level")
    assert {(cell.text, cell.style, cell.verdict) for cell in rows["magnitude-50-int8"].cells} == {
        ("n/a", "absent", None)
    }


def test_without_prices_there_is_nothing_to_try(golden):
    assert page_data(golden).what_if is None
