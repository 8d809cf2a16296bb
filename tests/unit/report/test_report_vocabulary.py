"""What a trimmed vocabulary costs each language, in every form of the report."""

import io
from html import unescape

import pytest
from rich.console import Console
from shaped_runs import UNSERVED, trimmed, with_updates

from leanglot.report.markdown import render_markdown
from leanglot.report.page import render_page
from leanglot.report.terminal import render_tables
from leanglot.report.vocabulary import HOW_TO_READ, cut_words, share, vocabulary_lines, vocabulary_tables
from leanglot.results.shaping import VocabularyFacts

FEW = VocabularyFacts(
    languages=("de", "en"),
    pieces_before=1000,
    pieces_after=400,
    texts={"de": 500, "en": 700},
    expected_missing={"de": 0.001, "en": 0.01},
)


def printed(report, width=100):
    stream = io.StringIO()
    Console(file=stream, width=width).print(render_tables(report))
    return stream.getvalue()


# Words


@pytest.mark.parametrize(
    ("fraction", "decimals", "shown"),
    [
        (None, 1, "n/a"),
        (0, 1, "0.0%"),
        (0.0004, 1, "< 0.1%"),
        (0.0006, 1, "0.1%"),
        (0.9994, 1, "99.9%"),
        (0.9996, 1, "> 99.9%"),
        (1, 1, "100.0%"),
        (0.00001, 2, "< 0.01%"),
        (0.00042, 2, "0.04%"),
    ],
)
def test_none_and_all_are_said_only_where_they_are_true(fraction, decimals, shown):
    assert share(fraction, decimals) == shown


def test_few_languages_are_named():
    told = "1,000 → 400 pieces, 60.0% fewer, cut for 2 languages: German (de), English (en)"
    assert cut_words(FEW) == told
    assert vocabulary_lines(FEW) == [f"Vocabulary: {told}, on 1,200 texts."]


def test_many_languages_are_counted_and_the_fragile_ones_named(golden):
    facts, _ = trimmed(tuple(golden.data.examples))
    assert vocabulary_lines(facts) == [
        "Vocabulary: 250,037 → 19,804 pieces, 92.1% fewer, cut for 22 languages, on 8,013 texts.",
        "Over 1% of the tokens of further texts lose their piece: Swahili (sw) 6.2%.",
        "Under 100 texts: Urdu (ur) 1, Swahili (sw) 12.",
        "What further texts lose cannot be said from one text or none: Urdu (ur).",
    ]


def test_long_lists_are_cut(golden):
    facts, _ = trimmed(tuple(golden.data.examples))
    poor = facts.model_copy(update={"texts": dict.fromkeys(facts.languages, 10)})
    line = next(line for line in vocabulary_lines(poor) if line.startswith("Under"))
    assert line.endswith(" and 16 more.")
    assert line.count(",") == 5


# The table


def test_candidates_with_one_vocabulary_share_a_table(shaped):
    (table,) = vocabulary_tables(shaped)
    assert table.names == ("onnx", "int8")
    other = with_updates(shaped, {"int8": {"tokens": {}}, "int8-embeddings": {"vocabulary": FEW}})
    assert [each.names for each in vocabulary_tables(other)] == [("onnx",), ("int8",), ("int8-embeddings",)]


def test_a_language_has_everything_that_was_found(shaped):
    (table,) = vocabulary_tables(shaped)
    rows = {row.tag: row.cells for row in table.rows}
    assert list(rows) == list(shaped.data.examples)
    baseline = shaped.candidates[0].languages["hi"].tokens_per_example
    assert rows["hi"] == {
        "texts": "400",
        "missing": "0.40%",
        "tokens": "12.5 → 13.8",
        "baseline": f"{baseline:.1f}",
        "unknown": "0.00% → < 0.01%",
        "as before": "> 99.9% of 150",
    }


def test_the_worst_come_first_and_the_unknown_before_them(shaped):
    (table,) = vocabulary_tables(shaped)
    assert [row.tag for row in table.worst[:4]] == ["lb", "th", "hi", "en"]
    assert len(table.worst) == 5
    assert table.is_short


def test_where_nothing_was_compared_the_missing_pieces_rank(shaped):
    tables = vocabulary_tables(with_updates(shaped, {"onnx": {"tokens": {}}, "int8": {"vocabulary": None}}))
    assert {row.tag for row in tables[0].worst[:3]} == {"lb", "th", "ur"}
    assert tables[0].worst[3].tag == "sw"
    assert tables[0].worst[3].cells["unknown"] == tables[0].worst[3].cells["as before"] == "n/a"


