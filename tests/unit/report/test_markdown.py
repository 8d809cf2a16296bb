import re

import pytest

from leanglot.report.markdown import render_markdown
from leanglot.report.markdown_parts import code, escape


def cells(line):
    return re.split(r"(?<!\\)\|", line)


@pytest.mark.parametrize("fixture", ["golden", "bare", "hollow"])
def test_every_row_of_a_table_has_as_many_cells_as_its_head(request, fixture):
    text = render_markdown(request.getfixturevalue(fixture))
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({len(cells(line)) for line in table.splitlines()}) == 1


def test_the_answer_is_the_first_line(golden):
    first = render_markdown(golden).splitlines()[0]
    assert first.startswith("# Best so far: `int8-embeddings` is proven safe in 17 of 24 languages")


def test_a_failed_candidate_tells_why(golden):
    assert "failed: graph and model disagree on 31 of 64 probe texts" in render_markdown(golden)


def test_harmed_languages_are_named_with_their_drops(golden):
    assert "- `magnitude-70`: Thai (th) +10.7, Japanese (ja) +8.2" in render_markdown(golden)


def test_absent_numbers_have_footnotes(hollow):
    text = render_markdown(hollow)
    number = re.search(r"n/a \((\d+)\)", text).group(1)
    assert f"({number}) Not measured in this run" in text


def test_texts_from_outside_start_nothing(hollow):
    text = render_markdown(hollow)
    outside_code = re.sub(r"(`+).+?\1", "", text)
    assert not re.search(r"(?<!\\)<(?!/?sub>)", outside_code)
    assert "@everyone" not in outside_code
    assert not re.search(r"^# title", text, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("<b>", r"\<b\>"),
        ("two\nlines", "two lines"),
        ("@me", "@\N{WORD JOINER}me"),
        ("2 @ 3", "2 @ 3"),
    ],
)
def test_escape(text, shown):
    assert escape(text) == shown


@pytest.mark.parametrize(("text", "shown"), [("int8", "`int8`"), ("a`b", "`` a`b ``"), ("a|b", "`a¦b`")])
def test_code(text, shown):
    assert code(text) == shown
