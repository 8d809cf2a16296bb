"""Quality and latency by language under the known names: from a module, an artifact, or given predictions."""

import dataclasses

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from leanglot.errors import ConfigError, DataError, ModelError
from leanglot.familiar.evaluator import PerLanguageEvaluator
from leanglot.familiar.metrics import LanguageMetrics
from leanglot.familiar.thresholds import ThresholdCheck
from leanglot.runtimes.loading import load

LABELS = ("lights", "music", "weather")
GIVEN = {"texts": ["a", "b", "c", "d"], "labels": [0, 1, 1, 0], "languages": ["en", "en", "th", "th"]}


@pytest.fixture(scope="module")
def columns(tiny_rows):
    """Texts, labels and languages; half of the Thai labels are wrong."""
    rows = [dict(row) for number, row in enumerate(tiny_rows) if number % 3 == 0 or row["language"] == "sw"]
    for row in [row for row in rows if row["language"] == "th"][::2]:
        row["label"] = LABELS[(LABELS.index(row["label"]) + 1) % 3]
    return [row["text"] for row in rows], [row["label"] for row in rows], [row["language"] for row in rows]


@pytest.fixture(scope="module")
def module(tiny_model):
    return AutoModelForSequenceClassification.from_pretrained(tiny_model), AutoTokenizer.from_pretrained(tiny_model)


@pytest.fixture(scope="module")
def from_module(module, columns):
    evaluator = PerLanguageEvaluator(*module, {"de": 0.5, "th": 0.999}, {"de": 10, "th": 50}, latency_calls=4)
    return evaluator.evaluate(*columns)


def test_a_module_and_its_artifact_answer_alike(from_module, onnx_artifact, columns):
    texts, labels, languages = columns
    ids = [LABELS.index(label) for label in labels]
    for model in (str(onnx_artifact), onnx_artifact, load(onnx_artifact)):
        found = PerLanguageEvaluator(model, None, latency_calls=0).evaluate(texts, np.array(ids), languages)
        assert {tag: own.accuracy for tag, own in found.items()} == {
            tag: own.accuracy for tag, own in from_module.items()
        }


def test_the_metrics_of_a_language(from_module, columns):
    thai = from_module["th"]
    assert thai.language == "th"
    assert thai.n == thai.sample_count == columns[2].count("th")
    assert thai.error_rate == pytest.approx(1 - thai.accuracy)
    assert thai.accuracy_low <= thai.accuracy <= thai.accuracy_high
    assert 0 <= thai.macro_f1 == thai.f1 <= 1
    assert thai.latency_p50 > 0
    assert thai.latency_p95 is None
    assert thai.missing == {"latency_p95": "4 calls; p95 needs at least 130"}
    assert dataclasses.asdict(thai)["threshold"] == 0.999


def test_enough_calls_by_default_for_a_p95_of_few_texts(onnx_artifact, columns):
    texts, labels, languages = columns
    at = languages.index("sw")
    found = PerLanguageEvaluator(onnx_artifact).evaluate([texts[at]], [labels[at]], ["sw"])["sw"]
    assert found.latency_p95 >= found.latency_p50 > 0
    assert found.missing == {"threshold": "no threshold was given for sw"}


def test_the_caller_s_module_and_tokenizer_stay_as_they_are(module):
    model, tokenizer = module
    model.train()
    before = tokenizer.backend_tokenizer.to_str()
    PerLanguageEvaluator(model, tokenizer, latency_calls=0).evaluate(["filler-1"], [0], ["de"])
    assert model.training
    assert tokenizer.backend_tokenizer.to_str() == before
    model.eval()


def test_thresholds_have_three_states(from_module):
    assert from_module["de"].meets_threshold
    assert from_module["de"].meets_threshold.met is True
    assert not from_module["th"].meets_threshold
    assert from_module["th"].meets_threshold.met is False
    assert not from_module["en"].meets_threshold
    assert from_module["en"].meets_threshold.met is None
    assert from_module["en"].meets_threshold() is None
    assert from_module["th"].meets_threshold(0.01) is True
    assert from_module["th"].meets_threshold(1.0) is False


@pytest.mark.parametrize(
    ("check", "proven", "state"),
    [
        (ThresholdCheck(0.9, 0.8, 0.85, 0.95), True, "met"),
        (ThresholdCheck(0.9, 0.8, 0.75, 0.95), False, "met, not proven"),
        (ThresholdCheck(0.7, 0.8, 0.6, 0.79), True, "missed"),
        (ThresholdCheck(0.7, 0.8, 0.6, 0.8), False, "missed, not proven"),
        (ThresholdCheck(0.8, 0.8, 0.8, 0.9), True, "met"),
        (ThresholdCheck(0.7, None, 0.6, 0.8), None, "no threshold"),
        (ThresholdCheck(0.9, 0.8), None, "met, not proven"),
    ],
)
def test_an_interval_proves_a_threshold_or_not(check, proven, state):
    assert check.proven is proven
    assert check.state == state


def test_metrics_are_made_by_hand_as_well():
    made = LanguageMetrics("th", 0.78, 0.7, 0.7, 0.7, 5.0, 9.0, 100, 0.22)
    assert made.meets_threshold(0.75) is True
    assert made.meets_threshold(0.80) is False
    assert made.meets_threshold.met is None


