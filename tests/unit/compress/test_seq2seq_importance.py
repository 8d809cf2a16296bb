"""Importance of a translation model's units: it is what its formula says, by pair, whatever the batches."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from leanglot.compress.seq2seq_importance import logits_of, measure_units, taught_batches, units_of
from leanglot.compress.seq2seq_slicing import mask_units
from leanglot.errors import ModelError, RecipeError
from leanglot.models.seq2seq_structure import count_of
from leanglot.models.structure import linear_at
from seq2seq_shapes import HEADS, KINDS, examples, many_layered


def slope_of_loss(model, sentence, units):
    """How one sentence's loss changes with a factor in front of each unit (Michel et al., 2019), by itself."""
    module = copy.deepcopy(model.module)
    count = count_of(module, units)
    factors = torch.ones(count, requires_grad=True)
    linear_at(module, units.behind).register_forward_pre_hook(
        lambda _, inputs: (inputs[0] * factors.repeat_interleave(units.width),)
    )
    (batch,) = taught_batches(model, sentence, 4096)
    functional.cross_entropy(logits_of(module, batch)[0], batch.labels[0], ignore_index=-100).backward()
    return factors.grad.abs().double().numpy()


@pytest.mark.parametrize("which", ["heads", "ffn"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_unit_counts_by_its_part_in_the_loss(kind, which):
    model = many_layered(kind)
    sentences = examples(kind).subset([0, 5, 11])
    scores = measure_units(model, which, "taylor", sentences).by_language["en→de"]
    for place, units in enumerate(units_of(model.module, which)):
        slopes = [slope_of_loss(model, sentences.subset([number]), units) for number in range(3)]
        np.testing.assert_allclose(scores[place], np.mean(slopes, axis=0), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("which", ["heads", "ffn"])
@pytest.mark.parametrize("method", ["taylor", "gradient"])
def test_batches_and_padding_do_not_matter(which, method):
    model, sentences = many_layered("marian"), examples("marian")
    alone = measure_units(model, which, method, sentences, batch_tokens=1)
    together = measure_units(model, which, method, sentences, batch_tokens=4096)
    assert alone.texts == together.texts == dict.fromkeys(["de→en", "en→de", "en→fr", "en→ru"], 24)
    for pair, layers in alone.by_language.items():
        for one, other in zip(layers, together.by_language[pair], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)
    for one, other in zip(alone.activations, together.activations, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_a_pair_is_scored_by_its_own_sentences():
    model, sentences = many_layered("marian"), examples("marian")
    both = measure_units(model, "heads", "taylor", sentences)
    own = sentences.by_pair()["en→ru"]
    alone = measure_units(model, "heads", "taylor", sentences.subset(own))
    assert set(alone.by_language) == {"en→ru"}
    for one, other in zip(both.by_language["en→ru"], alone.by_language["en→ru"], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)
    assert not np.allclose(both.by_language["en→ru"][0], both.by_language["de→en"][0], rtol=0.01)


def test_progress_is_told_and_the_model_needs_no_gradient_after():
    model, told = many_layered("marian"), []
    before = {name: weight.requires_grad for name, weight in model.module.named_parameters()}
    measure_units(model, "ffn", "taylor", examples("marian"), batch_tokens=500, on_batch=told.append)
    assert told[-1] == 96
    assert told == sorted(told)
    assert {name: weight.requires_grad for name, weight in model.module.named_parameters()} == before
    assert all(weight.grad is None for weight in model.module.parameters())
    assert not any(layer._forward_pre_hooks for layer in model.module.modules())


def test_what_cannot_be_measured_is_told():
    model = many_layered("marian")
    with pytest.raises(RecipeError, match="there are none"):
        measure_units(model, "heads", "taylor", examples("marian").subset([]))
    broken = mask_units(model, "heads", [tuple(range(HEADS))] * 7)
    with torch.no_grad():
        broken.model.decoder.layers[0].self_attn.out_proj.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="NaN"):
        measure_units(replace(model, module=broken), "heads", "taylor", examples("marian"))
