"""Artifacts: opened on their own engine, refused when damaged, and independent of all other engines."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from leanglot.errors import ModelError
from leanglot.runtimes.loading import load
from leanglot.runtimes.onnxruntime import OnnxPredictor
from leanglot.runtimes.pytorch import TorchPredictor

TEXTS = ["de-lights-3 filler-1", "filler-2 filler-9 th-weather-0 filler-8"]


@pytest.fixture(params=["torch_artifact", "onnx_artifact"])
def artifact(request, tmp_path):
    """A copy of an artifact of each engine, free to damage."""
    return shutil.copytree(request.getfixturevalue(request.param), tmp_path / request.param)


def test_both_engines_give_the_same_answers(torch_artifact, onnx_artifact):
    first, second = load(torch_artifact, threads=1), load(str(onnx_artifact), threads=1)
    assert isinstance(first.predictor, TorchPredictor)
    assert isinstance(second.predictor, OnnxPredictor)
    rows = first.encode(TEXTS).rows
    np.testing.assert_allclose(first.logits(rows), second.logits(rows), atol=1e-5)
    assert [answer.label for answer in first.predict(TEXTS)] == [answer.label for answer in second.predict(TEXTS)]


def test_an_untouched_artifact_passes_verification(artifact):
    assert load(artifact, threads=1, verify=True).manifest.max_length == 32


def test_the_tokenizer_cuts_at_the_manifests_length(artifact):
    path = artifact / "leanglot.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"max_length": 5}), encoding="utf-8")
    assert len(load(artifact, threads=1).encode(["filler-1 " * 50]).rows[0]) == 5


def test_a_folder_that_is_no_artifact(tmp_path):
    with pytest.raises(ModelError, match=r"is no artifact: it has no leanglot\.json") as caught:
        load(tmp_path)
    assert "leanglot export" in caught.value.hint
    with pytest.raises(ModelError, match="There is no artifact folder"):
        load(tmp_path / "nowhere")


def test_a_missing_file(artifact):
    (artifact / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"lacks tokenizer\.json"):
        load(artifact)


def test_a_changed_file_is_found_by_verification_alone(artifact):
    with (artifact / "config.json").open("a", encoding="utf-8") as stream:
        stream.write("\n")
    load(artifact, threads=1)
    with pytest.raises(ModelError, match=r"config\.json was changed or damaged"):
        load(artifact, threads=1, verify=True)


def test_a_damaged_tokenizer(artifact):
    (artifact / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match=r"tokenizer\.json cannot be read"):
        load(artifact, threads=1)


@pytest.mark.parametrize("kept", [0, 1000])
def test_a_damaged_model(artifact, kept):
    path = next(path for path in artifact.iterdir() if path.suffix in {".onnx", ".safetensors"})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelError, match="cannot load") as caught:
        load(artifact, threads=1)
    assert "make the artifact again" in caught.value.hint


def test_weights_beside_the_graph_that_were_cut_off(onnx_artifact, tmp_path):
    copied = shutil.copytree(onnx_artifact, tmp_path / "copy")
    weights = copied / "model.onnx.data"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ModelError, match=r"ONNX Runtime .* cannot load"):
        load(copied, threads=1)


def test_onnx_runtime_gets_the_threads_asked_for(onnx_artifact):
    options = load(onnx_artifact, threads=3).predictor.session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 1)


def test_pytorch_uses_its_threads_during_the_call_alone(torch_artifact):
    before = torch.get_num_threads()
    classifier = load(torch_artifact, threads=before + 1)
    seen = []
    classifier.predictor.module.register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
    classifier.predict(TEXTS)
    assert seen == [before + 1]
    assert torch.get_num_threads() == before
    load(torch_artifact, threads=before).predict(TEXTS)


def test_an_onnx_artifact_answers_in_a_process_without_torch_or_transformers(onnx_artifact):
    script = f"""
import sys
import leanglot
answers = leanglot.load({str(onnx_artifact)!r}, threads=1).predict({TEXTS!r})
print(*(answer.label for answer in answers))
print(*sorted({{"torch", "transformers", "onnx", "sklearn", "matplotlib", "pandas"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["lights weather", ""]
