"""The stored report of a translation run stays readable, and what is shown of it stays as it is."""

import pytest
from build_translation_report import FOLDER, NAME

from leanglot.report.markdown import render_markdown
from leanglot.results.records import RunReport
from translated_runs import run

AGAIN = "run tests/golden/build_translation_report.py and read the difference"


@pytest.fixture(scope="module")
def report():
    return RunReport.model_validate_json((FOLDER / f"{NAME}.json").read_text(encoding="utf-8"))


def test_the_builder_still_builds_it(report):
    assert run() == report, AGAIN


def test_markdown(report):
    assert render_markdown(report) == (FOLDER / f"{NAME}.md").read_text(encoding="utf-8"), AGAIN


def test_schema_2_has_both_kinds_of_runs(report):
    assert report.schema_version == 2
    assert report.metric is not None
    classified = RunReport.model_validate_json((FOLDER / "report-v1.json").read_text(encoding="utf-8"))
    assert classified.metric is None
    assert all(each.translation is None for each in classified.candidates)
