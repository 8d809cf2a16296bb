"""The stored report of schema version 1 stays readable, and everything that renders accepts it."""

import io

import pytest
from build_report import FOLDER, build
from rich.console import Console

from leanglot.report.markdown import render_markdown
from leanglot.report.page import render_page
from leanglot.report.terminal import render_tables
from leanglot.results.records import RunReport

AGAIN = "run tests/golden/build_report.py and read the difference"


@pytest.fixture(scope="module")
def stored():
    return (FOLDER / "report-v1.json").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def report(stored):
    return RunReport.model_validate_json(stored)


def test_the_builder_still_builds_it(report):
    assert build() == report, AGAIN


def test_it_survives_a_round_trip(report):
    assert RunReport.model_validate_json(report.model_dump_json()) == report


def test_it_is_as_uneven_as_real_runs(report):
    statuses = [candidate.status for candidate in report.candidates]
    assert len(statuses) == 8
    assert {"baseline", "unrefuted", "rejected", "failed"} == set(statuses)
    assert len(report.data.examples) == 24
    assert 1 in report.data.examples.values()
    assert any(each.latency_ms and each.latency_ms.p99 is None for each in report.candidates)


def test_markdown(report):
    assert render_markdown(report) == (FOLDER / "report-v1.md").read_text(encoding="utf-8"), AGAIN


def test_page(report):
    assert "int8-embeddings" in render_page(report)


def test_terminal(report):
    stream = io.StringIO()
    Console(file=stream, width=100).print(render_tables(report))
    assert "int8-embeddings" in stream.getvalue()
