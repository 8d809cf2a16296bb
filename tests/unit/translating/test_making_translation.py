"""Artifacts of translation models for every engine: they load, translate as the model does, and know what they are."""

import numpy as np
import pytest
import torch

import leanglot
from leanglot.config import CandidateConfig
from leanglot.errors import ModelError, RecipeError
from leanglot.measure.translation_subject import translator_in_memory
from leanglot.results.importance import read_importance
from leanglot.results.manifest import read_manifest, verify_files
from leanglot.runtimes.loading import load_translator
from leanglot.techniques import (
    FfnPruning,
    HalfPrecision,
    HeadPruning,
    Int8,
    MagnitudePruning,
    MixedInt8,
    SequenceDistillation,
    SideLayers,
    TrimVocabulary,
    WeightOnly,
)
from leanglot.translating.making import carry_out, make_translation_artifact
from leanglot.translating.materials import TranslationMaking
from tiny_translators import ALL_KINDS, load_tiny, pairs_of, parallel, sentences

AVX2 = ("avx", "avx2", "fma", "f16c")
PLAIN = TranslationMaking(isa=AVX2, threads=1)
ENGINES = ("pytorch", "onnxruntime", "ctranslate2")


@pytest.fixture(scope="module", params=ALL_KINDS)
def any_model(request, tmp_path_factory):
    return load_tiny(tmp_path_factory.mktemp("making") / request.param, request.param, steps=60, width=32)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_tiny(tmp_path_factory.mktemp("making-marian") / "m", "marian", steps=120, width=32)


def made(model, folder, runtime, *recipe, making=PLAIN):
    folder.mkdir(parents=True)
    return make_translation_artifact(
        model, CandidateConfig(name="tried", runtime=runtime, recipe=recipe), folder, making
    )


def translated(translator, family="marian"):
    examples = parallel(pairs_of(family)[:2])
    return [each.text for each in translator.translate(examples.sources, pairs=examples.pairs)]


@pytest.mark.parametrize("runtime", ENGINES)
def test_every_engine_translates_what_the_model_does(any_model, tmp_path, runtime):
    manifest = made(any_model, tmp_path / "a", runtime)
    family = any_model.name
    expected = translated(translator_in_memory(any_model, 1), family)
    assert translated(load_translator(tmp_path / "a", 1), family) == expected
    assert (manifest.task, manifest.runtime, manifest.translation) == ("translation", runtime, any_model.facts)
    assert (tmp_path / "a" / manifest.model_file).is_file()
    assert read_manifest(tmp_path / "a") == manifest
    verify_files(tmp_path / "a", manifest)


@pytest.mark.parametrize("runtime", ["onnxruntime", "ctranslate2"])
def test_int8_is_smaller_and_says_what_was_chosen(model, tmp_path, runtime):
    made(model, tmp_path / "whole", runtime)
    manifest = made(model, tmp_path / "small", runtime, Int8(embeddings=True))
    sizes = [sum(p.stat().st_size for p in (tmp_path / name).glob("model.*")) for name in ("small", "whole")]
    assert sizes[0] < 0.5 * sizes[1]
    (step,) = manifest.recipe
    assert isinstance(step, Int8)
    assert step.embeddings
    assert step.reduce_range is (runtime == "onnxruntime")  # the target has no VNNI
    assert manifest.target_isa == AVX2
    whole, small = (translated(load_translator(tmp_path / name, 1)) for name in ("whole", "small"))
    assert np.mean([one == other for one, other in zip(whole, small, strict=True)]) > 0.6


@pytest.mark.parametrize("step", [WeightOnly(bits=8, embeddings=True), HalfPrecision()], ids=["weights", "fp16"])
def test_openvino_stores_weights_in_fewer_bits(model, tmp_path, step):
    made(model, tmp_path / "whole", "openvino")
    manifest = made(model, tmp_path / "small", "openvino", step)
    sizes = [sum(p.stat().st_size for p in (tmp_path / name).glob("*.bin")) for name in ("small", "whole")]
    assert sizes[0] < 0.55 * sizes[1]
    assert manifest.recipe == (step,)
    whole, small = (translated(load_translator(tmp_path / name, 1)) for name in ("whole", "small"))
    assert np.mean([one == other for one, other in zip(whole, small, strict=True)]) > 0.6


def test_ctranslate2_says_that_the_table_is_quantized_too(model, tmp_path):
    assert made(model, tmp_path / "a", "ctranslate2", Int8()).recipe == (Int8(embeddings=True, reduce_range=False),)


