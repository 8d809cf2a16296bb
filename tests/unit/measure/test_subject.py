"""What can be measured: artifacts, model folders, and models in memory."""

import numpy as np
import pytest

from leanglot.errors import ModelError
from leanglot.measure.subject import describe, in_memory, open_subject
from leanglot.runtimes.onnxruntime import OnnxPredictor
from leanglot.runtimes.pytorch import TorchPredictor

TEXTS = ["de-lights-0", "filler-7 en-music-3"]


def test_artifact_folder_and_memory_answer_alike(onnx_artifact, tiny_model, tiny_classifier):
    subjects = [open_subject(onnx_artifact, 1), open_subject(tiny_model, 1), in_memory(tiny_classifier, 1)]
    kinds = [type(subject.predictor) for subject in subjects]
    assert kinds == [OnnxPredictor, TorchPredictor, TorchPredictor]
    logits = [subject.logits(subject.encode(TEXTS).rows) for subject in subjects]
    np.testing.assert_allclose(logits[0], logits[1], atol=1e-5)
    np.testing.assert_array_equal(logits[1], logits[2])


def test_a_folder_that_is_neither_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"has no config\.json"):
        open_subject(tmp_path)


def test_the_description_is_that_of_the_unchanged_model(tiny_classifier):
    manifest = describe(tiny_classifier)
    assert (manifest.name, manifest.runtime, manifest.recipe) == (tiny_classifier.name, "pytorch", ())
    assert (manifest.labels, manifest.max_length, manifest.pad_id) == (("lights", "music", "weather"), 32, 1)
    assert manifest.source == tiny_classifier.source


def test_without_a_number_the_physical_cores_are_used(tiny_classifier, monkeypatch):
    monkeypatch.setattr("leanglot.measure.subject.available_cores", lambda: 5)
    assert in_memory(tiny_classifier).predictor.threads == 5
    assert in_memory(tiny_classifier, 2).predictor.threads == 2
