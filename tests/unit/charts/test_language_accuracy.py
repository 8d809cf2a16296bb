import pytest

from leanglot.charts.language_accuracy import draw, shown_candidate


def texts(report):
    return [text.get_text() for text in draw(report).axes[0].texts]


def test_the_balanced_recommendation_is_shown_first(golden):
    assert shown_candidate(golden).name == "int8-embeddings"


def test_without_a_recommendation_the_worst_rejected_one_is_shown(golden):
    report = golden.model_copy(update={"recommendations": {}})
    assert shown_candidate(report).name == "magnitude-70"


def test_without_a_rejected_one_the_fastest_is_shown(golden):
    others = tuple(each for each in golden.candidates if each.status != "rejected")
    report = golden.model_copy(update={"recommendations": {}, "candidates": others})
    assert shown_candidate(report).name == "int8"


def test_a_baseline_alone_is_shown_alone(bare):
    assert shown_candidate(bare) is None
    assert texts(bare).count("n/a") == len(bare.data.examples)


def test_each_language_tells_its_name_size_drop_and_verdict(golden):
    shown = texts(golden)
    for tag, row in golden.candidates[3].languages.items():
        assert tag in shown
        assert f"{row.n:,}" in shown
    assert "Norwegian Bokmål" in shown
    assert shown.count("✓  safe") == 17
    assert shown.count("?  not proven") == 7


def test_an_interval_that_leaves_the_panel_has_an_arrow(golden):
    lines = draw(golden).axes[0].get_lines()
    assert sum(line.get_marker() == "<" for line in lines) == 2


@pytest.mark.parametrize("field", ["candidate", "drop"])
def test_missing_numbers_are_not_drawn_as_zero(golden, field):
    chosen = golden.candidates[3]
    rows = {tag: row.model_copy(update={field: None}) for tag, row in chosen.languages.items()}
    report = golden.model_copy(
        update={"candidates": (golden.candidates[0], chosen.model_copy(update={"languages": rows}))}
    )
    axes = draw(report).axes[0]
    diamonds = [line for line in axes.get_lines() if line.get_marker() == "D"]
    assert len(diamonds) == (0 if field == "candidate" else 24)
    assert [text.get_text() for text in axes.texts].count("n/a") == (24 if field == "drop" else 0)
