import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanglot.monitor.events import LateLabel, ShadowAnswer
from leanglot.monitor.log_lines import LONGEST_LINE, is_whole, take_lines
from leanglot.monitor.log_rows import LogRows
from leanglot.monitor.moments import LATEST

FULL = {
    "time": 1_700_000_000.25,
    "id": "a1",
    "language": "pt_br",
    "prediction": "HassTurnOn",
    "confidence": 0.75,
    "latency_ms": 12.5,
    "variant": "int8",
    "tokens": 9,
    "unknown": 1,
    "characters": 31,
    "script": "Latn",
    "label": "HassTurnOff",
}


def read(*entries, newest=None, latest=LATEST):
    rows = LogRows(latest)
    rows.begin("log.jsonl", "byte", newest)
    take_lines(rows, [line if isinstance(line, bytes) else json.dumps(line).encode() for line in entries], 0)
    return rows


def faults(*entries, **options):
    return {note.fault: note.count for note in read(*entries, **options).faults()}


def test_all_fields_of_a_prediction_are_read():
    events = read(FULL).reading().events
    assert (events.language, events.prediction, events.label) == (("pt-BR",), ("HassTurnOn",), ("HassTurnOff",))
    assert (events.id, events.variant, events.script) == (("a1",), ("int8",), ("Latn",))
    assert (events.time[0], events.confidence[0], events.latency_ms[0]) == (1_700_000_000.25, 0.75, 12.5)
    assert (events.tokens[0], events.unknown[0], events.characters[0]) == (9, 1, 31)


def test_what_was_not_logged_is_told_apart_from_zero():
    events = read({"time": 1, "prediction": "x", "confidence": None}).reading().events
    assert np.isnan(events.confidence[0])
    assert np.isnan(events.latency_ms[0])
    assert (events.tokens[0], events.unknown[0], events.characters[0]) == (-1, -1, -1)
    assert (events.language, events.label, events.id, events.variant) == (("und",), (None,), (None,), ("",))
    assert events.script == (None,)


def test_other_names_of_the_time_and_the_label():
    events = read({"timestamp": "2026-01-31T10:00:00Z", "prediction": "x", "ground_truth": "y"}).reading().events
    assert (events.time[0], events.label) == (1_769_853_600, ("y",))


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        (12, 12),
        ("2026-01-31T11:00:00.5+01:00", 1_769_853_600.5),
        ("2026-01-31 10:00:00", 1_769_853_600),
        ("2026-01-31", 1_769_817_600),
    ],
)
def test_times_are_seconds_or_iso_8601_in_utc(time, seconds):
    assert read({"time": time, "prediction": "x"}).reading().events.time[0] == seconds


def test_a_text_gives_its_length_and_script_where_they_were_not_logged():
    events = (
        read(
            {"time": 1, "prediction": "x", "text": "สวัสดี OK"},
            {"time": 1, "prediction": "x", "text": "abc", "characters": 7, "script": "Cyrl"},
        )
        .reading()
        .events
    )
    assert (events.characters.tolist(), events.script) == ([9, 7], ("Thai", "Cyrl"))


def test_labels_that_come_later_and_shadow_answers():
    reading = read(
        {"id": "a1", "label": "x"},
        {"kind": "label", "id": 7, "ground_truth": "y", "time": "whenever"},
        {"kind": "shadow", "id": "a1", "language": "de", "served": "x", "shadow": "y"},
        {"kind": "shadow", "served": "x", "shadow": "x", "label": "x"},
    ).reading()
    assert reading.labels == (LateLabel("a1", "x"), LateLabel("7", "y"))
    assert reading.shadows == (ShadowAnswer("a1", "de", "x", "y"), ShadowAnswer(None, "und", "x", "x", "x"))
    assert (len(reading.events), reading.counters) == (0, ())


def test_an_entry_without_a_time_takes_the_one_before():
    reading = read({"time": 5, "prediction": "x"}, {"prediction": "y"}, {"time": 3, "prediction": "z"}).reading()
    assert reading.events.time.tolist() == [5, 5, 3]
    assert dict(reading.counters) == {"lines_without_time": 1}
    assert read({"prediction": "y"}, newest=8.5).reading().events.time.tolist() == [8.5]


