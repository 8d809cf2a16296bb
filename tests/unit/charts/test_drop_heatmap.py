import pytest

from leanglot.charts.drop_heatmap import draw


@pytest.fixture(scope="module")
def golden_texts(golden):
    return texts(golden)


def texts(report):
    return [text.get_text() for text in draw(report).axes[0].texts]


def test_every_cell_has_its_drop_and_its_sign(golden, golden_texts):
    shown = golden_texts
    compared = [row for each in golden.candidates[1:] for row in each.languages.values()]
    assert shown.count("✗") == sum(row.verdict == "harmed" for row in compared)
    assert shown.count("✓") == sum(row.verdict == "safe" for row in compared)
    assert shown.count("?") == sum(row.verdict == "inconclusive" for row in compared)
    assert "+10.7" in shown


def test_the_worst_language_comes_first(golden, golden_texts):
    names = [text for text in golden_texts if text.split("  ")[-1] in golden.data.examples]
    assert len(names) == 24
    assert names[0] == "Thai  th"


def test_a_failed_candidate_has_a_row_of_its_own_with_the_reason(golden_texts):
    assert any(text.startswith("failed: graph and model disagree on 31 of 64") for text in golden_texts)


def test_languages_without_a_result_are_not_zero(hollow):
    shown = texts(hollow)
    unmeasured = [each for each in hollow.candidates[1:] if each.status != "failed"]
    assert shown.count("n/a") == len(unmeasured) * len(hollow.data.examples)
    assert "0.0" not in shown


def test_a_run_without_candidates_says_so(bare):
    assert "There is no candidate beside the baseline." in texts(bare)


def test_one_collapse_does_not_hide_the_rest(golden):
    worst = golden.candidates[5]
    rows = {tag: row.model_copy(update={"drop": 0.8}) for tag, row in worst.languages.items()}
    report = golden.model_copy(
        update={"candidates": (golden.candidates[0], worst.model_copy(update={"languages": rows}))}
    )
    bar = draw(report).axes[1]
    assert bar.get_xlim() == (-0.1, 0.1)
