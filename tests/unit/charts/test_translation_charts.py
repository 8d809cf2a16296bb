"""Charts of a translation run: its words, its points, and pairs whose names are long."""

import re

import pytest
from chart_texts import overlapping, upright, visible

from leanglot.charts import teacher
from leanglot.charts.files import drawings
from leanglot.charts.labels import drawable_name
from leanglot.results.records import LatencySpread
from leanglot.results.training import Epoch, LanguageCheck, TrainingFacts
from translated_runs import METRIC, run

FORBIDDEN = re.compile(r"(?i)accura|\blanguages?\b(?! pair)|\bexamples?\b|answered right")
DRAWN = (
    "overview",
    "drop_heatmap",
    "language_accuracy",
    "retention_bars",
    "impact",
    "teacher",
    "latency_spread",
    "waterfall-student-6-2-int8",
    "training-student-6-2-int8",
)


@pytest.fixture(scope="module")
def translated():
    """With spreads of latencies, a training and a chain, so that all charts but those of prices are drawn."""
    report = run()
    spread = LatencySpread(n=28, low=20, p25=25, p50=30, p75=36, p90=None, high=60)
    spreads = {"latency_spread": spread}
    check = LanguageCheck(n=2_000, right=900, loss=3.1)
    facts = TrainingFacts(
        technique="distil-sequence", examples=dict.fromkeys(report.data.examples, 900), unlabelled=0, steps=200,
        stopped_at=None, kept_step=200, processes=1, precision="fp32",
        epochs=tuple(
            Epoch(
                step=step, epoch=step / 100, learning_rate=1e-4, seen=dict.fromkeys(report.data.examples, 450),
                loss=dict.fromkeys(report.data.examples, 4.0 - step / 100), parts={"labels": 3.0},
                held_out=dict.fromkeys(report.data.examples, check), seconds=9.0, peak_memory_bytes=10**9,
            )
            for step in (100, 200)
        ),
    )  # fmt: skip
    candidates = tuple(
        each.model_copy(
            update={
                "languages": {tag: row.model_copy(update=spreads) for tag, row in each.languages.items()},
                "training": (facts,) if each.name == "student-6-2-int8" else (),
            }
        )
        for each in report.candidates
    )
    chains = {"student-6-2-int8": ("baseline", "ctranslate2-int8", "student-6-2-int8")}
    return report.model_copy(update={"candidates": candidates, "chains": chains})


def texts(figure):
    return [text.get_text() for text in visible(figure)]


@pytest.mark.parametrize("name", DRAWN)
def test_every_chart_speaks_of_translation(translated, name):
    figure = drawings(translated)[name](translated)
    told = "\n".join(texts(figure))
    assert FORBIDDEN.findall(told) == []
    assert re.search("chrF|language pair", told)


def test_all_charts_are_looked_at(translated):
    assert set(drawings(translated)) == set(DRAWN)


@pytest.mark.parametrize("name", ["language_accuracy", "retention_bars", "teacher", "impact", "latency_spread"])
def test_no_text_lies_on_another_or_outside(translated, name):
    figure = drawings(translated)[name](translated)
    assert overlapping(upright(figure)) == []
    width, height = figure.canvas.get_width_height()
    for text in upright(figure):
        box = text.get_window_extent()
        assert box.x0 >= -1, text
        assert box.x1 <= width + 1, text
        assert -1 <= box.y0 <= box.y1 <= height + 1, text


def test_scores_are_points_and_shares_stay_percent(translated):
    told = texts(drawings(translated)["language_accuracy"](translated))
    assert "corpus chrF, in points of 100" in " ".join(told)
    assert not any("%" in text for text in told)
    assert any(text.endswith("%") for text in texts(drawings(translated)["retention_bars"](translated)))


def test_points_lie_inside_of_the_axes(translated):
    axes = drawings(translated)["language_accuracy"](translated).get_axes()[0]
    low, high = axes.get_xlim()
    drawn = [line.get_xdata()[0] for line in axes.get_lines() if line.get_marker() in {"o", "D"}]
    assert len(drawn) == 14
    assert all(low < x < high for x in drawn)
    assert high < 0.7


def test_the_teacher_beside_its_student_has_marks_without_intervals(translated):
    told = texts(teacher.draw(translated))
    assert "41.3" in told
    assert "en→ja 25.4" in told
    assert "n/a" not in told


def test_other_wording_with_bleu():
    report = run(METRIC.beside.model_copy(update={"beside": METRIC}))
    assert "BLEU by language pair" in texts(drawings(report)["language_accuracy"](report))


def test_a_pair_with_long_names_is_told_by_its_tag():
    assert drawable_name("en→zh", 24) == "English → Chinese"
    assert drawable_name("pt-BR→zh-Hant", 24) == "pt-BR→zh-Hant"
    assert drawable_name("de", 24) == "German"
