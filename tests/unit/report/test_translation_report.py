import csv
import io
import re
from html.parser import HTMLParser

import pytest
import yaml
from rich.console import Console

from leanglot.report.card import render_card
from leanglot.report.card_metadata import Origin, card_metadata
from leanglot.report.markdown import render_markdown
from leanglot.report.page import render_page
from leanglot.report.page_view import page_data
from leanglot.report.spreadsheet import candidates_csv, languages_csv
from leanglot.report.terminal import render_recommendations, render_tables
from leanglot.report.translation import translation_section
from leanglot.results.records import RunReport
from leanglot.results.translation import Metric
from translated_runs import BLEU, CHRF, METRIC, run

# Of a wrong language, a metadata key of the hub, a file, and an alarm of weights.
ALLOWED = re.compile(r"(?i)wrong language|^language:$|languages\.csv|precision that is emulated", re.MULTILINE)
FORBIDDEN = re.compile(
    r"(?i)accura|macro.?f1|\bprecision\b|\brecall\b|\blabels?\b|\blanguages?\b(?! pair)|\bexamples?\b"
)


@pytest.fixture(scope="module")
def translated() -> RunReport:
    """Seven pairs, five candidates; one rejected for a silent failure among others, one failed."""
    report = run()
    # Words that the report itself must not use would hide among those of the machine.
    machine = report.environment.model_copy(update={"cpu": "CPU"})
    return report.model_copy(update={"environment": machine})


def printed(renderable) -> str:
    stream = io.StringIO()
    Console(file=stream, width=100).print(renderable)
    return stream.getvalue()


class _Texts(HTMLParser):
    """What a reader of the page meets: texts, titles, labels."""

    def __init__(self):
        super().__init__()
        self.found, self.inside = [], []

    def handle_starttag(self, tag, attrs):
        if tag in {"script", "style"}:
            self.inside.append(tag)
        self.found += [value or "" for name, value in attrs if name in {"title", "aria-label", "alt", "placeholder"}]

    def handle_endtag(self, tag):
        if tag in {"script", "style"}:
            self.inside.pop()

    def handle_data(self, data):
        if not self.inside:
            self.found.append(data)


def page_texts(report) -> str:
    reader = _Texts()
    reader.feed(render_page(report, {}))
    return "\n".join(reader.found)


RENDERERS = {
    "markdown": render_markdown,
    "page": page_texts,
    "terminal": lambda report: printed(render_tables(report)),
    "candidates": candidates_csv,
    "pairs": languages_csv,
    "card": lambda report: render_card(report, report.candidate("student-6-2-int8")),
    "baseline card": lambda report: render_card(report, report.candidate("baseline")),
}


@pytest.mark.parametrize("name", RENDERERS)
def test_no_words_of_classification_are_left(translated, name):
    text = ALLOWED.sub("", RENDERERS[name](translated))
    assert FORBIDDEN.findall(text) == []


@pytest.mark.parametrize("name", RENDERERS)
def test_the_metric_is_named(translated, name):
    assert re.search("chrf", RENDERERS[name](translated), re.IGNORECASE)


@pytest.mark.parametrize("name", ["markdown", "page", "terminal", "card", "baseline card"])
def test_signatures_are_in_every_report(translated, name):
    text = RENDERERS[name](translated)
    for signature in (CHRF, BLEU.format("13a"), BLEU.format("zh"), BLEU.format("char")):
        assert signature in text


def test_signatures_stay_as_they_are_in_markdown(translated):
    assert f"`{CHRF}`" in render_markdown(translated)


def test_a_run_judged_by_bleu_says_so():
    metric = Metric(name="bleu", signature=BLEU.format("13a"), beside=Metric(name="chrf", signature=CHRF))
    text = render_markdown(run(metric))
    assert "BLEU −" in text
    assert "| BLEU, baseline | BLEU | chrF, baseline | chrF |" in text
    assert "chrF is shown beside it and decides nothing" in text
    assert '"bleu"' not in text
    assert "macro_bleu" in candidates_csv(run(metric))


