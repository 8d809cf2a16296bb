"""Batches that change an answer are noticed, and those that do not are not."""

from dataclasses import dataclass

import numpy as np
import pytest

from leanglot.errors import DataError, ModelError
from leanglot.measure.invariance import measure_invariance
from leanglot.measure.subject import in_memory
from leanglot.runtimes.classifier import Classifier, softmax
from leanglot.runtimes.loading import load


@dataclass
class Scripted:
    """Logits from a function of the batch; remembers the batches."""

    answer: object

    def __post_init__(self):
        self.batches = []

    def logits(self, input_ids, attention_mask):
        self.batches.append((input_ids, attention_mask))
        return np.asarray(self.answer(input_ids, attention_mask), dtype=np.float32)


@pytest.fixture
def scripted(tiny_classifier):
    real = in_memory(tiny_classifier, threads=1)
    return lambda answer: Classifier(real.manifest, real.tokenizer, Scripted(answer))


@pytest.fixture
def texts(tiny_rows):
    return [row["text"] for row in tiny_rows]


def steady(ids, mask):
    return np.stack([[row.sum() % 7, 1.0, 2.0] for row in ids * mask])


def test_answers_that_depend_on_their_own_tokens_alone_do_not_change(scripted, texts):
    found = measure_invariance(scripted(steady), texts)
    assert (found.texts, found.padding, found.mates, found.flips) == (24, 0.0, 0.0, 0)


def test_padding_is_told_apart_from_mates(scripted, texts):
    def shaken(ids, mask):
        return np.stack([[1.0, 0.0, 0.5 * bool((mask == 0).any())]] * len(ids))

    found = measure_invariance(scripted(shaken), texts)
    before, after = softmax(np.array([[1, 0, 0], [1, 0, 0.5]], np.float32))
    assert found.padding == pytest.approx(float(np.abs(after - before).max()), abs=1e-6)
    assert found.mates == 0
    assert found.flips == 0


def test_mates_are_told_apart_from_padding_and_flips_are_counted(scripted, texts):
    def swayed(ids, mask):
        crowd = len(ids) > 1 and mask.all()
        return np.tile([0.0, 1.0, 2.0 if crowd else 0.0], (len(ids), 1))

    found = measure_invariance(scripted(swayed), texts[:5])
    assert found.padding == 0
    assert found.mates > 0.4
    assert found.flips == found.texts == 5


def test_each_text_stands_alone_then_padded_then_among_rows_of_its_length(scripted, texts):
    classifier = scripted(steady)
    measure_invariance(classifier, texts[:4])
    shapes = [mask.sum(axis=1) for _, mask in classifier.predictor.batches]
    alone, padded, mixed = shapes[:4], shapes[4:8], shapes[8:]
    lengths = [len(row) for row in classifier.encode(texts[:4]).rows]
    assert [list(each) for each in alone] == [[length] for length in lengths]
    assert [each[0] for each in padded] == lengths
    assert all(each[1] == min(2 * max(lengths), classifier.manifest.max_length) for each in padded)
    assert [list(each) for each in mixed] == [[length] * 4 for length in lengths]
    for ids, _ in classifier.predictor.batches[8:]:
        assert set(ids[:, 0]) == {0}
        assert set(ids[:, -1]) == {2}
        assert len({tuple(row) for row in ids}) > 1


def test_one_text_alone_is_enough(scripted, texts):
    classifier = scripted(steady)
    assert measure_invariance(classifier, texts[:1]).texts == 1
    ids, _ = classifier.predictor.batches[-1]
    assert ids.shape[0] == 4


def test_a_text_as_long_as_the_model_reads_cannot_be_padded(scripted, texts):
    classifier = scripted(steady)
    found = measure_invariance(classifier, [" ".join(texts)])
    assert all(mask.all() for _, mask in classifier.predictor.batches)
    assert found.padding == 0


@pytest.mark.parametrize("text", [" ", "no-such-word"])
def test_texts_of_hardly_any_token_work(scripted, text):
    assert measure_invariance(scripted(steady), [text, text]).flips == 0


def test_no_texts_are_an_error(scripted):
    with pytest.raises(DataError, match="no texts"):
        measure_invariance(scripted(steady), [])


def test_broken_logits_are_an_error(scripted, texts):
    with pytest.raises(ModelError, match="not finite"):
        measure_invariance(scripted(lambda ids, _: np.full((len(ids), 3), np.nan)), texts)


def test_floating_point_engines_are_steady_and_the_measure_is_repeatable(torch_artifact, onnx_artifact, texts):
    for folder in (torch_artifact, onnx_artifact):
        classifier = load(folder, threads=1)
        found = measure_invariance(classifier, texts)
        assert found.flips == 0
        assert max(found.padding, found.mates) < 1e-4
        assert measure_invariance(classifier, texts) == found
