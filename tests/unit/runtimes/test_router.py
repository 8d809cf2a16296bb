import shutil
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

import leanglot
from leanglot.errors import DataError, ModelError
from leanglot.measure.cold_start import measure_cold_start
from leanglot.measure.subject import open_subject
from leanglot.results.router_manifest import IDENTIFIER_FILE, read_router_manifest, write_router_manifest
from leanglot.routing.artifact import write_router
from leanglot.runtimes.router import Router, load_router
from leanglot.train.identify import Lessons, learn

TEXTS = ["filler-1 de-music-3", "filler-2 th-lights-1", "filler-3 en-weather-2", "filler-4 en-music-1"]


@pytest.fixture(scope="module")
def folder(onnx_artifact, torch_artifact, tiny_rows, tmp_path_factory):
    texts, tags = [row["text"] for row in tiny_rows], [row["language"] for row in tiny_rows]
    identifier = learn(Lessons(texts, tags, None, "tiny")).identifier
    out = tmp_path_factory.mktemp("routers") / "router"
    artifacts = {"safe": torch_artifact, "fast": onnx_artifact}
    write_router(out, "tiny", artifacts, {"de": "fast", "en": "fast", "th": "safe"}, "safe", identifier)
    return out


@pytest.fixture(scope="module")
def router(folder):
    found = load_router(folder, threads=1)
    assert isinstance(found, Router)
    return found


def test_answers_come_by_position_from_each_language_s_variant(router):
    told = ["de", "th", "en", "en"]
    assert router.routes(TEXTS, told) == ["fast", "safe", "fast", "fast"]
    answers = router.predict(TEXTS, languages=told)
    for place, name in enumerate(router.routes(TEXTS, told)):
        assert answers[place].label == router.classifiers[name].predict([TEXTS[place]])[0].label
    assert [each.label for each in answers] == ["music", "lights", "weather", "music"]
    assert router.predict([]) == []


def test_tags_are_canonicalised_and_fall_back(router):
    assert router.routes(["x"] * 5, ["DE", "de_AT", "iw", "th-TH", "fi"]) == ["fast", "fast", "safe", "safe", "safe"]


def test_languages_that_are_not_told_are_detected_and_unsure_ones_fall_back(router):
    assert router.languages_of(TEXTS) == ["de", "th", "en", "en"]
    assert router.languages_of([TEXTS[0], "x"], [None, "fr"]) == ["de", "fr"]
    unsure = replace(router, identifier=replace(router.identifier, weights=router.identifier.weights * 0))
    assert unsure.languages_of(TEXTS, [None, None, "fr", None]) == [None, None, "fr", None]
    assert unsure.routes(TEXTS) == ["safe"] * 4
    assert router.predict(TEXTS)[0].label == "music"


def test_without_an_identifier_what_is_not_told_goes_to_the_fallback(router):
    blind = Router(router.manifest, router.classifiers)
    assert blind.routes(TEXTS, [None, "de", None, "en"]) == ["safe", "fast", "safe", "fast"]
    blind.warm("filler-1")


@pytest.mark.parametrize(
    ("languages", "told"),
    [
        (["de"], "4 texts and 1 languages"),
        ("de", "one tag per text"),
        (["German"] * 4, "is not a language tag"),
        ([3] * 4, "is not a language tag"),
    ],
)
def test_tags_that_cannot_be_used_are_refused(router, languages, told):
    with pytest.raises(DataError, match=told):
        router.predict(TEXTS, languages=languages)


@pytest.mark.parametrize("texts", ["one string", [""], ["\ud800"], [None]])
def test_texts_that_cannot_be_used_are_refused(router, texts):
    with pytest.raises(DataError):
        router.predict(texts)


def test_a_classifier_takes_languages_too(folder, onnx_artifact):
    classifier = leanglot.load(onnx_artifact, threads=1)
    assert classifier.predict(TEXTS, languages=["de"] * 4) == classifier.predict(TEXTS)


def test_one_fresh_process_loads_all_variants(folder):
    started = measure_cold_start(folder, TEXTS[0], 1, repetitions=1)
    assert started.peak_rss_bytes > 50e6


def test_what_takes_one_artifact_names_the_variants(folder):
    with pytest.raises(ModelError, match="is a router over several artifacts"):
        open_subject(folder)


def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def test_a_changed_file_is_found_when_asked_for(folder, tmp_path):
    copy = copied(folder, tmp_path)
    (copy / "variants/fast/config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match="was changed or damaged"):
        leanglot.load(copy, verify=True)


def test_a_missing_variant_is_told(folder, tmp_path):
    copy = copied(folder, tmp_path)
    shutil.rmtree(copy / "variants/fast")
    with pytest.raises(ModelError, match="lacks its variants fast"):
        leanglot.load(copy)


def test_variants_with_other_labels_are_refused(folder, tmp_path):
    copy = copied(folder, tmp_path)
    manifest = read_router_manifest(copy)
    write_router_manifest(copy, manifest.model_copy(update={"labels": manifest.labels[::-1]}))
    with pytest.raises(ModelError, match="answers with other labels"):
        leanglot.load(copy)


@pytest.mark.parametrize("damage", ["shape", "type", "infinite", "bytes"])
def test_a_damaged_identifier_is_refused(folder, tmp_path, damage):
    copy = copied(folder, tmp_path)
    info = read_router_manifest(copy).identifier
    weights = np.zeros((info.buckets, len(info.languages)), dtype=np.float16)
    changed = {"shape": weights[:-1], "type": weights.astype(np.float32), "infinite": weights + np.float16(np.inf)}
    path = copy / IDENTIFIER_FILE
    if damage == "bytes":
        path.write_bytes(b"\x80\x04}q\x00.")  # a pickle is no safetensors file
    else:
        save_file({"weights": changed[damage]}, path)
    with pytest.raises(ModelError, match="language identifier"):
        leanglot.load(copy)
