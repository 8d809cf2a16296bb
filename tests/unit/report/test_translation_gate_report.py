"""A gate between translation models, as markdown, in the terminal and as JUnit."""

import io
import re
from datetime import UTC, datetime

import pytest
from rich.console import Console

from junit_rules import parsed
from leanglot.report.gate import render_gate
from leanglot.report.gate_table import gate_table
from leanglot.report.junit import render_junit
from leanglot.results.gate import Flips, Floor, GateLanguage, GateReport, GateSide
from leanglot.results.verdicts import Verdict
from translated_runs import CHRF, METRIC, run

FORBIDDEN = re.compile(r"(?i)accura|\blanguages?\b(?! pair|-pair)|\bexamples?\b|\banswers?\b|right to wrong")


@pytest.fixture(scope="module")
def decided():
    """The rejected candidate of the stored run, with one floor missed."""
    candidate = run().candidate("magnitude-70-int8")
    fields = set(Verdict.model_fields)
    verdicts = {
        tag: Verdict(**{name: value for name, value in row.model_dump().items() if name in fields})
        for tag, row in candidate.languages.items()
    }
    flips = Flips(n=500, changed=240, right_to_wrong=29, wrong_to_right=1, flip_rate=0.48, agreement=0.52)
    floor = Floor(minimum=0.25, kind="below", accuracy=0.2117, low=0.2, high=0.22, reason="21.2 is below 25.")
    return GateReport(
        created_at=datetime(2025, 2, 3, tzinfo=UTC),
        baseline=GateSide(name="models/current", kind="model", size_bytes=283_400_000),
        candidate=GateSide(name="runs/mine:magnitude-70-int8", kind="artifact", size_bytes=66_200_000),
        data="strings.tsv",
        margin=0.01,
        alpha=0.05,
        strict=False,
        languages={
            tag: GateLanguage(margin=0.01, verdict=verdict, flips=flips, floor=floor if tag == "en→zh" else None)
            for tag, verdict in verdicts.items()
        },
        baseline_accuracy=0.4086,
        candidate_accuracy=0.3591,
        flips=flips.model_copy(update={"n": 2405}),
        status="rejected",
        outcome="failed",
        exit_code=1,
        reason="6 of 7 language pairs are harmed: en→fi, en→zh, en→ja, en→ar, en→de and 1 more.",
        metric=METRIC,
        changes=candidate.translation.changes,
    )


def printed(report) -> str:
    stream = io.StringIO()
    Console(file=stream, width=100).print(gate_table(report))
    return stream.getvalue()


@pytest.mark.parametrize("render", [render_gate, printed, render_junit], ids=["markdown", "terminal", "junit"])
def test_a_gate_speaks_of_translation(decided, render):
    text = render(decided)
    assert FORBIDDEN.findall(text.replace("wrong language", "")) == []
    assert "chrf" in text.lower()


def test_scores_and_floors_have_no_percent_sign(decided):
    text = render_gate(decided)
    assert "chrF 40.9 to 35.9 (−5.0 points)" in text
    row = next(line for line in text.splitlines() if line.startswith("| English → Chinese"))
    assert "| 26.9 | 21.2 |" in row.replace(" (en→zh)", "")
    assert "✗ 25 |" in row
    assert "40.9 to 35.9" in printed(decided)


def test_what_fails_silently_more_often_is_told(decided):
    told = "wrong language in English → Chinese (en→zh): 31 of 500 sentences, the baseline 2 (p < 0.001)"
    assert told.replace("<", "\\<") in render_gate(decided)
    assert told in " ".join(printed(decided).split())
    assert "29 fail silently that did not before, 1 no longer do" in render_gate(decided)


def test_only_what_was_found_is_told(decided):
    text = render_gate(decided)
    assert text.count("More frequent:") == 1
    assert "odd length" not in text


def test_junit_is_sound_and_has_the_signature(decided):
    root = parsed(render_junit(decided))
    assert [suite.attrib["name"] for suite in root] == ["language-pairs", "floors"]
    properties = {each.attrib["name"]: each.attrib["value"] for each in root.iter("property")}
    assert properties["signature"] == CHRF
    assert properties["metric"] == "chrf"
    assert properties["candidate_score"] == "0.3591"
    assert properties["newly_failing"] == "29"
    names = [case.attrib["name"] for case in root.iter("testcase")]
    assert "English → Chinese (en→zh): chrF of at least 25" in names


def test_signatures_stand_under_the_markdown(decided):
    assert CHRF.replace("|", "\\|") in render_gate(decided)
