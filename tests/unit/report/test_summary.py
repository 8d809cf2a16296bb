import pytest

from leanglot.errors import RunError
from leanglot.report.summary import (
    accuracy_change,
    answers,
    baseline_of,
    group_languages,
    headline,
    primary,
    worst_language,
)
from leanglot.results.records import Recommendation


def sentence(report):
    found = headline(report)
    return f"{found.before}{found.name}{found.after}"


def recommending(report, name):
    answer = Recommendation(candidate=name, reason="Because.", accuracy_tolerance=0.01)
    return report.model_copy(update={"recommendations": {"balanced": answer}})


def changed(report, name, **fields):
    candidates = tuple(each.model_copy(update=fields) if each.name == name else each for each in report.candidates)
    return recommending(report.model_copy(update={"candidates": candidates}), name)


def test_an_unrefuted_candidate_is_not_called_safe(golden):
    assert sentence(golden) == (
        "Best so far: int8-embeddings is proven safe in 17 of 24 languages, not proven in 7, harmed in none"
    )


def test_a_certified_candidate_is_to_be_shipped(golden):
    rows = {tag: row.model_copy(update={"verdict": "safe"}) for tag, row in golden.candidates[1].languages.items()}
    report = changed(golden, "onnx", status="certified", languages=rows)
    assert sentence(report) == "Ship onnx: proven safe in all 24 languages"


def test_a_certificate_with_open_languages_is_not_believed(golden):
    report = changed(golden, "onnx", status="certified")
    assert sentence(report).startswith("Best so far: onnx")


def test_a_certificate_without_a_language_of_the_data_is_not_believed(golden):
    rows = {
        tag: row.model_copy(update={"verdict": "safe"})
        for tag, row in golden.candidates[1].languages.items()
        if tag != "th"
    }
    report = changed(golden, "onnx", status="certified", languages=rows)
    assert "23 of 24" in sentence(report)


def test_harm_is_told_first(golden):
    assert sentence(recommending(golden, "magnitude-70")).startswith("Not safe to ship: magnitude-70 harms 11 of 24")


def test_keeping_the_baseline_is_an_answer(golden):
    assert sentence(recommending(golden, "original")).startswith("Keep the baseline original")


def test_no_recommendation_is_an_answer(golden):
    assert sentence(recommending(golden, None)).startswith("Nothing to ship yet")
    assert primary(golden.model_copy(update={"recommendations": {}})) is None


def test_answers_come_in_one_order_and_keep_empty_ones(golden):
    found = answers(golden)
    assert [answer.goal for answer in found] == ["balanced", "speed", "size", "accuracy", "cost"]
    assert found[-1].candidate is None


def test_a_baseline_that_points_nowhere_is_an_error(golden):
    with pytest.raises(RunError, match="gone") as caught:
        baseline_of(golden.model_copy(update={"baseline": "gone"}))
    assert "int8-embeddings" in caught.value.hint


def test_a_recommendation_that_points_nowhere_is_an_error(golden):
    with pytest.raises(RunError, match="gone"):
        answers(recommending(golden, "gone"))


def test_groups_hold_every_language_once(golden):
    groups = group_languages(golden, golden.candidates[5])
    tags = [line.tag for line in (*groups.safe, *groups.harmed, *groups.unproven)]
    assert sorted(tags) == sorted(golden.data.examples)
    assert groups.total == 24
    drops = [line.result.drop for line in groups.harmed]
    assert drops == sorted(drops, reverse=True)


def test_the_cheapest_open_language_comes_first_and_absent_results_last(golden):
    rows = dict(golden.candidates[3].languages)
    del rows["en"]
    candidate = golden.candidates[3].model_copy(update={"languages": rows})
    lines = group_languages(golden, candidate).unproven
    assert [line.tag for line in lines][:3] == ["ur", "th", "hi"]
    assert lines[-1].tag == "en"
    assert lines[-1].result is None


def test_the_worst_language_needs_a_measured_drop(golden):
    assert worst_language(golden.candidates[5]).tag == "th"
    assert worst_language(golden.candidates[0]) is None


def test_a_change_needs_both_accuracies(golden):
    assert accuracy_change(golden, golden.candidates[3]) == pytest.approx(-0.000972, abs=1e-5)
    assert accuracy_change(golden, golden.candidates[-1]) is None
