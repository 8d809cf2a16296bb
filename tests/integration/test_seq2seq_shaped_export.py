"""Shaped translation models on every engine: what was cut and zeroed there translates as in PyTorch."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from leanglot.config import CandidateConfig
from leanglot.models.seq2seq_structure import linear_layers_of
from leanglot.models.translation_model import load_translation_model
from leanglot.runtimes.loading import load_translator
from leanglot.runtimes.seq2seq import Decoding
from leanglot.techniques import FfnPruning, HeadPruning, Int8, MagnitudePruning, SideLayers, TrimVocabulary
from leanglot.translating.making import make_translation_artifact
from leanglot.translating.materials import TranslationMaking
from tiny_translators import load_tiny, pairs_of, parallel

RECIPE = (
    TrimVocabulary(),
    SideLayers(decoder=1),
    HeadPruning(sparsity=0.3),
    FfnPruning(sparsity=0.3, multiple=4),
    MagnitudePruning(sparsity=0.5),
)
KINDS = ("marian", "m2m_100", "mbart", "t5", "marian-separate")


@cache
def trained(kind):
    """A model that learned its sentences, so that different ones get different answers."""
    with tempfile.TemporaryDirectory() as folder:
        return load_tiny(Path(folder) / "model", kind, steps=150, width=32)


@cache
def making(kind):
    return TranslationMaking(training=parallel(pairs_of(kind)), threads=1)


def made(kind, runtime, folder, recipe=RECIPE):
    candidate = CandidateConfig(name="shaped", runtime=runtime, recipe=recipe)
    folder.mkdir()
    return make_translation_artifact(trained(kind), candidate, folder, making(kind))


def decoded(folder: Path, kind):
    translator = load_translator(folder, threads=1)
    sentences = parallel(pairs_of(kind))
    sentences = sentences.subset(range(0, len(sentences), 7))
    rows = translator.text.encode(sentences.sources, sentences.pairs).rows
    return translator.generate(rows, 512, decoding=Decoding(max_tokens=12))


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "ctranslate2"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_chain_of_steps_translates_alike_on_every_engine(kind, runtime, tmp_path):
    reference = made(kind, "pytorch", tmp_path / "pytorch")
    manifest = made(kind, runtime, tmp_path / runtime)
    assert manifest.pruning == reference.pruning
    assert manifest.vocabulary == reference.vocabulary
    assert [facts.technique for facts in manifest.pruning] == ["layers", "heads", "ffn", "magnitude"]
    pairs = list(zip(decoded(tmp_path / "pytorch", kind), decoded(tmp_path / runtime, kind), strict=True))
    for one, other in pairs:
        np.testing.assert_array_equal(one.ids, other.ids)
        # CTranslate2 spends some probability on tokens that it never chooses: up to 0.01 nats a token where unsure.
        assert one.log_probability == pytest.approx(
            other.log_probability, abs=0.12 if runtime == "ctranslate2" else 2e-3
        )
    assert len({tuple(one.ids) for one, _ in pairs}) > 1, "translations that are all alike would show nothing"


def test_an_artifact_keeps_shape_and_zeros(tmp_path):
    made("marian", "pytorch", tmp_path / "model")
    model = load_translation_model(tmp_path / "model")
    layers = linear_layers_of(model.module)
    zeros = sum(int((layer.weight == 0).sum()) for layer in layers.values())
    assert zeros == model.pruning[-1].removed
    assert zeros / sum(layer.weight.numel() for layer in layers.values()) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    "recipe", [(MagnitudePruning(sparsity=0.5),), (MagnitudePruning(sparsity=0.5), Int8())], ids=["fp32", "int8"]
)
def test_zeros_stay_zeros_in_onnx(recipe, tmp_path):
    manifest = made("marian", "onnxruntime", tmp_path / "model", recipe)
    stored = [
        numpy_helper.to_array(weight, str(tmp_path / "model"))
        for path in sorted((tmp_path / "model").glob("*.onnx"))
        for weight in onnx.load(path, load_external_data=True).graph.initializer
    ]
    kind = np.int8 if isinstance(recipe[-1], Int8) else np.float32
    matrices = [
        weight for weight in stored if weight.ndim == 2 and weight.dtype in {np.dtype(kind), np.dtype(np.uint8)}
    ]
    zeros = sum(int((weight == 0).sum()) for weight in matrices)
    assert zeros >= manifest.pruning[0].removed