def test_check_thresholds_names_violations(from_module):
    evaluator = PerLanguageEvaluator(None)
    assert evaluator.check_thresholds(from_module) == {"de": False, "en": None, "sw": None, "th": True}


def test_a_default_threshold_holds_for_the_languages_without_one():
    evaluator = PerLanguageEvaluator(None, None, {"th": 0.3}, default_threshold=0.8)
    found = evaluator.evaluate(**GIVEN, predictions=[0, 1, 0, 0])
    assert evaluator.check_thresholds(found) == {"en": False, "th": False}
    assert found["en"].threshold == 0.8


def test_predictions_given_need_no_model():
    found = PerLanguageEvaluator(None).evaluate(**GIVEN, predictions=torch.tensor([0, 0, 1, 0]))
    assert {tag: own.accuracy for tag, own in found.items()} == {"en": 0.5, "th": 1.0}
    assert found["en"].latency_p50 is None
    assert found["en"].missing["latency_p50"] == "there is no model to time"


def test_predictions_beside_a_model_are_names_or_ids_of_its_head(onnx_artifact):
    evaluator = PerLanguageEvaluator(onnx_artifact, latency_calls=0)
    found = evaluator.evaluate(**GIVEN, predictions=["lights", "music", "music", "weather"])
    assert found["th"].accuracy == 0.5
    assert found["th"].missing["latency_p50"] == "latency_calls is 0"
    with pytest.raises(DataError, match="outside the model's head"):
        evaluator.evaluate(**GIVEN, predictions=[7, 0, 0, 0])


def test_error_weighted_cost(from_module):
    evaluator = PerLanguageEvaluator(None, error_costs={"de": 10, "th": 50})
    found = evaluator.calculate_error_weighted_cost(from_module, {"de": 0.9, "th": 0.1})
    assert found["de"] == pytest.approx(0.9 * from_module["de"].error_rate * 10)
    assert found["th"] == pytest.approx(0.1 * from_module["th"].error_rate * 50)
    assert found["en"] == 0.0
    given = evaluator.calculate_error_weighted_cost(from_module, {"en": 2.0}, {"en": 7}, normalize=True)
    assert given["en"] == pytest.approx(from_module["en"].error_rate * 7)


def test_a_cost_of_what_is_unknown_is_refused(from_module):
    evaluator = PerLanguageEvaluator(None, error_costs={"de": 10})
    with pytest.raises(DataError, match="ja has traffic and was not evaluated"):
        evaluator.calculate_error_weighted_cost(from_module, {"de": 0.5, "ja": 0.5}, {"de": 1, "ja": 1})
    with pytest.raises(ConfigError, match="th has traffic and no cost per error"):
        evaluator.calculate_error_weighted_cost(from_module, {"de": 0.5, "th": 0.5})
    with pytest.raises(ConfigError, match=r"sums to 0\.5"):
        evaluator.calculate_error_weighted_cost(from_module, {"de": 0.5})


def test_the_report_names_every_state(from_module):
    evaluator = PerLanguageEvaluator(None, error_costs={"de": 10})
    text = evaluator.generate_report(from_module, {"de": 0.6, "th": 0.2, "ja": 0.2})
    lines = text.splitlines()
    assert lines[0].startswith("Evaluation by language: accuracy ")
    assert lines[2].split()[0] == "language"
    (thai,) = (line for line in lines if line.startswith("Thai (th)"))
    assert "MISSED" in thai
    assert thai.split()[-1] == "n/a"
    (german,) = (line for line in lines if line.startswith("German (de)"))
    assert " met" in german
    assert "60.0%" in german
    (english,) = (line for line in lines if line.startswith("English (en)"))
    assert "no threshold" in english
    assert lines[-1].endswith("whose errors are unknown: Japanese (ja) 20.0%.")
    plain = evaluator.generate_report(from_module)
    assert "traffic" not in plain
    assert "Not timed: 4 calls; p95 needs at least 130." in plain
    assert evaluator.generate_report({}) == "Evaluation by language: nothing was evaluated."


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"model": object()}, ConfigError, "The model is a object without a tokenizer"),
        ({"model": object(), "tokenizer": object()}, ModelError, "The model is a object"),
        ({"model": "/nowhere"}, ModelError, "nowhere"),
        ({"model": None, "language_thresholds": {"th": 80}}, ConfigError, "th is 80"),
        ({"model": None, "error_costs": {"xx": 1}}, ConfigError, '"xx" is not a language tag'),
        ({"model": None, "default_threshold": 80}, ConfigError, "default_threshold is 80"),
        ({"model": None, "latency_calls": -1}, ConfigError, "latency_calls is -1"),
    ],
)
def test_what_an_evaluator_cannot_use_is_told(arguments, error, said):
    with pytest.raises(error) as caught:
        PerLanguageEvaluator(**arguments)
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "neither a model nor predictions"),
        ({"predictions": [0, 1]}, "2 predictions for 4 texts"),
        ({"predictions": "abcd"}, "The predictions are 'abcd'"),
        ({"texts": ["a", "", "c", "d"], "predictions": [0] * 4}, "position 1 has no text"),
        ({"labels": [0, 1], "predictions": [0] * 4}, "4 texts, 2 labels, 4 languages"),
    ],
)
def test_columns_that_cannot_be_used_are_told(changed, said):
    with pytest.raises(DataError) as caught:
        PerLanguageEvaluator(None).evaluate(**(GIVEN | changed))
    assert said in caught.value.message
