import itertools

import pytest

from leanglot.charts.overview import draw
from leanglot.charts.tradeoff import speed_front


@pytest.fixture(scope="module")
def drawn(golden):
    return draw(golden)


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([], ()),
        ([(1.0, 0.9)], (0,)),
        ([(1.0, 0.9), (2.0, 0.8), (1.5, 0.7)], (0, 1)),
        ([(1.0, 0.8), (2.0, 0.9)], (1,)),
        ([(2.0, 0.9), (2.0, 0.8)], (0,)),
        ([(1.0, 0.9), (2.0, 0.9)], (1,)),
    ],
)
def test_the_front_keeps_what_nothing_beats(points, front):
    assert speed_front(points) == front


def labels(figure, report):
    panel = figure.axes[3]
    names = {each.name for each in report.candidates}
    return [text for text in panel.texts if text.get_text() in names or "…" in text.get_text()]


@pytest.mark.parametrize("fixture", ["golden", "crowded"])
def test_no_two_labels_overlap(request, fixture):
    report = request.getfixturevalue(fixture)
    boxes = [text.get_window_extent() for text in labels(draw(report), report)]
    measured = [each for each in report.candidates if each.speedup is not None and each.accuracy is not None]
    assert len(boxes) == len(measured)
    assert not [pair for pair in itertools.combinations(boxes, 2) if pair[0].overlaps(pair[1])]


def test_candidates_without_numbers_are_named_as_left_out(drawn):
    texts = [text.get_text() for text in drawn.axes[3].texts]
    assert "left out, no numbers: magnitude-50-int8" in texts


def test_pareto_candidates_are_filled(golden, drawn):
    from matplotlib.colors import to_hex

    from leanglot.charts.style import SURFACE

    fills = [to_hex(each.get_facecolor()[0]) for each in drawn.axes[3].collections]
    hollow = sum(not each.pareto for each in golden.candidates if each.speedup is not None)
    assert fills.count(SURFACE) == hollow
