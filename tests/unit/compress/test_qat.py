"""Training for a quantization, end to end on the tiny model: ranges learn, zeros stay, the artifact answers alike."""

import numpy as np
import pytest
import torch

from leanglot.artifacts import make_artifact
from leanglot.compress import qat
from leanglot.compress.learning import Lessons
from leanglot.config import CandidateConfig
from leanglot.data.examples import Examples
from leanglot.data.training import training_examples
from leanglot.models.text_classifier import linear_layers
from leanglot.quantizers import Making
from leanglot.results.manifest import read_manifest
from leanglot.runtimes.loading import load
from leanglot.shapers import carry_out
from leanglot.techniques import MagnitudePruning, QuantizationAware
from tiny_rows import rows

SCHOOL = {"epochs": 0.5, "batch_size": 16, "learning_rate": 1e-4, "validation": 0.0}


@pytest.fixture(scope="module")
def data():
    found = rows({"de": 60, "en": 60, "th": 30, "sw": 12}, seed=21)
    return training_examples(
        Examples(*(tuple(row[key] for row in found) for key in ("text", "label", "language", "group"))), "here"
    )


def config(**values):
    given = {"samples": 32, "training": SCHOOL, "reduce_range": True} | values
    return QuantizationAware.model_validate(given)


@pytest.mark.parametrize("clipping", ["asymmetric", "pact"])
def test_learned_ranges_move_away_from_where_they_started(tiny_classifier, data, tmp_path, clipping):
    ends = {}
    for rate in (1e-6, 100.0):
        how = config(clipping=clipping, range_rate=rate)
        ends[rate] = qat.train_aware(tiny_classifier, how, Lessons(tiny_classifier, data, tmp_path / str(rate))).ranges
    still, moved = (np.asarray(list(ends[rate].values())) for rate in (1e-6, 100.0))
    assert ends[1e-6].keys() == ends[100.0].keys()
    assert np.abs(moved - still).max() > 0.02


def test_observed_ranges_follow_the_activations(tiny_classifier, data, tmp_path):
    found = qat.train_aware(tiny_classifier, config(ranges="observed"), Lessons(tiny_classifier, data, tmp_path))
    assert all(low < high for low, high in found.ranges.values())


def test_weights_that_are_zero_stay_zero(tiny_classifier, data, tmp_path):
    pruned = carry_out(tiny_classifier, (MagnitudePruning(sparsity=0.5),), Making()).model
    aware = qat.train_aware(pruned, config(), Lessons(tiny_classifier, data, tmp_path))
    before, after = linear_layers(pruned.module), linear_layers(aware.model.module)
    for name, layer in after.items():
        assert bool((layer.weight[before[name].weight == 0] == 0).all()), name
    assert any(not torch.equal(layer.weight, before[name].weight) for name, layer in after.items())


def test_the_model_itself_is_left_as_it_is(tiny_classifier, data, tmp_path):
    before = {name: weight.clone() for name, weight in tiny_classifier.module.named_parameters()}
    qat.train_aware(tiny_classifier, config(), Lessons(tiny_classifier, data, tmp_path))
    assert all(torch.equal(weight, before[name]) for name, weight in tiny_classifier.module.named_parameters())


def test_the_artifact_answers_as_the_trained_model(tiny_classifier, data, tmp_path):
    step = config(embeddings=True)
    manifest = make_artifact(
        tiny_classifier,
        CandidateConfig(name="aware", recipe=(step,)),
        tmp_path,
        Making(isa=("avx2",), training=data, served=("de", "fr")),
    )
    assert read_manifest(tmp_path) == manifest
    assert [facts.technique for facts in manifest.training] == ["qat"]
    assert any("no examples to train on in fr" in note for note in manifest.notes)
    classifier = load(tmp_path)
    texts, labels = data.examples.texts[:60], data.examples.labels[:60]
    right = [answer.label == label for answer, label in zip(classifier.predict(list(texts)), labels, strict=True)]
    assert np.mean(right) > 0.85


def test_settings_of_the_training_are_taken_over_those_usual_here():
    usual = QuantizationAware().training
    assert (usual.learning_rate, usual.epochs) == (2e-5, 1.0)
    longer = QuantizationAware.model_validate({"training": {"epochs": 3}}).training
    assert (longer.learning_rate, longer.epochs) == (2e-5, 3.0)


def test_what_depends_on_the_target_is_decided_by_it():
    assert qat.resolve(QuantizationAware(), ("avx2",)).reduce_range is True
    assert qat.resolve(QuantizationAware(), ("avx2", "avx512_vnni")).reduce_range is False