@pytest.mark.parametrize("runtime", ENGINES)
def test_pruned_and_trimmed_models_translate_on_every_engine_as_they_do_in_pytorch(model, tmp_path, runtime):
    recipe = (
        TrimVocabulary(),
        HeadPruning(sparsity=0.25),
        FfnPruning(sparsity=0.5),
        SideLayers(decoder=1),
        MagnitudePruning(sparsity=0.2),
    )
    making = TranslationMaking(isa=AVX2, calibration=parallel(), threads=1)
    shape = carry_out(model, recipe, making)
    manifest = made(model, tmp_path / "a", runtime, *recipe, making=making)
    assert translated(load_translator(tmp_path / "a", 1)) == translated(translator_in_memory(shape.model, 1))
    assert manifest.recipe == recipe
    assert [facts.technique for facts in manifest.pruning] == ["heads", "ffn", "layers", "magnitude"]
    assert manifest.vocabulary is not None
    assert len(read_importance(tmp_path / "a")) == len(shape.importance) == 2


def test_the_model_that_it_starts_from_stays_as_it_is(model, tmp_path):
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    making = TranslationMaking(isa=AVX2, calibration=parallel(), threads=1)
    for number, runtime in enumerate(ENGINES):
        last = () if runtime == "pytorch" else (Int8(),)
        made(model, tmp_path / str(number), runtime, FfnPruning(sparsity=0.5), *last, making=making)
    after = model.module.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert model.recipe == ()


def test_without_a_number_of_threads_the_fastest_is_searched_and_kept(model, tmp_path, monkeypatch):
    monkeypatch.setattr("leanglot.translating.making.available_cores", lambda: 2)
    manifest = made(model, tmp_path / "a", "ctranslate2", making=TranslationMaking(isa=AVX2))
    assert manifest.threads in {1, 2}
    assert set(manifest.threads_p50_ms) == {1, 2}
    assert read_manifest(tmp_path / "a") == manifest
    verify_files(tmp_path / "a", manifest)
    assert made(model, tmp_path / "b", "ctranslate2").threads is None


def test_the_public_door_opens_what_was_made(model, tmp_path):
    made(model, tmp_path / "a", "ctranslate2", Int8())
    (answer,) = leanglot.load(tmp_path / "a", threads=1).translate([sentences("en")[0]], target="de", source="en")
    assert answer.text == translated(translator_in_memory(model, 1))[0]


def test_a_pytorch_artifact_is_a_model_that_can_be_made_into_others(model, tmp_path):
    from leanglot.models.translation_model import load_translation_model

    made(model, tmp_path / "a", "pytorch", SideLayers(decoder=1))
    again = load_translation_model(tmp_path / "a")
    assert again.recipe == (SideLayers(decoder=1),)
    manifest = made(again, tmp_path / "b", "ctranslate2", Int8())
    assert [step.technique for step in manifest.recipe] == ["side-layers", "int8"]


@pytest.mark.parametrize(
    ("runtime", "step", "told"),
    [
        ("pytorch", Int8(), "runs on onnxruntime and ctranslate2, not on pytorch"),
        ("onnxruntime", WeightOnly(), "runs on openvino, not on onnxruntime"),
        ("onnxruntime", Int8(activations="static"), "not for translation models: use int8"),
        ("onnxruntime", SequenceDistillation(decoder=1), "needs sentences to learn from"),
        ("onnxruntime", TrimVocabulary(), "needs sentences that show"),
        ("onnxruntime", SideLayers(decoder=9), "9"),
    ],
    ids=["int8-pytorch", "weight-only", "static", "distil", "trim", "layers"],
)
def test_what_cannot_be_made_is_refused_with_its_reason(model, tmp_path, runtime, step, told):
    with pytest.raises(RecipeError, match=told):
        made(model, tmp_path / "a", runtime, step)
    assert not (tmp_path / "a" / "leanglot.json").exists()


def test_a_quantization_that_this_machine_lacks_leaves_nothing(model, tmp_path, monkeypatch):
    ctranslate2 = pytest.importorskip("ctranslate2")
    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda device: {"float32", "int8"})
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    with pytest.raises(RecipeError, match="does not compute int8_bfloat16"):
        made(model, tmp_path / "a", "ctranslate2", MixedInt8())
    assert list((tmp_path / "a").iterdir()) == []


def test_an_artifact_whose_weights_were_changed_is_refused(model, tmp_path):
    made(model, tmp_path / "a", "ctranslate2")
    path = tmp_path / "a" / "model.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    with pytest.raises(ModelError, match="changed or damaged"):
        load_translator(tmp_path / "a", verify=True)
