"""Prices of a translation run: an error is a sentence that fails silently, and a million are characters too."""

import csv
import io

import numpy as np
import pytest
from rich.console import Console

from leanglot.config import Costs
from leanglot.config.costs import Infrastructure
from leanglot.decide.recommend import recommend
from leanglot.pricing import price_run, recommend_again, stored_failures
from leanglot.report.cost import cost_table
from leanglot.report.markdown import render_markdown
from leanglot.report.spreadsheet import candidates_csv
from leanglot.report.terminal import render_costs
from leanglot.results.folder import RunFolder
from leanglot.results.translation_store import write_translations
from leanglot.results.translations import Translations
from translated_runs import run as translated_run

COSTS = Costs(
    monthly_predictions=1_000_000,
    traffic={"en→de": 0.5, "en->zh": 0.5},
    error_cost=0.01,
    infrastructure=Infrastructure(price_per_hour=0.5),
)


def translations(failing):
    """All judged sentences, of which so many by pair fail: each in two ways."""
    sizes = {"en→de": 540, "en→zh": 500}
    pairs = tuple(pair for pair, n in sizes.items() for _ in range(n))
    failed = np.concatenate([np.arange(n) < failing.get(pair, 0) for pair, n in sizes.items()])
    n = len(pairs)
    return Translations(
        index=np.arange(n),
        pair=pairs,
        group=None,
        source=tuple(f"source {number}" for number in range(n)),
        reference=tuple(f"reference {number}" for number in range(n)),
        hypothesis=tuple(f"hypothesis {number}" for number in range(n)),
        chrf=np.ones((n, 18)),
        bleu=np.ones((n, 10)),
        sentence_chrf=np.full(n, 0.5),
        confidence=np.full(n, 0.5),
        tokens=np.full(n, 11),
        failed={"wrong-language": failed, "copied": np.zeros(n, dtype=bool), "length": failed},
    )


@pytest.fixture
def report():
    """The run, with two pairs, as many silent failures in its records as its stored translations have."""
    kept, counts = ("en→de", "en→zh"), {"magnitude-70-int8": 31}
    found = []
    for each in translated_run().candidates:
        if each.translation is None:
            found.append(each)
            continue
        pairs = {
            tag: each.translation.pairs[tag].model_copy(
                update={"failing": counts.get(each.name, 2) if tag == "en→zh" else 0}
            )
            for tag in kept
        }
        languages = {tag: each.languages[tag] for tag in kept}
        quality = each.translation.model_copy(update={"pairs": pairs})
        found.append(each.model_copy(update={"translation": quality, "languages": languages}))
    return translated_run().model_copy(update={"candidates": tuple(found)})


@pytest.fixture
def folder(tmp_path, report):
    place = RunFolder(tmp_path / "run")
    place.create()
    for each in report.candidates:
        if each.status != "failed":
            failing = {"en→zh": 31 if each.name == "magnitude-70-int8" else 2}
            place.candidate(each.name).path.mkdir(parents=True)
            write_translations(place.candidate(each.name).translations, translations(failing))
    return place.path


def costs_of(report):
    return {each.name: each.monthly_cost for each in report.candidates}


def test_errors_are_the_sentences_that_fail_silently(report, folder):
    priced = price_run(report, folder, COSTS)
    found = costs_of(priced)
    # Half of a million sentences at 1 cent each, of which 31 or 2 in 500 fail.
    assert found["magnitude-70-int8"].errors == pytest.approx(500_000 * 0.01 * 31 / 500)
    assert found["baseline"].errors == pytest.approx(500_000 * 0.01 * 2 / 500)
    assert found["baseline"].languages["en→zh"].error_rate == pytest.approx(2 / 500)
    assert not any("counts in its record" in note for note in priced.pricing.notes)
    assert any("fails silently" in note for note in priced.pricing.notes)


