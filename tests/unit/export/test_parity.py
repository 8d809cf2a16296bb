"""Parity: how far an export is from its model, language by language."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from leanglot.export.parity import TOLERANCE, logit_differences, parity_warnings
from leanglot.measure.subject import in_memory
from leanglot.runtimes.base import Predictor
from leanglot.runtimes.loading import load


@dataclass
class Shifted:
    """Answers like another, but off by a constant where a word occurs."""

    other: Predictor
    token: int
    off: float

    def logits(self, input_ids, attention_mask):
        logits = self.other.logits(input_ids, attention_mask)
        return logits + np.where((input_ids == self.token).any(axis=1, keepdims=True), np.float32(self.off), 0)


@pytest.fixture(scope="module")
def reference(tiny_classifier):
    return in_memory(tiny_classifier, threads=1)


def shifted(reference, word, off):
    token = reference.tokenizer.token_to_id(word)
    return replace(reference, predictor=Shifted(reference.predictor, token, off))


def test_a_good_export_differs_by_rounding_in_every_language(reference, onnx_artifact, tiny_rows):
    texts, languages = [row["text"] for row in tiny_rows], [row["language"] for row in tiny_rows]
    differences = logit_differences(reference, load(onnx_artifact, threads=1), texts, languages)
    assert list(differences) == ["de", "en", "sw", "th"]
    assert max(differences.values()) < 1e-4
    assert parity_warnings(differences) == ()


def test_a_difference_is_told_in_the_language_that_has_it(reference):
    texts = ["de-lights-0 filler-1", "th-music-0", "en-music-1", "th-music-1 filler-9"]
    differences = logit_differences(reference, shifted(reference, "th-music-1", 0.5), texts, ["de", "th", "en", "th"])
    assert differences == {"de": 0, "en": 0, "th": pytest.approx(0.5, abs=1e-5)}
    (warning,) = parity_warnings(differences)
    assert "up to 0.5 per logit (th)" in warning
    assert warning.endswith("affected: th.")


def test_the_first_few_texts_of_each_language_are_compared(reference):
    texts = ["filler-1"] * 4 + ["th-music-1"]
    assert logit_differences(reference, shifted(reference, "th-music-1", 0.5), texts, ["th"] * 5) == {"th": 0}


def test_texts_and_languages_must_be_as_many(reference):
    with pytest.raises(ValueError, match="shorter"):
        logit_differences(reference, reference, ["filler-1", "filler-2"], ["de"])


def test_answers_that_are_no_numbers_are_a_difference(reference):
    broken = shifted(reference, "filler-1", float("nan"))
    (warning,) = parity_warnings(logit_differences(reference, broken, ["filler-1"], ["de"]))
    assert "nan" in warning


def test_the_warning_names_the_worst_and_all_affected():
    differences = {"de": TOLERANCE, "en": 0.002, "th": 0.1}
    (warning,) = parity_warnings(differences)
    assert "up to 0.1 per logit (th); affected: en, th." in warning