def test_scores_are_told_without_percent_signs(translated):
    baseline = next(row for row in render_markdown(translated).splitlines() if row.startswith("| `baseline` | base"))
    assert " 40.9 |" in baseline
    assert "%" not in baseline


def test_the_table_of_pairs_has_both_metrics_and_the_failures(translated):
    section = translation_section(translated)
    assert [table.candidate.name for table in section.tables] == [
        "student-6-2-int8", "ctranslate2-int8", "magnitude-70-int8", "baseline",
    ]  # fmt: skip
    rows = {row.tag: row.cells for row in section.tables[2].rows}
    assert rows["en→zh"]["chrF, baseline"] == "26.9"
    assert rows["en→zh"]["chrF"] == "21.2"
    assert rows["en→zh"]["BLEU, baseline"] == "30.1"
    assert rows["en→zh"]["Verdict"] == "harmed"
    assert rows["en→zh"]["Silent failures"].startswith("wrong language 31 (was 2), source copied 1")
    assert rows["en→de"]["Silent failures"] == "none"
    assert rows["en→sw"]["At most"] == "n/a"


def test_the_baseline_is_compared_with_nothing(translated):
    table = translation_section(translated).tables[-1]
    assert not table.compared
    assert table.headings == ("Sentences", "chrF", "BLEU", "chrF of copying", "Silent failures")


def test_what_fails_silently_more_often_is_told_with_its_numbers(translated):
    failures = translation_section(translated).failures
    assert [each.candidate for each in failures.found] == ["magnitude-70-int8"]
    assert failures.found[0].told == (
        "wrong language in English → Chinese (en→zh): 31 of 500 sentences, the baseline 2 (p < 0.001)"
    )
    assert failures.rows[0].cells == ("2,405", "2", "2", "1", "0", "5", "1")
    assert failures.sentences == ()


def _with_failures(report, change):
    """Every candidate's quality, changed."""
    changed = [
        each
        if each.translation is None
        else each.model_copy(
            update={
                "translation": each.translation.model_copy(
                    update={
                        "pairs": {tag: change(each, pair) for tag, pair in each.translation.pairs.items()},
                        "changes": (),
                    }
                )
            }
        )
        for each in report.candidates
    ]
    return report.model_copy(update={"candidates": tuple(changed)})


def test_what_was_not_looked_for_is_no_zero(translated):
    def without(_, pair):
        kept = {kind: number for kind, number in pair.failures.items() if kind == "empty"}
        return pair.model_copy(update={"failures": kept})

    report = _with_failures(translated, without)
    failures = translation_section(report).failures
    assert failures.headings == ("empty",)
    assert failures.sentences == ("No kind of silent failure became more frequent beyond chance in any language pair.",)


def test_candidates_that_were_not_examined_are_named(translated):
    def unexamined(candidate, pair):
        return pair.model_copy(update={"failures": {}}) if candidate.name == "ctranslate2-int8" else pair

    report = _with_failures(translated, unexamined)
    section = translation_section(report)
    assert "Not examined for silent failures: ctranslate2-int8." in section.failures.sentences
    rows = {row.tag: row.cells for row in section.tables[1].rows}
    assert rows["en→zh"]["Silent failures"] == "n/a"


def test_without_any_examination_there_is_no_section_but_a_word(translated):
    report = _with_failures(translated, lambda _, pair: pair.model_copy(update={"failures": {}}))
    assert translation_section(report).failures is None
    assert 'id="silent-failures"' not in render_page(report, {})
    assert "Silent failures were not looked for in this run." in render_markdown(report)


def test_classification_has_no_section_on_translations(golden):
    assert translation_section(golden) is None
    assert "Translation quality" not in render_page(golden, {})


def test_the_page_orders_its_columns_as_its_rows(translated):
    data = page_data(translated)
    columns = [column.key for column in data.columns]
    assert "f1" not in columns
    assert "accuracy" not in columns
    for choice in data.candidates:
        for row in choice.rows:
            assert len(row.texts) == len(row.values) == len(columns)
    student = next(each for each in data.candidates if each.name == "student-6-2-int8")
    row = next(each for each in student.rows if data.languages[each.language].tag == "en→zh")
    assert row.texts[columns.index("candidate")] == "26.3"
    assert row.texts[columns.index("examples")] == "500"
    assert (data.words.quality, data.words.language, data.words.examples) == ("chrF", "language pair", "Sentences")


