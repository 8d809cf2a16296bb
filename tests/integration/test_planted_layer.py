"""Repair on a model in which one layer's weights have outliers that ruin per-tensor INT8 for one language."""

import numpy as np
import pytest
from planting import CHANNEL, LANGUAGES, PLANTS, TENSOR, VICTIM, plant_models, sentences

from leanglot.compress import int8
from leanglot.compress.undo import compare, open_undone
from leanglot.export.onnx import export_onnx
from leanglot.measure.subject import in_memory
from leanglot.runtimes.classifier import Classifier
from leanglot.tune.divergence import Probes
from leanglot.tune.repair import Judged, repair


@pytest.fixture(scope="module", params=PLANTS, ids=lambda plant: plant.layer)
def planted(request, tiny_model, tmp_path_factory):
    """The plant, the model as it was trained, and the same with outliers in the layer's weights."""
    plant = request.param
    return plant, *plant_models(plant, tiny_model, tmp_path_factory.mktemp("planted"))


def quantized(model, folder, config):
    """The FP32 graph of a model and a quantized one, in a folder."""
    places = folder / "fp32", folder / "int8"
    for place in places:
        place.mkdir(parents=True)
    export_onnx(model, places[0])
    int8.quantize(*places, config)
    return places


def repaired(model, folder, config):
    """Repair on examples of the languages, ranked on others."""
    baseline, undoing = in_memory(model, threads=1), compare(*quantized(model, folder, config))
    (texts, labels, languages), (others, _, tags) = (
        zip(*sentences({tag: 150 if tag == VICTIM else 60 for tag in LANGUAGES}, seed), strict=True)
        for seed in (101, 102)
    )
    rows, expected = baseline.encode(texts).rows, np.array(labels)
    judged = Judged(
        rows=rows,
        languages=languages,
        expected=expected,
        baseline=baseline.logits(rows).argmax(axis=1) == expected,
    )

    def make(layers):
        return Classifier(baseline.manifest, baseline.tokenizer, open_undone(undoing, layers, threads=1))

    probes = Probes(baseline.encode(others).rows, tags)
    return judged, repair(make, undoing.layers, baseline, judged, probes)


def test_the_outliers_change_nothing_before_quantization(planted):
    _, plain, outlying = planted
    texts = [text for text, _, _ in sentences(dict.fromkeys(LANGUAGES, 30), seed=5)]
    before, after = (in_memory(model, threads=1) for model in (plain, outlying))
    rows = before.encode(texts).rows
    assert before.logits(rows) == pytest.approx(after.logits(rows), abs=1e-5)


def test_repair_finds_the_planted_layer_and_heals_the_language(planted, tmp_path):
    plant, _, outlying = planted
    judged, done = repaired(outlying, tmp_path, TENSOR)
    assert judged.baseline.mean() > 0.95
    assert done.harmed_before == (VICTIM,)
    assert done.before[VICTIM].drop > 0.5
    best, second = done.ranking[:2]
    assert best.layer == plant.layer
    assert best.score > 10 * abs(second.score)
    assert (done.ended, done.layers, done.harmed_after) == ("repaired", (plant.layer,), ())
    assert done.after[VICTIM].drop < 0.02


def test_there_is_nothing_to_find_without_the_outliers(planted, tmp_path):
    _, plain, _ = planted
    assert repaired(plain, tmp_path, TENSOR)[1].ended == "not-needed"


def test_a_scale_per_channel_confines_the_outlier(planted, tmp_path):
    _, _, outlying = planted
    assert repaired(outlying, tmp_path, CHANNEL)[1].ended == "not-needed"
