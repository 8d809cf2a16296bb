import pytest

from leanglot.charts.sweep import draw

NAMES = {32: "onnx", 16: "int8", 8: "int8-embeddings", 4: "magnitude-70"}


@pytest.fixture(scope="module")
def drawn(golden):
    return draw(golden, NAMES)


def texts(axes):
    return [text.get_text() for text in axes.texts]


def of(golden, name):
    return next(candidate for candidate in golden.candidates if candidate.name == name)


def test_bars_are_the_median_latencies_from_most_bits_to_fewest(golden, drawn):
    _, time = drawn.axes
    assert [bar.get_height() for bar in time.patches] == [of(golden, name).latency_ms.p50 for name in NAMES.values()]


def test_every_language_has_a_line_and_so_has_their_mean(golden, drawn):
    accuracy, _ = drawn.axes
    lines = [list(line.get_ydata()) for line in accuracy.lines]
    assert len(lines) == len(golden.data.examples) + 1
    assert [of(golden, name).languages["th"].candidate for name in NAMES.values()] in lines
    assert [of(golden, name).macro_accuracy for name in NAMES.values()] == lines[-1]
    low, high = accuracy.get_ylim()
    assert all(low <= value <= high for line in lines for value in line)


def test_the_languages_that_lose_most_are_named_at_the_end_of_their_lines(golden, drawn):
    losses = {
        tag: row.candidate - of(golden, "magnitude-70").languages[tag].candidate
        for tag, row in of(golden, "onnx").languages.items()
    }
    assert max(losses, key=losses.get) == "th"
    assert sum(text.startswith("Thai ") for text in texts(drawn.axes[0])) == 1
    assert len(texts(drawn.axes[0])) == 5


def test_bits_that_failed_say_so_and_lines_go_on(golden):
    accuracy, time = draw(golden, {32: "onnx", 16: "magnitude-50-int8", 8: "int8"}).axes
    assert texts(time)[1] == "failed"
    assert len(time.patches) == 2
    assert list(accuracy.lines[-1].get_xdata()) == [0, 2]


def test_nothing_measured_draws_nothing_but_reasons(hollow):
    blank = hollow.candidates[1].model_copy(update={"macro_accuracy": None})
    accuracy, time = draw(hollow.model_copy(update={"candidates": (blank,)}), {8: blank.name}).axes
    assert texts(time) == ["n/a"]
    assert texts(accuracy) == []
