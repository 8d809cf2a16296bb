"""Layers left out in turn: the divergences that cutting them brings, and the order in which they go."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import (
    ModernBertConfig,
    ModernBertForSequenceClassification,
    RemBertConfig,
    RemBertForSequenceClassification,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

from leanglot.compress.ablation import measure_layers
from leanglot.compress.slicing import drop_layers
from leanglot.errors import DataError, ModelError, RecipeError

SIZE = 60
SHAPE = {"vocab_size": SIZE, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 24, "num_labels": 3}


def classifier(like, config, kind):
    torch.manual_seed(3)
    module = kind(config).eval()
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if weight.dim() == 2:  # fresh weights hardly tell texts apart
                weight.mul_(40 if "classifier" in name else 5)
    return replace(like, module=module, pad_id=1)


@pytest.fixture(scope="module")
def four_layers(tiny_classifier):
    config = XLMRobertaConfig(**SHAPE, num_hidden_layers=4, max_position_embeddings=40, pad_token_id=1)
    return classifier(tiny_classifier, config, XLMRobertaForSequenceClassification)


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(0)
    lengths = {"en": (3, 9, 5), "th": (12, 4), "sw": (7,)}
    return {tag: [rng.integers(4, SIZE, length) for length in own] for tag, own in lengths.items()}


def log_probabilities(model, row):
    with torch.no_grad():
        output = model.module(
            input_ids=torch.from_numpy(row)[None], attention_mask=torch.ones(1, len(row), dtype=torch.long)
        )
    return output.logits[0].double().log_softmax(-1)


def apart(whole, cut, rows):
    """The mean Kullback-Leibler divergence, from its formula."""
    found = []
    for row in rows:
        p, q = log_probabilities(whole, row), log_probabilities(cut, row)
        found.append(float((p.exp() * (p - q)).sum()))
    return np.mean(found)


def without(model, gone):
    total = model.module.config.num_hidden_layers
    return drop_layers(model, [place for place in range(total) if place not in gone])


def greedy(model, texts, merged, first=0):
    """The order found by cutting the model again and again."""
    total = model.module.config.num_hidden_layers
    gone = []
    while len(gone) < total - 1:
        candidates = [place for place in range(first, total) if place not in gone]
        costs = {
            place: merged([apart(model, without(model, {*gone, place}), rows) for rows in texts.values()])
            for place in candidates
        }
        gone.append(min(costs, key=costs.get))
    return tuple(gone)


def test_scores_are_the_divergences_of_the_cut_models(four_layers, texts):
    scores = measure_layers(four_layers, texts)
    assert (scores.kind, scores.method, scores.texts) == ("layers", "ablation", {"en": 3, "sw": 1, "th": 2})
    for tag, rows in texts.items():
        expected = [apart(four_layers, without(four_layers, {place}), rows) for place in range(4)]
        found = [layer.tolist() for layer in scores.by_language[tag]]
        assert [len(layer) for layer in found] == [1] * 4
        assert [layer[0] for layer in found] == pytest.approx(expected, rel=1e-3)
        assert min(expected) > 1e-4


@pytest.mark.parametrize(("how", "merged"), [("worst", max), ("mean", np.mean)])
def test_layers_go_in_the_order_that_cutting_them_gives(four_layers, texts, how, merged):
    scores = measure_layers(four_layers, texts, how)
    assert scores.order == greedy(four_layers, texts, merged)
    assert scores.combine == how


def test_traffic_weighs_the_languages(four_layers, texts):
    alone = measure_layers(four_layers, {"th": texts["th"]}, "mean")
    weighted = measure_layers(four_layers, texts, "traffic", {"th": 1.0})
    assert weighted.order == alone.order
    with pytest.raises(DataError, match="traffic in vi"):
        measure_layers(four_layers, texts, "traffic", {"vi": 1.0})


def test_batch_mates_do_not_count(four_layers, texts):
    alone = measure_layers(four_layers, texts, batch_tokens=1)
    together = measure_layers(four_layers, texts, batch_tokens=1000)
    assert alone.order == together.order
    for tag in texts:
        np.testing.assert_allclose(
            np.concatenate(alone.by_language[tag]), np.concatenate(together.by_language[tag]), rtol=1e-3
        )


def test_a_layer_that_does_nothing_goes_first(four_layers, texts):
    idle = replace(four_layers, module=copy.deepcopy(four_layers.module))
    layer = idle.module.roberta.encoder.layer[2]
    with torch.no_grad():
        for part in (layer.attention.output, layer.output):
            part.dense.weight.zero_()
            part.dense.bias.zero_()
            part.LayerNorm.weight.fill_(1)
            part.LayerNorm.bias.zero_()
        before = idle.module.roberta.encoder.layer[1].output.LayerNorm
        before.weight.fill_(1)
        before.bias.zero_()
    scores = measure_layers(idle, texts)
    assert scores.order[0] == 2
    assert max(layers[2][0] for layers in scores.by_language.values()) < 1e-6


def test_layers_that_wrap_their_states_are_left_out_alike(tiny_classifier, texts):
    config = RemBertConfig(**SHAPE, num_hidden_layers=3, input_embedding_size=8, output_embedding_size=8)
    model = classifier(tiny_classifier, config, RemBertForSequenceClassification)
    scores = measure_layers(model, texts)
    expected = [apart(model, without(model, {place}), texts["en"]) for place in range(3)]
    assert [layer[0] for layer in scores.by_language["en"]] == pytest.approx(expected, rel=1e-3)
    assert scores.order == greedy(model, texts, max)


def test_a_layer_that_the_model_cannot_do_without_stays(tiny_classifier, texts):
    config = ModernBertConfig(
        **SHAPE, num_hidden_layers=3, pad_token_id=1, cls_token_id=0, sep_token_id=2, bos_token_id=0, eos_token_id=2
    )
    model = classifier(tiny_classifier, config, ModernBertForSequenceClassification)
    scores = measure_layers(model, texts)
    assert scores.order == greedy(model, texts, max, first=1)
    assert sorted(scores.order) == [1, 2]
    assert all(np.isfinite(layers[0]).all() for layers in scores.by_language.values())


def test_one_layer_has_a_score_and_no_order(four_layers, texts):
    scores = measure_layers(drop_layers(four_layers, [1]), texts)
    assert scores.order == ()
    assert scores.by_language["en"][0].shape == (1,)


def test_progress_ends_with_all_texts(four_layers, texts):
    for model in (four_layers, drop_layers(four_layers, [1])):
        told = []
        measure_layers(model, texts, batch_tokens=12, on_batch=told.append)
        assert told == sorted(told)
        assert told[-1] == 6
        assert told[0] < 6


@pytest.mark.parametrize("broken", [False, True])
def test_the_model_is_left_as_it_was(four_layers, texts, broken):
    model = replace(four_layers, module=copy.deepcopy(four_layers.module).train())
    if broken:
        with torch.no_grad():
            model.module.classifier.out_proj.bias[0] = torch.inf
        with pytest.raises(ModelError, match="not finite"):
            measure_layers(model, texts)
    else:
        measure_layers(model, texts)
    assert all(part.training for part in model.module.modules())
    assert all("forward" not in vars(part) for part in model.module.modules())
    assert all(weight.requires_grad and weight.grad is None for weight in model.module.parameters())


def test_no_texts_are_refused(four_layers):
    with pytest.raises(RecipeError, match="there are none"):
        measure_layers(four_layers, {})