def test_a_first_entry_without_a_time_cannot_be_used():
    assert faults({"prediction": "x"}) == {"time": 1}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'{"time": 1, "prediction": "x"', "json"),
        (b"[1, 2]", "json"),
        (b'"text"', "json"),
        (b"null", "json"),
        (b"[" * 100_000, "json"),
        (b"1" * 5000, "json"),
        (b'{"time": 1, "prediction": "\xff"}', "utf8"),
        (b'{"time": 1, "prediction": "\\ud83d"}', "utf8"),
        (b'{"time": 1, "prediction": "' + b"x" * LONGEST_LINE + b'"}', "too_long"),
        (b"{}", "missing"),
        (b'{"id": "a1"}', "missing"),
        (b'{"label": "a1"}', "missing"),
        (b'{"time": 1, "prediction": ""}', "missing"),
        (b'{"kind": "prediction", "time": 1}', "missing"),
        (b'{"kind": "shadow", "served": "x"}', "missing"),
        (b'{"kind": "verdict", "prediction": "x"}', "kind"),
        (b'{"kind": ["shadow"], "prediction": "x"}', "kind"),
        (b'{"time": 1, "prediction": 3}', "type"),
        (b'{"time": 1, "prediction": "x", "label": 3}', "type"),
        (b'{"time": 1, "prediction": "x", "id": 1.5}', "type"),
        (b'{"time": 1, "prediction": "x", "confidence": "0.5"}', "type"),
        (b'{"time": 1, "prediction": "x", "confidence": true}', "type"),
        (b'{"time": 1, "prediction": "x", "tokens": "4"}', "type"),
        (b'{"time": 1, "prediction": "x", "script": "latin"}', "type"),
        (b'{"time": 1, "prediction": "x", "text": 4}', "type"),
        (b'{"time": 1, "prediction": "x", "language": 4}', "type"),
        (b'{"time": 1, "prediction": "x", "language": "german"}', "language"),
        (b'{"time": 1, "prediction": "x", "language": ""}', "language"),
        (b'{"time": 1, "prediction": "x", "confidence": NaN}', "confidence"),
        (b'{"time": 1, "prediction": "x", "confidence": 1.01}', "confidence"),
        (b'{"time": 1, "prediction": "x", "confidence": -0.01}', "confidence"),
        (b'{"time": 1, "prediction": "x", "latency_ms": -1}', "latency"),
        (b'{"time": 1, "prediction": "x", "latency_ms": Infinity}', "latency"),
        (b'{"time": 1, "prediction": "x", "latency_ms": NaN}', "latency"),
        (b'{"time": 1, "prediction": "x", "unknown": -1}', "count"),
        (b'{"time": 1, "prediction": "x", "tokens": 1.5}', "count"),
        (b'{"time": 1, "prediction": "x", "tokens": NaN}', "count"),
        (b'{"time": 1, "prediction": "x", "tokens": 1e400}', "count"),
        (b'{"time": "yesterday", "prediction": "x"}', "time"),
        (b'{"time": -1, "prediction": "x"}', "time"),
        (b'{"time": NaN, "prediction": "x"}', "time"),
        (b'{"time": true, "prediction": "x"}', "time"),
        (b'{"time": 1' + b"0" * 400 + b', "prediction": "x"}', "time"),
        (b'{"time": "0001-01-01T00:00:00+23:59", "prediction": "x"}', "time"),
    ],
    ids=lambda value: value[:60].decode(errors="replace") if isinstance(value, bytes) else value,
)
def test_a_broken_line_is_counted_by_kind_and_the_next_is_read(line, fault):
    rows = read(line, FULL)
    reading = rows.reading()
    assert {note.fault: note.count for note in rows.faults()} == {fault: 1}
    assert dict(reading.counters) == {"broken_lines": 1, f"broken_{fault}": 1}
    assert (len(reading.events), reading.labels, reading.shadows) == (1, (), ())


