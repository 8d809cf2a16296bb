"""Texts in, labels out, in the order given."""

from dataclasses import dataclass

import numpy as np
import pytest

from leanglot.errors import DataError
from leanglot.measure.subject import in_memory
from leanglot.runtimes.classifier import Classifier, Prediction, softmax

LABELS = ("lights", "music", "weather")


@pytest.fixture(scope="module")
def classifier(tiny_classifier):
    return in_memory(tiny_classifier, threads=1)


def test_each_text_gets_its_own_answer_in_the_order_given(classifier):
    labels = ["music", "lights", "weather", "lights", "music"]
    lengths = [9, 1, 5, 20, 2]
    texts = [f"{'filler-3 ' * length}de-{label}-0 de-{label}-1" for label, length in zip(labels, lengths, strict=True)]
    alone = [classifier.predict([text])[0] for text in texts]
    together = classifier.predict(texts, batch_tokens=24)
    assert [prediction.label for prediction in together] == labels
    for one, other in zip(alone, together, strict=True):
        assert one.label == other.label
        assert one.confidence == pytest.approx(other.confidence, abs=1e-5)
        assert 1 / 3 < one.confidence <= 1


def test_it_answers_held_out_texts_far_above_chance(classifier, tiny_rows):
    predictions = classifier.predict([row["text"] for row in tiny_rows])
    right = [prediction.label == row["label"] for prediction, row in zip(predictions, tiny_rows, strict=True)]
    assert np.mean(right) > 0.6


def test_no_texts_no_answers(classifier):
    assert classifier.predict([]) == []
    assert classifier.predict(np.array([], dtype=np.str_)) == []


def test_an_array_of_texts_is_as_good_as_a_list(classifier):
    texts = ["de-lights-0", "de-music-0"]
    assert classifier.predict(np.array(texts)) == classifier.predict(texts)


def test_one_string_is_not_several_texts(classifier):
    with pytest.raises(DataError, match="got one string") as caught:
        classifier.predict("de-lights-0")
    assert caught.value.hint == "Call predict(['de-lights-0'])."


@pytest.mark.parametrize("text", ["", "  \n", None, 5, b"bytes"])
def test_what_is_no_text_is_named_by_its_position(classifier, text):
    with pytest.raises(DataError, match=r"Text 1 is empty or no string"):
        classifier.predict(["de-lights-0", text])


def test_long_texts_are_cut_and_told(classifier):
    encoded = classifier.encode(["filler-1", "filler-1 " * 29, "filler-1 " * 31])
    assert [len(row) for row in encoded.rows] == [3, 31, 32]
    assert encoded.truncated == (False, False, True)
    assert encoded.rows[0].dtype == np.int64


def test_padding_and_neighbours_do_not_change_the_logits(classifier, tiny_rows):
    rows = classifier.encode([row["text"] for row in tiny_rows[:24]]).rows
    one_by_one = classifier.logits(rows, batch_tokens=1)
    np.testing.assert_allclose(classifier.logits(rows, batch_tokens=10_000), one_by_one, atol=1e-5)


def test_progress_is_told_in_texts(classifier, tiny_rows):
    rows = classifier.encode([row["text"] for row in tiny_rows[:24]]).rows
    done: list[int] = []
    classifier.logits(rows, 60, done.append)
    assert sum(done) == 24
    assert len(done) > 1


def test_the_label_is_the_most_probable_and_the_confidence_its_probability(classifier):
    @dataclass
    class Fixed:
        def logits(self, input_ids, attention_mask):
            return np.log(np.array([[0.2, 0.7, 0.1]], dtype=np.float32)).repeat(len(input_ids), axis=0)

    (prediction,) = Classifier(classifier.manifest, classifier.tokenizer, Fixed()).predict(["filler-1"])
    assert prediction == Prediction("music", pytest.approx(0.7))


def test_softmax_sums_to_one_and_survives_large_logits():
    logits = np.array([[0.0, 0.0], [1e4, 0.0], [-1e4, -1e4 + np.log(3)]], dtype=np.float32)
    np.testing.assert_allclose(softmax(logits), [[0.5, 0.5], [1.0, 0.0], [0.25, 0.75]], atol=2e-4)
    assert softmax(np.zeros((0, 3), np.float32)).shape == (0, 3)
