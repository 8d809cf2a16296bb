from datetime import UTC, datetime

import numpy as np
import pytest
from chart_texts import overlapping, upright, visible
from picture_runs import LONG_TAGS, many_tags

from leanglot.charts.files import svg_bytes
from leanglot.charts.learning import draw
from leanglot.results.learning_curve import CurvePoint, LearningCurve
from leanglot.results.measures import LanguageQuality, Quality
from leanglot.results.records import DataSummary, Environment
from leanglot.techniques import Distillation
from leanglot.techniques.distillation import Student

TAGS = ("ar", "de", "en", "hi", "hu", "pl", "pt-BR", "sw", "th", "zh-Hans")


def quality(accuracies, n):
    rows = {
        tag: LanguageQuality(
            n=n[tag],
            accuracy=value,
            accuracy_low=max(0.0, value - 1 / n[tag] ** 0.5),
            accuracy_high=min(1.0, value + 0.6 / n[tag] ** 0.5),
            macro_f1=value,
            precision=value,
            recall=value,
        )
        for tag, value in accuracies.items()
    }
    mean = float(np.mean(list(accuracies.values())))
    return Quality(accuracy=mean, macro_accuracy=mean, macro_f1=mean, precision=mean, recall=mean, languages=rows)


def curve(tags=TAGS, sizes=(250, 500, 1000, 2000), few=(), start=0.2, student=None, fixed=False):
    rng = np.random.default_rng(7)
    n = {tag: 12 if tag in few else 300 for tag in tags}
    ease = {tag: float(rng.uniform(0, 0.2)) for tag in tags}
    points = tuple(
        CurvePoint(
            examples=dict.fromkeys(tags, max(1, size // len(tags))),
            steps=40,
            seconds=3.0,
            quality=quality({tag: min(1.0, 0.95 - ease[tag] - 20 / size) for tag in tags}, n),
        )
        for size in sizes
    )
    return LearningCurve(
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        environment=Environment(cpu="x", isa=(), cores=1, threads=1, memory_bytes=1, platform="x", versions={}),
        model="some-model",
        training="train.jsonl",
        data=DataSummary(source="test.jsonl", digest="0", examples=n, labels=("a", "b")),
        seed=0,
        step=Distillation(alpha=0.0, student=student),
        fixed_steps=fixed,
        before=quality(dict.fromkeys(tags, start), n),
        points=points,
    )


CURVES = {
    "usual": curve(),
    "one point": curve(sizes=(700,)),
    "one language": curve(tags=("th",)),
    "few judged": curve(few=TAGS),
    "sixty": curve(tags=many_tags(), sizes=tuple(250 * 2**power for power in range(9)), few=LONG_TAGS),
    "crowded": curve(sizes=(1000, 1010, 1020, 4000), start=0.9),
    "perfect": curve(tags=("de", "en"), sizes=(10**6, 10**7), start=1.0),
    "student": curve(student=Student(layers=1), fixed=True),
}


def texts(figure):
    return [text.get_text() for text in visible(figure)]


@pytest.fixture(params=CURVES)
def figure(request):
    return draw(CURVES[request.param])


def test_everything_is_inside_of_the_figure(figure):
    width, height = figure.bbox.width, figure.bbox.height
    for text in visible(figure):
        box = text.get_window_extent()
        assert 0 <= box.x0 <= box.x1 <= width, text.get_text()
        assert 0 <= box.y0 <= box.y1 <= height, text.get_text()


def test_no_two_texts_overlap(figure):
    assert not overlapping(upright(figure))


def test_the_lines_are_the_record_s():
    record = CURVES["usual"]
    lines = [line for line in draw(record).get_axes()[0].get_lines() if len(line.get_xdata()) == 4]
    drawn = {tuple(np.round(line.get_ydata(), 9)) for line in lines}
    for tag in TAGS:
        assert tuple(round(point.quality.languages[tag].accuracy, 9) for point in record.points) in drawn
    assert tuple(round(point.quality.macro_accuracy, 9) for point in record.points) in drawn


def test_the_worst_languages_at_the_end_are_named():
    record = CURVES["usual"]
    shown = texts(draw(record))
    last = record.points[-1].quality.languages
    for tag in sorted(last, key=lambda each: last[each].accuracy)[:4]:
        assert any(text.endswith(f" {100 * last[tag].accuracy:.1f}%") for text in shown)
    assert f"mean {100 * record.points[-1].quality.macro_accuracy:.1f}%" in shown


def test_languages_that_few_examples_judge_are_not_named():
    assert not any(text.startswith("Swahili") for text in texts(draw(curve(few=("sw",)))))


def test_it_says_where_training_began():
    assert any(text.startswith("mean before training 90.0%") for text in texts(draw(CURVES["crowded"])))
    assert any(text.endswith("below the axis") for text in texts(draw(CURVES["usual"])))
    assert any(text.startswith("mean of the whole model") for text in texts(draw(CURVES["student"])))


def test_it_says_how_long_each_was_trained():
    assert any("as many passes" in text for text in texts(draw(CURVES["usual"])))
    assert any("as many steps" in text for text in texts(draw(CURVES["student"])))


def test_the_same_bytes_come_out_every_time():
    assert svg_bytes(draw(CURVES["usual"])) == svg_bytes(draw(CURVES["usual"]))
