import itertools

import pytest

from leanglot.charts.files import png_bytes
from leanglot.charts.retention import draw
from leanglot.charts.style import SMALL_SIZE
from leanglot.results.sparsity import KindResult, Probe, SparsitySearch

TAGS = ("de", "en", "th", "sw")
BASE = {"de": 0.9, "en": 0.95, "th": 0.8, "sw": 0.5}
UNTRIED = KindResult(kind="heads", outcome="none", sparsity=None, reason="Nothing was tried, since $reasons_{x}.")


def probe(kind, sparsity, drops, limit=0.01):
    """A probe at which each language, in the order of BASE, loses so many points."""
    accuracy = {tag: value - drop / 100 for (tag, value), drop in zip(BASE.items(), drops, strict=True)}
    exceeded = tuple(tag for tag, drop in zip(BASE, drops, strict=True) if drop / 100 > limit and tag != "sw")
    mean = sum(value for tag, value in accuracy.items() if tag != "sw") / 3
    return Probe(
        kind=kind,
        sparsity=sparsity,
        actual=sparsity,
        accuracy=accuracy,
        macro_accuracy=mean,
        within=not exceeded,
        exceeded=exceeded,
    )


def result(kind="magnitude", outcome="found", sparsity=0.25):
    courses = {0.25: (0, -0.5, 1, 10), 0.5: (0.4, 0, 3, 20), 0.75: (60, 70, 55, 50)}
    probes = tuple(probe(kind, share, drops) for share, drops in courses.items())
    return KindResult(kind=kind, outcome=outcome, sparsity=sparsity, reason="So it is.", probes=probes)


def record(*results, **changes):
    values = {
        "model": "tiny",
        "max_drop": 0.01,
        "worst_language": True,
        "alpha": 0.05,
        "baseline": BASE,
        "examples": {"de": 300, "en": 300, "th": 300, "sw": 10},
        "undecided": ("sw",),
        "results": results or (result(),),
    }
    return SparsitySearch(**values | changes)


def texts(figure):
    return [text.get_text() for text in (*figure.texts, *(each for axes in figure.axes for each in axes.texts))]