def test_times_in_milliseconds_lie_in_the_future_and_are_refused():
    assert faults({"time": 1_700_000_000_000, "prediction": "x"}, FULL, latest=1_800_000_000) == {"time": 1}


def test_single_precision_may_exceed_one_a_little():
    assert read({"time": 1, "prediction": "x", "confidence": 1.0000001}).reading().events.confidence.tolist() == [1.0]


def test_whole_numbers_may_be_written_as_fractions():
    assert read({"time": 1, "prediction": "x", "tokens": 7.0}).reading().events.tokens.tolist() == [7]


def test_empty_lines_and_a_byte_order_mark_are_no_faults():
    rows = read(b"\xef\xbb\xbf" + json.dumps(FULL).encode() + b"\r", b"", b"  \r")
    assert (len(rows.reading().events), rows.faults()) == (1, ())


def test_it_is_told_where_the_first_broken_line_of_a_kind_stands():
    first = json.dumps(FULL).encode()
    (note,) = read(first, b"{", b"{").faults()
    assert (note.fault, note.count, note.where) == ("json", 2, f"log.jsonl, byte {len(first) + 1:,}")


def test_a_broken_entry_leaves_no_trace_in_the_time_of_the_next():
    rows = read({"time": 5, "prediction": "x"}, {"time": 9, "prediction": "x", "confidence": 2}, {"prediction": "y"})
    assert rows.reading().events.time.tolist() == [5, 5]


def test_predictions_of_several_files_come_in_the_order_of_their_times():
    rows = LogRows()
    for source, times in (("a", (1, 4, 3)), ("b", (2, 5))):
        rows.begin(source, "byte", None)
        take_lines(rows, [json.dumps({"time": time, "prediction": source}).encode() for time in times], 0)
    events = rows.reading().events
    assert (events.time.tolist(), events.prediction) == ([1, 2, 3, 4, 5], ("a", "b", "a", "a", "b"))


def test_one_file_keeps_its_order_though_its_clock_went_back():
    rows = read({"time": 4, "prediction": "x"}, {"time": 3, "prediction": "y"})
    assert rows.reading().events.time.tolist() == [4, 3]


@given(st.integers(1, len(json.dumps(FULL)) - 1))
def test_a_line_that_was_cut_off_is_never_whole(length):
    line = json.dumps(FULL).encode()
    assert is_whole(line)
    assert not is_whole(line[:length])


@given(st.lists(st.binary(max_size=200).filter(lambda line: b"\n" not in line), max_size=20))
def test_any_bytes_are_read_or_counted(lines):
    rows = read(*lines)
    assert rows.reading().events.time.size == 0
    assert sum(note.count for note in rows.faults()) == sum(bool(line) and not line.isspace() for line in lines)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    st.lists,
    max_leaves=3,
)


@given(st.dictionaries(st.sampled_from([*FULL, "text", "kind", "served", "shadow"]), JSON))
def test_any_object_is_taken_once_or_counted_once(row):
    rows = read({"time": 1, "prediction": "x"}, row)
    reading = rows.reading()
    taken = len(reading.events) - 1 + len(reading.labels) + len(reading.shadows)
    assert taken + sum(note.count for note in rows.faults()) == 1


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (b'{"time": 1, "prediction": 3}', ", field prediction"),
        (b'{"time": 1, "prediction": "x", "ground_truth": 3}', ", field ground_truth"),
        (b'{"time": 1, "prediction": "x", "script": "latin", "confidence": 0.4}', ", field script"),
        (b'{"time": 1, "prediction": "x", "unknown": -1}', ", field unknown"),
        (b'{"time": 1, "prediction": "x", "variant": "\\ud83d"}', ", field variant"),
        (b'{"time": 1, "prediction": "x", "confidence": 2}', ""),
        (b"[1]", ""),
    ],
)
def test_a_field_that_cannot_be_used_is_named(line, field):
    rows = LogRows()
    rows.begin("log.jsonl", "byte", None)
    take_lines(rows, [line], 0)
    assert [note.where for note in rows.faults()] == [f"log.jsonl, byte 0{field}"]