def test_a_pair_without_results_has_as_many_cells(translated):
    student = translated.candidate("student-6-2-int8")
    rows = {tag: row for tag, row in student.languages.items() if tag != "en→fi"}
    changed = tuple(
        each.model_copy(update={"languages": rows}) if each is student else each for each in translated.candidates
    )
    data = page_data(translated.model_copy(update={"candidates": changed}))
    choice = next(each for each in data.candidates if each.name == student.name)
    assert len({len(row.texts) for row in choice.rows}) == 1
    assert any(row.reason == "This candidate has no result for this language pair." for row in choice.rows)


def test_spreadsheets_name_the_metric_and_count_the_failures(translated):
    rows = list(csv.DictReader(io.StringIO(languages_csv(translated))))
    found = next(row for row in rows if row["candidate"] == "magnitude-70-int8" and row["language_pair"] == "en→zh")
    assert float(found["chrf"]) == pytest.approx(0.2117)
    assert float(found["bleu"]) == pytest.approx(0.23258)
    assert found["failed_wrong_language"] == "31"
    failed = next(row for row in rows if row["candidate"] == "openvino-int8")
    assert failed["failed_copied"] == ""
    assert "it failed" in failed["missing"]
    whole = next(csv.DictReader(io.StringIO(candidates_csv(translated))))
    assert float(whole["macro_chrf"]) == pytest.approx(0.41264, abs=1e-4)


def test_the_card_is_one_of_translation(translated):
    candidate = translated.candidate("student-6-2-int8")
    metadata = yaml.safe_load(card_metadata(translated, candidate, Origin()))
    assert metadata["pipeline_tag"] == "translation"
    assert metadata["language"] == ["ar", "de", "en", "fi", "ja", "sw", "zh"]
    assert metadata["metrics"] == ["chrf", "bleu"]
    assert metadata["library_name"] == "ctranslate2"
    first = metadata["model-index"][0]["results"][0]
    assert first["task"]["type"] == "translation"
    assert first["metrics"] == [
        {"type": "chrf", "value": 53.75, "name": "chrF"},
        {"type": "bleu", "value": 31.318, "name": "BLEU"},
    ]
    card = render_card(translated, candidate)
    assert 'translator.translate(["…"], target="de", source="en")' in card
    assert "classifier" not in card


def test_the_card_of_a_harmful_candidate_tells_what_fails_silently(translated):
    card = render_card(translated, translated.candidate("magnitude-70-int8"))
    assert "**wrong language in English → Chinese (en→zh): 31 of 500 sentences" in card
    assert "**Harmed against marian-demo:" in card


def test_the_card_of_a_candidate_without_translations_says_so(translated):
    candidate = translated.candidate("student-6-2-int8").model_copy(update={"translation": None})
    others = tuple(candidate if each.name == candidate.name else each for each in translated.candidates)
    card = render_card(translated.model_copy(update={"candidates": others}), candidate)
    assert "What student-6-2-int8 makes of sentences was not measured." in card


def test_recommendations_name_the_goal_after_the_metric(translated):
    text = printed(render_recommendations(translated))
    assert "\nchrF: ctranslate2-int8" in text
    assert "7 language pairs" in text


def test_names_from_outside_are_neither_reworded_nor_markup():
    name = "accuracy|<b>language</b>"
    report = run()
    renamed = tuple(
        each.model_copy(update={"name": name}) if each.name == "magnitude-70-int8" else each
        for each in report.candidates
    )
    report = report.model_copy(update={"candidates": renamed})
    text, page = render_markdown(report), render_page(report, {})
    assert "accuracy\N{BROKEN BAR}<b>language</b>" in text
    assert "<b>language</b>" not in page
    assert "accuracy|&lt;b&gt;language&lt;/b&gt;" in page


def test_a_report_without_the_other_metrics_signature_says_nothing_of_it():
    metric = METRIC.model_copy(update={"beside": None})
    assert "BLEU is shown" not in render_markdown(run(metric))
