"""Spreadsheets of a run: RFC 4180, a reason for each empty cell, and no formula from outside."""

import csv
import io

import pytest
from hostile_names import HOSTILE

from leanglot.report.spreadsheet import candidates_csv, languages_csv, spreadsheets


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_a_row_per_candidate(shaped):
    rows = rows_of(candidates_csv(shaped))
    assert [row["candidate"] for row in rows] == [each.name for each in shaped.candidates]
    for row, candidate in zip(rows, shaped.candidates, strict=True):
        assert row["size_bytes"] == ("" if candidate.size_bytes is None else str(candidate.size_bytes))
        assert row["status"] == candidate.status
        if candidate.latency_ms is not None:
            assert float(row["latency_p50_ms"]) == candidate.latency_ms.p50
            assert row["latency_n"] == str(candidate.latency_ms.n)
        if candidate.accuracy is not None:
            assert float(row["accuracy"]) == candidate.accuracy
        assert row["pareto"] == {None: "", True: "true", False: "false"}[candidate.pareto]


def test_a_row_per_candidate_and_language(golden):
    rows = rows_of(languages_csv(golden))
    assert len(rows) == len(golden.candidates) * len(golden.data.examples)
    found = {(row["candidate"], row["language"]): row for row in rows}
    for candidate in golden.candidates:
        for tag, own in candidate.languages.items():
            row = found[candidate.name, tag]
            assert (row["verdict"], row["reason"]) == (own.verdict or "", own.reason or "")
            assert row["n"] == str(own.n)
            assert float(row["accuracy"]) == own.candidate
            if own.drop is not None:
                assert float(row["drop"]) == own.drop


@pytest.mark.parametrize("write", [candidates_csv, languages_csv])
@pytest.mark.parametrize("report", ["golden", "shaped", "hollow", "bare"])
def test_each_empty_number_has_its_reason(request, write, report):
    texts = {"reason", "recipe", "alarms", "missing", "groups", "language_name"}
    for row in rows_of(write(request.getfixturevalue(report))):
        names = [name for name, value in row.items() if value == "" and name not in texts]
        for name in names:
            family = next((start for start in ("monthly_cost_", "latency_spread_") if name.startswith(start)), None)
            assert (name if family is None else f"{family}*") in row["missing"], name
        assert bool(row["missing"]) == bool(names)


def test_reasons_are_those_of_the_records(golden):
    rows = {row["candidate"]: row for row in rows_of(candidates_csv(golden))}
    assert "safe, harmed, not_proven: it is the baseline" in rows[golden.baseline]["missing"]
    assert rows[golden.baseline]["missing"].endswith("monthly_cost_*: no costs were given")
    failed = next(each for each in golden.candidates if each.status == "failed")
    assert ": it failed" in rows[failed.name]["missing"]
    assert rows[failed.name]["safe"] == ""
    few = golden.candidates[1].latency_ms.model_copy(update={"p99": None, "missing": {"p99": "136 calls, too few"}})
    changed = golden.candidates[1].model_copy(update={"latency_ms": few})
    report = golden.model_copy(update={"candidates": (golden.candidates[0], changed, *golden.candidates[2:])})
    assert "latency_p99_ms: 136 calls, too few" in rows_of(candidates_csv(report))[1]["missing"]


def test_lines_end_as_rfc_4180_says(golden):
    for _, text in spreadsheets(golden):
        assert text.endswith("\r\n")
        assert "\n" not in text.replace("\r\n", "")
        widths = {len(row) for row in csv.reader(io.StringIO(text, newline=""), strict=True)}
        assert len(widths) == 1


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", '="a,b"'])
def test_no_name_starts_a_formula(golden, start):
    strange = golden.candidates[1].model_copy(update={"name": f"{start} x", "reason": start})
    report = golden.model_copy(
        update={"candidates": (golden.candidates[0], strange), "recommendations": {}, "chains": {}}
    )
    for _, text in spreadsheets(report):
        row = next(row for row in rows_of(text) if row["status"] == strange.status)
        assert row["candidate"].startswith("'")
        assert row["candidate"][1:].split()[0] == start.split()[0]


def test_negative_numbers_stay_numbers(golden):
    drops = [row["drop"] for row in rows_of(languages_csv(golden)) if row["drop"].startswith("-")]
    assert drops
    assert all(float(drop) < 0 for drop in drops)


def test_hostile_texts_are_one_plain_line_each(hollow):
    names = [row["candidate"] for row in rows_of(candidates_csv(hollow))]
    assert len(names) == len(HOSTILE) + 1
    assert not any("\x1b" in name or "\n" in name for name in names)
