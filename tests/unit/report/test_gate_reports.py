import io
import re

import pytest
from hostile_names import HOSTILE
from rich.console import Console

from gate_answers import decided
from junit_rules import parsed
from leanglot.decide.gate import GateRule
from leanglot.errors import ConfigError, StorageError
from leanglot.report.gate import MOST_CHARACTERS, headline, render_gate, shortened
from leanglot.report.gate_files import write_gate
from leanglot.report.gate_table import gate_table
from leanglot.report.junit import render_junit

SAFE, HARMED, FEW = (400, 0, 0, 0), (460, 31, 9, 0), (16, 0, 0, 0)
MIXED = {"de": SAFE, "th": HARMED, "sw": FEW}


def printed(report, width=100):
    stream = io.StringIO()
    Console(file=stream, width=width).print(gate_table(report))
    return stream.getvalue()


def many(number):
    """That many languages, each with its own tag, harmed, safe and open in turns."""
    tags = [f"{first}{second}" for first in "abcdefghijklm" for second in "nopqrstuvwxyz"][:number]
    return {tag: (SAFE, (60, 12, 0, 0), FEW)[place % 3] for place, tag in enumerate(tags)}


# The answer


@pytest.mark.parametrize(
    ("counts", "strict", "start"),
    [
        ({"de": SAFE}, False, "Gate passed. The only language, de, is safe."),
        (MIXED, False, "Gate failed. 1 of 3 languages is harmed: th."),
        (
            {"sw": FEW},
            False,
            "Gate passed, but not proven. No language is proven harmed, but 1 of 1 is not",
        ),
        ({"sw": FEW}, True, "Gate stopped: not proven. No language is proven harmed, but 1 of 1"),
    ],
    ids=["passed", "failed", "open", "strict"],
)
def test_the_answer_comes_first_and_claims_no_more_than_is_proven(counts, strict, start):
    report = decided(counts, GateRule(strict=strict))
    assert headline(report).startswith(start)
    first = render_gate(report).splitlines()[0]
    assert first.startswith("### ")
    assert start in first.replace("\\", "")
    assert start in " ".join(printed(report).split())


# Markdown


def test_the_summary_shows_the_worst_and_folds_the_rest():
    text = render_gate(decided(many(24), GateRule(floor=0.5)))
    shown, folded = text.split("<details>")
    assert "The worst 10 of 24 languages:" in shown
    assert shown.count("✗ harmed") == 8
    assert "✓ safe" not in shown
    assert folded.count("\n| ") == 24 + 2
    assert text.count("<details>") == text.count("</details>") == 1


def test_few_languages_are_all_shown():
    text = render_gate(decided(MIXED))
    assert "The worst" not in text
    assert text.index("Thai (th)") < text.index("Swahili (sw)") < text.index("German (de)")


@pytest.mark.parametrize("number", [60, 169])
def test_the_summary_stays_under_github_s_limit(number):
    counts = many(number)
    report = decided(counts, GateRule(floor=0.9), names=("x" * 5_000, "y|`" * 5_000), notes=["n " * 3_000] * 100)
    text = render_gate(report)
    assert len(text) <= MOST_CHARACTERS
    assert "and 80 notes more" in text
    rows = text.split("<details>")[1].split("</details>")[0].count("\n| ") - 2
    left_out = re.search(r"and (\d+) languages? more, which would make this text too long", text)
    assert rows + (int(left_out[1]) if left_out else 0) == number
    if number == 60:
        assert left_out is None


def test_rows_that_do_not_fit_are_counted(monkeypatch):
    monkeypatch.setattr("leanglot.report.gate.MOST_CHARACTERS", 6_000)
    text = render_gate(decided(many(60)))
    assert len(text) <= 6_000
    assert re.search(r"and \d+ languages more, which would make this text too long", text)
    assert "</details>" in text


def test_texts_from_outside_are_escaped():
    report = decided({"de": SAFE}, names=HOSTILE[2:4], data=HOSTILE[0], notes=HOSTILE)
    text = render_gate(report)
    assert "<script>" not in text
    assert "<img" not in text.replace("\\<img", "").replace("`@everyone <img", "")
    assert "\x1b" not in text
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in text
    assert all(line.count("|") == 0 or line.startswith(("| ", "`")) for line in text.splitlines() if "\\|" not in line)
    assert not any(line.startswith("# title") for line in text.splitlines())


def test_long_names_keep_their_ends():
    assert shortened("a" * 300 + "end").endswith("end")
    assert len(shortened("a" * 5_000)) <= 200
    assert shortened("short") == "short"


def test_sizes_and_floors_are_shown():
    rule = GateRule(floors={"th": 0.99}, max_size_bytes=1e6, max_size_ratio=9)
    text = render_gate(decided(MIXED, rule, sizes=(2_000_000, 3_000_000)))
    assert "Size 2.0 MB to 3.0 MB." in text
    assert "✗ Size: 3.0 MB exceeds the limit, 1.0 MB." in text
    assert "✓ Size: 3.0 MB is within 9 times the baseline's size, 18.0 MB." in text
    assert "✗ 99%" in text


# The terminal


