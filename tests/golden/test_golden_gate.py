"""The stored gate of schema version 1 stays readable, and its JUnit XML and markdown stay as they are."""

import pytest
from build_gate import FOLDER, build

from junit_rules import parsed
from leanglot.report.gate import render_gate
from leanglot.report.junit import render_junit
from leanglot.results.gate import GateReport

AGAIN = "run tests/golden/build_gate.py and read the difference"


def text_of(name):
    return (FOLDER / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def report():
    return GateReport.model_validate_json(text_of("gate-v1.json"))


def test_the_builder_still_decides_so(report):
    built = build()
    assert built.exit_code == report.exit_code == 1
    assert {tag: each.verdict.verdict for tag, each in built.languages.items()} == {
        tag: each.verdict.verdict for tag, each in report.languages.items()
    }
    assert built.reason == report.reason


def test_junit(report):
    assert render_junit(report) == text_of("gate-v1.xml"), AGAIN
    root = parsed(text_of("gate-v1.xml"))
    assert [suite.attrib["name"] for suite in root] == ["languages", "floors", "sizes"]


def test_markdown(report):
    assert render_gate(report) == text_of("gate-v1.md"), AGAIN
