"""Quality against numbers computed by hand."""

from dataclasses import dataclass

import numpy as np
import pytest

from leanglot.errors import ModelError
from leanglot.measure.quality import answer_all, score
from leanglot.results.manifest import Manifest
from leanglot.runtimes.classifier import Classifier

EXPECTED = np.array(["a", "a", "a", "b", "b", "c"])
PREDICTED = np.array(["a", "a", "b", "b", "a", "c"])
LANGUAGES = ["de", "de", "de", "en", "en", "en"]
MANIFEST = Manifest(
    name="m", runtime="pytorch", model_file="m", labels=("a", "b", "c"), max_length=8, pad_id=0, source="s"
)


@dataclass
class Reciting:
    """Answers with the logits that belong to a row's first token."""

    table: np.ndarray

    def logits(self, input_ids, attention_mask):
        return self.table[input_ids[:, 0]]


def reciting(*logits):
    return Classifier(MANIFEST, None, Reciting(np.array(logits, dtype=np.float32)))


def test_the_whole_is_scored_over_all_examples():
    quality = score(EXPECTED, PREDICTED, LANGUAGES)
    # a: 2 right, 1 claimed wrongly, 1 missed; b: 1, 1, 1; c: 1, 0, 0.
    assert quality.accuracy == pytest.approx(4 / 6)
    assert quality.precision == quality.recall == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert quality.macro_f1 == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert quality.macro_accuracy == pytest.approx(2 / 3)


def test_each_language_is_scored_over_the_labels_that_occur_in_it():
    german, english = score(EXPECTED, PREDICTED, LANGUAGES).languages.values()
    assert (german.n, german.accuracy) == (3, pytest.approx(2 / 3))
    assert (german.precision, german.recall, german.macro_f1) == pytest.approx((1, 2 / 3, 0.8))
    assert (english.n, english.accuracy) == (3, pytest.approx(2 / 3))
    assert (english.precision, english.recall, english.macro_f1) == pytest.approx((1, 3 / 4, 5 / 6))


def test_the_mean_over_languages_gives_each_the_same_weight():
    expected = np.array(["a"] * 10)
    predicted = np.array(["a"] * 9 + ["b"])
    quality = score(expected, predicted, np.array(["de"] * 9 + ["sw"]))
    assert quality.accuracy == pytest.approx(0.9)
    assert quality.macro_accuracy == pytest.approx(0.5)
    assert list(quality.languages) == ["de", "sw"]


def test_a_label_never_answered_has_precision_and_f1_of_zero():
    quality = score(np.array(["a", "b"]), np.array(["a", "a"]), ["de", "de"])
    assert quality.precision == pytest.approx((1 / 2 + 0) / 2)
    assert quality.macro_f1 == pytest.approx((2 / 3 + 0) / 2)
    assert quality.recall == pytest.approx(1 / 2)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_wilsons(right, n, low, high):
    predicted = np.array(["a"] * right + ["b"] * (n - right))
    quality = score(np.array(["a"] * n), predicted, ["de"] * n).languages["de"]
    assert (quality.accuracy_low, quality.accuracy_high) == pytest.approx((low, high), abs=5e-5)


def test_the_answers_are_the_most_probable_labels_in_the_order_of_the_rows():
    classifier = reciting([0, 0, 3], [2, 0, 0], [0, 1, 0])
    rows = [np.array([token] * length) for token, length in [(2, 3), (0, 1), (1, 2), (0, 5)]]
    done: list[int] = []
    answers = answer_all(classifier, rows, 6, done.append)
    assert answers.predicted.tolist() == [1, 2, 0, 2]
    certain = np.exp([1, 3, 2, 3]) / (np.exp([1, 3, 2, 3]) + 2)
    np.testing.assert_allclose(answers.confidence, certain, rtol=1e-6)
    assert sum(done) == 4


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), float("-inf")])
def test_logits_that_are_no_numbers_are_never_scored(broken):
    classifier = reciting([0, 0, 3], [2, broken, 0])
    rows = [np.array([token]) for token in (0, 1, 1, 0, 0)]
    with pytest.raises(ModelError, match=r"The logits of 2 of 5 texts are not finite"):
        answer_all(classifier, rows, 6)