def test_few_languages_are_all_shown(shaped):
    data = shaped.data.model_copy(update={"examples": {"de": 5, "en": 3}})
    candidates = tuple(each.model_copy(update={"languages": {}}) for each in shaped.candidates)
    report = with_updates(
        shaped.model_copy(update={"data": data, "candidates": candidates}),
        {"onnx": {"vocabulary": FEW, "tokens": {}}, "int8": {"vocabulary": None}},
    )
    (table,) = vocabulary_tables(report)
    assert not table.is_short
    assert {row.tag for row in table.worst} == {"de", "en"}
    html = render_page(report, {})
    assert "languages that pay most" not in html
    assert "All 2 languages" not in html
    assert "Vocabulary by language" in printed(report)
    assert "report.html" not in render_markdown(report)


def test_absences_and_who_was_left_out_are_told(shaped):
    (table,) = vocabulary_tables(shaped)
    assert table.remarks == (
        "Judged, but not cut for: Thai (th), Luxembourgish (lb).",
        "n/a under missing for Urdu (ur): one text or none leaves nothing to compare with.",
        "n/a under tokens for French (fr), Luxembourgish (lb): cut on all judged texts, or not compared.",
    )
    assert {row.tag for row in table.rows if row.cells["texts"] == "not cut for"} == set(UNSERVED)


def test_languages_that_were_not_judged_and_lengths_that_were_not_measured_say_so(shaped):
    blind = {
        tag: row.model_copy(update={"tokens_per_example": None}) for tag, row in shaped.candidates[0].languages.items()
    }
    facts = FEW.model_copy(update={"languages": ("de", "is"), "expected_missing": {"de": 0.1, "is": 0.1}})
    report = with_updates(shaped, {"original": {"languages": blind}, "onnx": {"vocabulary": facts}})
    table = vocabulary_tables(report)[0]
    assert "n/a under tokens and baseline for Icelandic (is): not judged in this run." in table.remarks
    assert table.remarks[-1].startswith("n/a under baseline for English (en), German (de), ")
    assert table.rows[-1].tag == "is"
    assert table.rows[0].cells["baseline"] == "n/a"


# The forms


@pytest.mark.parametrize("width", [80, 95, 96, 100])
def test_the_terminal_shows_the_worst_and_where_all_are(shaped, width):
    shown = printed(shaped, width)
    assert max(map(len, shown.splitlines())) <= width
    section = shown[shown.index("Vocabulary, the 5 languages that pay most") :]
    told = " ".join(section.split())
    assert "onnx, int8: 250,037 → 19,804 pieces, 92.1% fewer, cut for 22 languages." in told
    assert "All 24 languages are in report.html." in told
    assert HOW_TO_READ in told
    assert "…" not in section
    assert ("missing " in section.splitlines()[1]) == (width >= 96)


def test_markdown_shows_the_worst(shaped):
    text = render_markdown(shaped)
    section = text[text.index("## Vocabulary") : text.index("## Harmed")]
    assert "`onnx`, `int8`: 250,037 → 19,804 pieces" in section
    assert "The worst 5 of 24 languages; all are in report.html." in section
    assert sum(line.startswith("| ") for line in section.splitlines()) == 2 + 5
    assert r"| Hindi (hi) | 400 | 0.40% | 12.5 → 13.8 |" in section
    assert r"0.00% → \< 0.01%" in section


def test_the_page_shows_all_in_details(shaped):
    html = render_page(shaped, {})
    section = html[html.index('id="vocabulary"') : html.index('id="data"')]
    assert unescape(section).count("Portuguese (Brazil) (pt-BR)</th>") == 1
    assert unescape(section).count("Hindi (hi)</th>") == 2
    assert section.index("The 5 languages that pay most") < section.index("<details>")
    assert "<summary>All 24 languages</summary>" in section
    assert "250,037 → 19,804 pieces" in section


def test_tags_from_outside_stay_tags(shaped, hollow):
    facts = FEW.model_copy(update={"languages": hollow.data.notes})
    named = with_updates(shaped, {"onnx": {"vocabulary": facts}, "int8": {"vocabulary": None}})
    report = with_updates(named, {"onnx": {"name": hollow.data.notes[1]}}).model_copy(update={"recommendations": {}})
    html, text, shown = render_page(report, {}), render_markdown(report), printed(report)
    assert html.lower().count("<script") == 3
    assert r"\<script\>" in text
    assert "\x1b" not in html + text + shown


@pytest.mark.parametrize("fixture", ["golden", "quantized", "bare", "hollow"])
def test_runs_without_it_show_nothing(request, fixture):
    report = request.getfixturevalue(fixture)
    assert vocabulary_tables(report) == ()
    assert "Vocabulary" not in printed(report) + render_markdown(report)
    assert 'id="vocabulary"' not in render_page(report, {})