def test_the_table_fits_its_width():
    report = decided(
        {"zh-Hant-TW": HARMED, **MIXED}, GateRule(floor=0.99, margins={"th": 0.005}), names=("b", "c" * 150)
    )
    for width in (80, 100, 120):
        assert max(len(line) for line in printed(report, width).splitlines()) <= min(width, 100)
    text = " ".join(printed(report).split())
    assert "margin 1 point, th 0.5 points" in text
    assert "✗ 99%" in text


def test_without_floors_there_is_no_column_of_them():
    assert "floor" not in printed(decided(MIXED))
    assert "floor" in printed(decided(MIXED, GateRule(floor=0.5)))


def test_sizes_and_notes_are_printed():
    text = printed(decided({"de": SAFE}, GateRule(max_size_bytes=1), sizes=(2, 2), notes=["Mind this."]))
    assert "Mind this." in text
    assert "Size: 0.0 MB exceeds the limit, 0.0 MB." in text


# JUnit


def cases(root):
    """(suite, name) of each test, and how it ended."""
    return {
        (suite.attrib["name"], case.attrib["name"]): next((ending.tag for ending in case), "passed")
        for suite in root
        for case in suite.findall("testcase")
    }


def numbers(root):
    return {each.attrib["name"]: each.attrib["value"] for each in root.iter("property")}


def test_each_language_is_a_test():
    assert cases(parsed(render_junit(decided(MIXED)))) == {
        ("languages", "German (de)"): "passed",
        ("languages", "Thai (th)"): "failure",
        ("languages", "Swahili (sw)"): "skipped",
    }


def test_under_strict_what_is_not_proven_fails():
    root = parsed(render_junit(decided(MIXED, GateRule(strict=True, floors={"sw": 0.9}))))
    assert cases(root)["languages", "Swahili (sw)"] == "failure"
    assert cases(root)["floors", "Swahili (sw): accuracy of at least 90%"] == "failure"


def test_floors_and_sizes_are_tests_of_their_own():
    rule = GateRule(floors={"de": 0.9, "th": 0.95, "sw": 0.9}, max_size_bytes=1e6, max_size_ratio=2)
    root = parsed(render_junit(decided(MIXED, rule, sizes=(2_000_000, 3_000_000))))
    found = cases(root)
    assert found["floors", "German (de): accuracy of at least 90%"] == "passed"
    assert found["floors", "Thai (th): accuracy of at least 95%"] == "failure"
    assert found["floors", "Swahili (sw): accuracy of at least 90%"] == "skipped"
    assert found["sizes", "size of at most 1.0 MB"] == "failure"
    assert found["sizes", "size of at most 4.0 MB"] == "passed"
    assert numbers(root)["th.minimum"] == "0.95"


def test_the_numbers_are_properties():
    told = numbers(parsed(render_junit(decided(MIXED, notes=["Mind this."]))))
    assert (told["outcome"], told["exit_code"], told["n"]) == ("failed", "1", "916")
    assert (told["th.drop"], told["th.right_to_wrong"], told["th.verdict"]) == ("0.044", "31", "harmed")
    assert told["note.1"] == "Mind this."


def test_what_is_absent_has_no_property():
    told = numbers(parsed(render_junit(decided({"sw": FEW}, data=None))))
    assert "data" not in told
    assert "candidate_size_bytes" not in told
    assert "sw.groups" not in told


def test_failures_say_why():
    root = parsed(render_junit(decided(MIXED)))
    failure = root.find("testsuite/testcase/failure")
    assert failure.attrib["type"] == "harmed"
    assert failure.attrib["message"] == failure.text
    assert failure.text.startswith("Lost 31 answers, won 9: a drop of 4.4 points")


@pytest.mark.parametrize("text", [*HOSTILE, "a\x00b\x0bc\ud800d\uffffe", "q\"u'o&t<e>]]>", "\n\t "])
def test_any_text_makes_xml_that_parses(text):
    root = parsed(render_junit(decided({"de": SAFE}, names=(text, text), data=text, notes=[text])))
    assert numbers(root)["baseline"] == numbers(root)["note.1"]


# Files


def test_both_files_are_written_whole(tmp_path):
    report = decided(MIXED)
    write_gate(report, tmp_path / "new" / "gate.xml", tmp_path / "gate.md")
    assert (tmp_path / "new" / "gate.xml").read_text(encoding="utf-8") == render_junit(report)
    assert (tmp_path / "gate.md").read_text(encoding="utf-8") == render_gate(report)
    write_gate(report, None, None)


def test_where_one_file_cannot_be_written_neither_is(tmp_path):
    (tmp_path / "file").touch()
    for places in ((tmp_path / "gate.xml", tmp_path / "file" / "gate.md"), (tmp_path / "file" / "x", tmp_path / "y")):
        with pytest.raises(StorageError) as caught:
            write_gate(decided(MIXED), *places)
        assert caught.value.hint == "Choose another place with --junit or --summary."
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_places_that_cannot_be_right_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="is a folder"):
        write_gate(decided(MIXED), tmp_path, None)
    with pytest.raises(ConfigError, match="are both"):
        write_gate(decided(MIXED), tmp_path / "gate", tmp_path / "x" / ".." / "gate")