def names(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def courses(axes):
    """The lines with as many points as there are probes and the unpruned model."""
    return [line for line in axes.lines if len(line.get_xdata()) == 4]


def test_each_language_and_the_mean_has_a_line_from_the_unpruned_model_on():
    (axes,) = draw(record()).axes
    lines = courses(axes)
    assert len(lines) == len(BASE) + 1
    assert all(list(line.get_xdata()) == [0, 0.25, 0.5, 0.75] for line in lines)
    assert list(lines[2].get_ydata()) == pytest.approx([0, -1, -3, -55])
    assert list(lines[-1].get_ydata()) == pytest.approx([0, -0.5 / 3, -3.4 / 3, -185 / 3])
    assert lines[-1].get_linewidth() > max(line.get_linewidth() for line in lines[:-1])
    low, high = axes.get_ylim()
    assert all(low < value < high for line in lines for value in line.get_ydata())


def test_the_threshold_and_what_was_found_are_drawn_with_their_numbers():
    figure = draw(record())
    (axes,) = figure.axes
    horizontal = [line for line in axes.lines if list(line.get_ydata()) == [-1, -1]]
    vertical = [line for line in axes.lines if list(line.get_xdata()) == [0.25, 0.25]]
    assert (len(horizontal), len(vertical)) == (1, 1)
    assert "25.0%" in texts(figure)
    assert "within the allowed drop up to 25.0%" in texts(figure)
    assert -1 in axes.get_yticks()


def test_the_languages_that_lose_most_where_the_search_stopped_are_named_and_marked_by_form():
    (axes,) = draw(record()).axes
    assert names(axes) == ["Thai \N{MINUS SIGN}3.0", "German \N{MINUS SIGN}0.4"]
    assert axes.get_legend().get_title().get_text() == "at 50.0%"
    markers = [line.get_marker() for line in courses(axes)]
    assert markers[2] != markers[0] != "None"
    assert markers[1] == markers[3] == "None"


def test_languages_that_cannot_be_decided_are_dotted_and_named_with_their_examples():
    figure = draw(record())
    dotted = [line.get_linestyle() for line in courses(figure.axes[0])]
    assert dotted == ["-", "-", "-", "--", "-"]
    assert "Not enough data to decide: sw (10)." in texts(figure)
    assert "undecided" in [text.get_text() for text in figure.legends[0].get_texts()]
    decided = draw(record(undecided=()))
    assert "undecided" not in [text.get_text() for text in decided.legends[0].get_texts()]
    assert not any("Not enough data" in text for text in texts(decided))


def test_a_language_that_cannot_be_decided_is_named_once_it_is_proven_harmed():
    harmed = result().model_copy(update={"probes": (probe("heads", 0.25, (0, 0, 0, 40)),), "sparsity": None})
    proven = harmed.probes[0].model_copy(update={"exceeded": ("sw",), "within": False})
    (axes,) = draw(record(harmed.model_copy(update={"probes": (proven,)}))).axes
    assert names(axes) == ["Swahili \N{MINUS SIGN}40.0"]


def test_each_kind_has_a_panel():
    kinds = ("magnitude", "heads", "ffn", "layers")
    figure = draw(record(*map(result, kinds)))
    assert len(figure.axes) == 4
    titles = ["Weights of the linear layers", "Attention heads", "Neurons of the feed-forward blocks", "Layers"]
    assert [text for text in texts(figure) if text in titles] == titles


def test_a_kind_that_was_not_tried_says_why():
    figure = draw(record(result(), UNTRIED))
    assert "Nothing was tried, since $reasons_{x}." in texts(figure)
    assert not figure.axes[1].lines
    alone = draw(record(UNTRIED))
    assert alone.get_size_inches()[1] < draw(record()).get_size_inches()[1]


def test_the_outcome_is_said_where_none_or_all_is_within():
    none = draw(record(result(outcome="none", sparsity=None)))
    assert "too much already at 25.0%" in texts(none)
    assert not any(list(line.get_xdata()) == [0.25, 0.25] for line in none.axes[0].lines)
    every = draw(record(result(outcome="all", sparsity=0.75)))
    assert "within the allowed drop up to 75.0%, the most that can be tried" in texts(every)


def test_where_nothing_is_lost_nobody_is_named():
    calm = result().model_copy(update={"probes": (probe("heads", 0.25, (0, 0, 0, 0)),)})
    (axes,) = draw(record(calm)).axes
    assert axes.get_legend() is None
    low, _ = axes.get_ylim()
    assert low < -1


def test_the_mean_is_said_to_count_where_it_does():
    assert any(
        "the mean over the languages: a drop of 2.5 points" in text
        for text in texts(draw(record(max_drop=0.025, worst_language=False)))
    )


@pytest.mark.parametrize("limit", [0.001, 0.01, 0.05, 0.3])
def test_ticks_stand_apart_at_any_threshold(limit):
    figure = draw(record(max_drop=limit))
    (axes,) = figure.axes
    boxes = sorted(
        (label.get_window_extent() for label in axes.get_yticklabels() if label.get_text()), key=lambda box: box.y0
    )
    assert len(boxes) >= 3
    assert all(below.y1 <= above.y0 for below, above in itertools.pairwise(boxes))


def crowd(kinds):
    """24 languages with long names, a few undecided, that lose very different amounts."""
    tags = "ar cs da de el en es fi fr he hi hu it ja nb nl pl pt-BR ru sv sw th tr uk zh-Hant"
    base = {tag: 0.9 + 0.003 * place for place, tag in enumerate(tags.split())}
    results = []
    for kind in kinds:
        probes = []
        for share in (0.06, 0.12, 0.25, 0.5, 0.75):
            fall = {tag: share**2 * (0.2 + 0.06 * place) for place, tag in enumerate(reversed(base))}
            accuracy = {tag: value - fall[tag] for tag, value in base.items()}
            exceeded = tuple(tag for tag in base if fall[tag] > 0.01)
            mean = sum(accuracy.values()) / len(base)
            numbers = {"kind": kind, "sparsity": share, "actual": share, "accuracy": accuracy}
            probes.append(Probe(**numbers, macro_accuracy=mean, within=not exceeded, exceeded=exceeded))
        found = next(each.sparsity for each in reversed(probes) if each.within)
        results.append(KindResult(kind=kind, outcome="found", sparsity=found, reason="So.", probes=tuple(probes)))
    undecided = ("sw", "zh-Hant")
    examples = {tag: 20 if tag in undecided else 300 for tag in base}
    return record(*results, baseline=base, examples=examples, undecided=undecided, model="m" * 80)


@pytest.mark.parametrize("kinds", [("heads",), ("magnitude", "heads", "ffn", "layers")])
def test_nothing_leaves_the_figure_or_covers_other_words(kinds):
    figure = draw(crowd(kinds))
    width, height = figure.bbox.width, figure.bbox.height
    words = [*figure.texts, *figure.legends[0].get_texts()]
    for axes in figure.axes:
        legend = axes.get_legend()
        words += [*axes.texts, *legend.get_texts(), legend.get_title(), axes.xaxis.label, axes.yaxis.label]
        words += [label for label in (*axes.get_xticklabels(), *axes.get_yticklabels()) if label.get_text()]
    boxes = [word.get_window_extent() for word in words]
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in boxes)
    overlapping = [
        (one.get_text(), other.get_text())
        for (one, box), (other, beside) in itertools.combinations(zip(words, boxes, strict=True), 2)
        if min(box.x1, beside.x1) - max(box.x0, beside.x0) > 1 and min(box.y1, beside.y1) - max(box.y0, beside.y0) > 1
    ]
    assert overlapping == []
    assert all(word.get_fontsize() >= SMALL_SIZE for word in words)


def test_the_same_record_gives_the_same_bytes():
    assert png_bytes(draw(record())) == png_bytes(draw(record()))
