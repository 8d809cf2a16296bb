"""The stored report with alarms, ledgers and threads stays readable, and everything that renders shows them."""

import io

import pytest
from build_quantized_report import NAME, build_quantized
from build_report import FOLDER
from rich.console import Console

from leanglot.decide.alarms import CODES
from leanglot.report.markdown import render_markdown
from leanglot.report.page import render_page
from leanglot.report.terminal import render_tables
from leanglot.results.records import RunReport

AGAIN = "run tests/golden/build_quantized_report.py and read the difference"


@pytest.fixture(scope="module")
def report():
    return RunReport.model_validate_json((FOLDER / f"{NAME}.json").read_text(encoding="utf-8"))


def test_the_builder_still_builds_it(report):
    assert build_quantized() == report, AGAIN


def test_it_survives_a_round_trip(report):
    assert RunReport.model_validate_json(report.model_dump_json()) == report


def test_it_has_every_alarm_and_candidates_without(report):
    assert {alarm.code for each in report.candidates for alarm in each.alarms} == set(CODES)
    assert any(each.ledger and not each.alarms for each in report.candidates)
    assert any(each.threads_p50_ms and each.threads != max(each.threads_p50_ms) for each in report.candidates)


def test_markdown(report):
    assert render_markdown(report) == (FOLDER / f"{NAME}.md").read_text(encoding="utf-8"), AGAIN


@pytest.mark.parametrize("code", CODES)
def test_page_and_terminal_show_every_alarm(report, code):
    stream = io.StringIO()
    Console(file=stream, width=100).print(render_tables(report))
    assert f"! {code} " in stream.getvalue()
    assert f">{code}</strong>" in render_page(report, {})


def test_the_first_report_is_as_it_was_written(report):
    """It has no alarms, ledgers or threads: reports of that time must stay readable as they are."""
    stored = (FOLDER / "report-v1.json").read_text(encoding="utf-8")
    assert '"alarms"' not in stored
    assert all(not each.alarms and each.threads is None for each in RunReport.model_validate_json(stored).candidates)
