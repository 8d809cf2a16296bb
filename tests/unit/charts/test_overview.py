import pytest

from leanglot.charts.overview import accuracy_range, draw


@pytest.fixture(scope="module")
def drawn(golden):
    return draw(golden)


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_every_bar_tells_its_number(drawn):
    latency, accuracy, size, _ = drawn.axes
    assert "13.1 ms   3.15×" in texts(latency)
    assert "93.0%   −0.1" in texts(accuracy)
    assert "121.6 MB   74.2% smaller" in texts(size)


def test_failed_candidates_keep_a_row_without_a_bar(golden, drawn):
    for axes in drawn.axes[:3]:
        assert texts(axes).count("failed") == 1
        assert len(axes.patches) == len(golden.candidates) - 1


def test_what_was_not_measured_reads_so(hollow):
    for axes in draw(hollow).axes[:3]:
        assert texts(axes).count("n/a") == len(hollow.candidates) - 1
        assert len(axes.patches) == 1


def test_a_cut_axis_is_told(drawn):
    assert any("starts at 90%, not at 0" in text for text in texts(drawn.axes[1]))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (0.0, 1.0)),
        ([0.931, 0.915], (0.90, 0.94)),
        ([0.93, 0.71], (0.65, 0.95)),
        ([0.93, 0.07], (0.0, 0.95)),
        ([1.0], (0.99, 1.0)),
    ],
)
def test_the_accuracy_axis_is_tight(values, expected):
    assert accuracy_range(values) == pytest.approx(expected)


def test_every_value_lies_inside_of_its_axis():
    for hundredths in range(101):
        low, high = accuracy_range([hundredths / 100])
        assert low <= hundredths / 100 <= high + 1e-9
        assert low < high
