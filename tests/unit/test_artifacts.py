"""Artifacts: what a recipe makes of a model, complete, and open to plain transformers and ONNX Runtime."""

import json
from importlib import metadata

import numpy as np
import onnxruntime as ort
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from leanglot.artifacts import make_artifact
from leanglot.compress import int8
from leanglot.compress.magnitude import prune
from leanglot.config import CandidateConfig
from leanglot.errors import RecipeError
from leanglot.measure.subject import in_memory
from leanglot.measure.weight import folder_size
from leanglot.models.text_classifier import linear_sparsity, load_text_classifier
from leanglot.quantizers import Making
from leanglot.results.manifest import read_manifest, verify_files
from leanglot.runtimes.loading import load
from leanglot.techniques import Int8, MagnitudePruning

TEXTS = ["de-lights-3 filler-1", "filler-2 filler-9 th-weather-0 filler-8", "filler-4 " * 50]
HALF = MagnitudePruning(sparsity=0.5)
TOKENIZER_FILES = {"tokenizer.json", "tokenizer_config.json", "config.json", "leanglot.json"}


def logits_of(folder):
    classifier = load(folder, threads=1)
    return classifier.logits(classifier.encode(TEXTS).rows)


def plain_batch(folder):
    """The texts as plain transformers prepares them from the folder alone."""
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    return tokenizer(TEXTS, padding=True, truncation=True, return_tensors="np")


def test_an_artifact_for_pytorch_is_a_plain_transformers_model(any_family, tmp_path):
    model = load_text_classifier(any_family)
    make_artifact(model, CandidateConfig(name="fp32", runtime="pytorch"), tmp_path, Making())
    assert {path.name for path in tmp_path.iterdir()} == TOKENIZER_FILES | {"model.safetensors"}
    plain = AutoModelForSequenceClassification.from_pretrained(str(tmp_path)).eval()
    with torch.inference_mode():
        logits = plain(**{name: torch.from_numpy(ids) for name, ids in plain_batch(tmp_path).items()}).logits.numpy()
    np.testing.assert_allclose(logits, logits_of(tmp_path), atol=1e-5)
    assert [plain.config.id2label[index] for index in range(3)] == ["lights", "music", "weather"]


@pytest.mark.parametrize("recipe", [(), (Int8(),)], ids=["fp32", "int8"])
def test_an_artifact_for_onnx_runtime_runs_on_plain_onnx_runtime(any_family, tmp_path, recipe):
    model = load_text_classifier(any_family)
    make_artifact(model, CandidateConfig(name="graph", recipe=recipe), tmp_path, Making(isa=("avx512_vnni",)))
    assert {path.name for path in tmp_path.iterdir()} == TOKENIZER_FILES | {"model.onnx", "model.onnx.data"}
    session = ort.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], dict(plain_batch(tmp_path)))
    expected = in_memory(model, threads=1)
    exact = expected.logits(expected.encode(TEXTS).rows)
    # Untrained heads answer with tiny logits: what INT8 may change is measured against their spread.
    np.testing.assert_allclose(logits, exact, atol=0.2 * np.ptp(exact) if recipe else 1e-5)
    assert AutoConfig.from_pretrained(str(tmp_path)).id2label[2] == "weather"


def test_the_manifest_says_how_it_was_made(tiny_classifier, tmp_path):
    candidate = CandidateConfig(name="pruned-int8", recipe=(HALF, Int8()))
    written = make_artifact(tiny_classifier, candidate, tmp_path, Making(isa=("avx2",)))
    assert written == read_manifest(tmp_path)
    verify_files(tmp_path, written)
    assert (written.name, written.runtime, written.model_file) == ("pruned-int8", "onnxruntime", "model.onnx")
    assert written.recipe == (HALF, Int8(reduce_range=True))
    assert written.labels == tiny_classifier.labels
    assert (written.max_length, written.pad_id) == (32, 1)
    assert written.source == tiny_classifier.source
    assert set(written.files) == {path.name for path in tmp_path.iterdir()} - {"leanglot.json"}
    assert written.versions["torch"] == metadata.version("torch")
    assert {"leanglot", "transformers", "tokenizers", "onnx", "onnxruntime"} < set(written.versions)


def test_the_target_machine_decides_the_range(tiny_classifier, tmp_path):
    candidate = CandidateConfig(name="int8", recipe=(Int8(),))
    manifest = make_artifact(tiny_classifier, candidate, tmp_path, Making(isa=("avx2", "avx512_vnni")))
    assert manifest.recipe == (Int8(reduce_range=False),)


@pytest.mark.parametrize("runtime", ["pytorch", "onnxruntime"])
def test_pruning_comes_before_the_export(tiny_classifier, tmp_path, runtime):
    make_artifact(tiny_classifier, CandidateConfig(name="half", runtime=runtime, recipe=(HALF,)), tmp_path, Making())
    expected = in_memory(prune(tiny_classifier, HALF).model, threads=1)
    np.testing.assert_allclose(logits_of(tmp_path), expected.logits(expected.encode(TEXTS).rows), atol=1e-5)


def test_int8_comes_after_pruning_and_weighs_less(tiny_classifier, tmp_path):
    exact, small = tmp_path / "exact", tmp_path / "small"
    for folder, recipe in ((exact, (HALF,)), (small, (HALF, Int8()))):
        folder.mkdir()
        make_artifact(tiny_classifier, CandidateConfig(name="half", recipe=recipe), folder, Making(isa=("avx_vnni",)))
    difference = np.abs(logits_of(exact) - logits_of(small)).max()
    assert 0 < difference < 0.1 * np.ptp(logits_of(exact))
    assert folder_size(small) < folder_size(exact)


def test_the_model_itself_is_left_as_it_was(tiny_classifier, tmp_path):
    before = {name: weight.clone() for name, weight in tiny_classifier.module.state_dict().items()}
    candidate = CandidateConfig(name="half", recipe=(HALF, MagnitudePruning(sparsity=0.8, scope="layer")))
    manifest = make_artifact(tiny_classifier, candidate, tmp_path, Making())
    assert manifest.recipe == candidate.recipe
    assert linear_sparsity(tiny_classifier.module) == 0
    assert all(torch.equal(weight, before[name]) for name, weight in tiny_classifier.module.state_dict().items())


def test_the_tokenizer_alone_cuts_as_the_model_needs(tiny_model, tmp_path):
    model = load_text_classifier(tiny_model, max_length=12)
    make_artifact(model, CandidateConfig(name="short"), tmp_path, Making())
    assert plain_batch(tmp_path)["input_ids"].shape == (3, 12)
    assert json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))["model_max_length"] == 12


def test_a_failing_step_leaves_no_half_made_export(tiny_classifier, tmp_path, monkeypatch):
    def fail(*_):
        raise RecipeError("cannot be quantized")

    monkeypatch.setattr(int8, "quantize", fail)
    with pytest.raises(RecipeError):
        make_artifact(tiny_classifier, CandidateConfig(name="int8", recipe=(Int8(),)), tmp_path, Making())
    assert list(tmp_path.iterdir()) == []
