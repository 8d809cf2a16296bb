"""The chart of a training: a line per language, the worst named, the weights that were taken marked."""

import numpy as np
import pytest
from chart_texts import overlapping, visible

from leanglot.charts.files import svg_bytes
from leanglot.charts.training import draw
from leanglot.results.training import Epoch, LanguageCheck, TrainingFacts

TAGS = ("ar", "de", "en", "hi", "hu", "pl", "pt-BR", "sw", "th", "zh-Hans")


def course(tags=TAGS, epochs=8, kept=None, held_out=True):
    rng = np.random.default_rng(5)
    noted = tuple(
        Epoch(
            step=10 * number,
            epoch=float(number),
            learning_rate=1e-4,
            seen=dict.fromkeys(tags, 64),
            loss={tag: float(3 / number + rng.uniform(0, 0.3)) for tag in tags},
            parts={"loss": 1.0, "teacher": 1.0, "labels": 0.5, "hidden": 0.0},
            held_out={
                tag: LanguageCheck(n=100, right=int(98 - 30 / number - rng.integers(9)), loss=0.4) for tag in tags
            }
            if held_out
            else {},
            seconds=12.0,
            peak_memory_bytes=700_000_000,
        )
        for number in range(1, epochs + 1)
    )
    stopped = kept is not None
    return TrainingFacts(
        technique="distil",
        examples=dict.fromkeys(tags, 900),
        unlabelled=0,
        steps=200 if stopped else 10 * epochs,
        stopped_at=10 * epochs if stopped else None,
        kept_step=10 * (kept or epochs),
        processes=1,
        precision="fp32",
        epochs=noted,
    )


COURSES = {
    "long": course(),
    "stopped": course(kept=6),
    "one": course(epochs=1),
    "few": course(tags=("de", "th"), epochs=3),
    "many": course(tags=tuple(f"{first}{second}" for first in "abcde" for second in "fghijklmnopq"), epochs=25),
    "loss": course(held_out=False),
    "equal": course(tags=("de", "en", "th"), epochs=2).model_copy(update={"epochs": course(("de",), 2).epochs}),
}


@pytest.fixture(params=COURSES)
def figure(request):
    return draw("distilled", COURSES[request.param])


def test_everything_is_inside_of_the_figure(figure):
    width, height = figure.bbox.width, figure.bbox.height
    for text in visible(figure):
        box = text.get_window_extent()
        assert box.x0 >= 0, text.get_text()
        assert box.x1 <= width, text.get_text()
        assert 0 <= box.y0 <= box.y1 <= height, text.get_text()


def test_no_two_texts_overlap(figure):
    assert not overlapping(visible(figure))


def test_the_worst_languages_are_named_with_their_accuracy_and_loss():
    facts = COURSES["long"]
    texts = {text.get_text() for text in visible(draw("distilled", facts))}
    last = facts.epochs[-1]
    _, accuracy = last.worst
    assert any(text.endswith(f"{100 * accuracy:.1f}%") for text in texts), texts
    largest = max(last.loss.values())
    assert any(text.endswith(f"{largest:.2f}") for text in texts)


def test_the_lines_are_the_record_s():
    facts = COURSES["stopped"]
    accuracy, loss = draw("distilled", facts).get_axes()[:2]
    drawn = {tuple(np.round(line.get_ydata(), 6)) for line in accuracy.get_lines()}
    for tag in TAGS:
        assert tuple(round(100 * epoch.held_out[tag].accuracy, 6) for epoch in facts.epochs) in drawn
    assert tuple(round(100 * epoch.mean, 6) for epoch in facts.epochs) in drawn
    assert any(list(line.get_xdata()) == [6.0, 6.0] for line in accuracy.get_lines())
    assert len(loss.get_lines()) == len(TAGS) + 2


def test_without_held_out_examples_there_is_the_loss_alone():
    figure = draw("distilled", COURSES["loss"])
    assert len(figure.get_axes()) == 1
    assert "Loss while trained on" in {text.get_text() for text in visible(figure)}


def test_the_same_bytes_come_out_every_time():
    assert svg_bytes(draw("distilled", COURSES["few"])) == svg_bytes(draw("distilled", COURSES["few"]))