def test_a_million_characters_and_tokens_follow_from_the_mean_sentence(report, folder):
    found = costs_of(price_run(report, folder, COSTS))["baseline"]
    # 38 characters and 11 tokens a sentence.
    assert found.per_million == pytest.approx(found.total)
    assert found.per_million_characters == pytest.approx(found.total / 38)
    assert found.per_million_tokens == pytest.approx(found.total / 11)


def test_traffic_in_a_pair_without_sentences_has_no_price_by_the_character(report, folder):
    costs = COSTS.model_copy(update={"traffic": {"en→de": 0.5, "en→fr": 0.5}})
    found = costs_of(price_run(report, folder, costs))["baseline"]
    assert found.total is None
    assert found.per_million_characters is None


def test_without_stored_translations_the_counts_in_the_record_are_used(report, tmp_path):
    priced = price_run(report, tmp_path / "nowhere", COSTS)
    assert costs_of(priced)["magnitude-70-int8"].errors == pytest.approx(310)
    assert sum("the counts in its record were used" in note for note in priced.pricing.notes) == 4


def test_what_nobody_looked_for_is_no_zero(report, tmp_path):
    def unexamined(each):
        if each.translation is None:
            return each
        pairs = {tag: pair.model_copy(update={"failing": None}) for tag, pair in each.translation.pairs.items()}
        return each.model_copy(update={"translation": each.translation.model_copy(update={"pairs": pairs})})

    changed = report.model_copy(update={"candidates": tuple(map(unexamined, report.candidates))})
    assert costs_of(price_run(changed, tmp_path / "nowhere", COSTS))["baseline"].errors is None


def test_stored_failures_are_read_as_answers(report, folder):
    found, missing = stored_failures(report, folder)
    assert set(found) == {each.name for each in report.candidates if each.status != "failed"}
    assert missing == {}
    assert (~found["magnitude-70-int8"].correct).sum() == 31
    assert found["baseline"].language[0] == "en→de"


def test_the_table_has_sentences_and_characters(report, folder):
    priced = price_run(report, folder, COSTS)
    table = cost_table(priced)
    assert table.title == "Cost in a month of 1,000,000 sentences"
    assert "per million characters" in table.rows[0].cells
    assert "sentences a second" in table.assumptions
    assert "| Per million sentences | Per million characters |" in render_markdown(priced)
    stream = io.StringIO()
    Console(file=stream, width=100).print(render_costs(priced))
    assert "/M characters" in stream.getvalue()
    row = next(csv.DictReader(io.StringIO(candidates_csv(priced))))
    assert float(row["monthly_cost_per_million_tokens"]) == pytest.approx(float(row["monthly_cost_total"]) / 11)


def test_cost_does_not_buy_a_loss_without_a_price(report, folder):
    """What a lower score costs is not priced, so that the cheapest may not lose any amount of it."""
    lossy = tuple(
        each.model_copy(update={"status": "unrefuted", "accuracy": 0.2} if each.name == "student-6-2-int8" else {})
        for each in report.candidates
    )
    costs = COSTS.model_copy(update={"infrastructure": None, "monthly_infra": {
        "baseline": 900.0, "ctranslate2-int8": 500.0, "student-6-2-int8": 100.0, "magnitude-70-int8": 900.0,
    }})  # fmt: skip
    priced = price_run(report.model_copy(update={"candidates": lossy}), folder, costs)
    assert priced.recommendations["cost"].candidate == "ctranslate2-int8"
    allowed = recommend_again(priced, folder, None, {"cost": 1.0})
    assert allowed.recommendations["cost"].candidate == "student-6-2-int8"


def test_reasons_name_the_metric_and_pairs(report):
    found = recommend(report.candidates, metric=report.metric)
    assert "chrF falls by 0.8 points" in found["size"].reason
    assert "the worst language pair, en→zh, falls by" in found["size"].reason
    assert not any("accuracy" in answer.reason for answer in found.values())
    strict = recommend(report.candidates, strict=True, metric=report.metric)
    assert "rejected because a language pair is harmed" in strict["speed"].reason
