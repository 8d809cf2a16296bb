"""Pruning of translation models: sliced answers as silenced, the least important go, and the caller's model stays."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leanglot.compress.importance import Scores
from leanglot.compress.seq2seq_importance import measure_units, units_of
from leanglot.compress.seq2seq_pruning import choose_tied, prune_units, prune_weights
from leanglot.compress.seq2seq_slicing import mask_units, slice_units
from leanglot.errors import RecipeError
from leanglot.models.seq2seq_structure import Units, attentions_of, count_of, linear_layers_of
from leanglot.models.translation_model import load_translation_model, save_translation_model
from leanglot.techniques import FfnPruning, HeadPruning, MagnitudePruning
from seq2seq_shapes import DECODER, ENCODER, HEADS, KINDS, NEURONS, answers, examples, many_layered

ATTENTIONS = ENCODER + 2 * DECODER


def kept(kind, which):
    """Units that stay, other ones in each layer where the family allows it."""
    return [
        (0, 2) if units.tied else tuple(range(place % 3, HEADS if which == "heads" else NEURONS, 1 + place % 2))
        for place, units in enumerate(units_of(many_layered(kind).module, which))
    ]


@pytest.mark.parametrize("which", ["heads", "ffn"])
@pytest.mark.parametrize("kind", KINDS)
def test_sliced_answers_as_silenced(kind, which):
    model = many_layered(kind)
    before = answers(model)
    keep = kept(kind, which)
    inputs = {"heads": [units.width * HEADS for units in attentions_of(model.module)], "ffn": [NEURONS] * 5}[which]
    instead = [np.linspace(-1, 1, count) for count in inputs]
    for stands in (None, instead):
        small, silent = slice_units(model, which, keep, stands), mask_units(model, which, keep, stands)
        torch.testing.assert_close(answers(model, small), answers(model, silent), rtol=1e-4, atol=1e-4)
        assert sum(map(torch.numel, small.parameters())) < sum(map(torch.numel, silent.parameters()))
    assert not torch.allclose(answers(model, silent), before, atol=1e-3), "what was cut must matter"
    assert torch.equal(answers(model), before), "the caller's model stays as it was"


@pytest.mark.parametrize("kind", ["marian", "t5"])
@pytest.mark.parametrize(
    "config", [HeadPruning(sparsity=0.4), FfnPruning(sparsity=0.5, multiple=4)], ids=lambda c: c.technique
)
def test_the_least_important_go_and_the_result_is_stored(kind, config, tmp_path):
    model = many_layered(kind)
    scores = measure_units(model, config.technique, "taylor", examples(kind))
    shaped = prune_units(model, config, scores)
    (facts,) = shaped.model.pruning
    total = ATTENTIONS * HEADS if config.technique == "heads" else (ENCODER + DECODER) * NEURONS
    assert facts.total == total
    assert facts.target - 0.15 <= facts.actual <= facts.target
    assert facts.kept_by_layer == tuple(
        count_of(shaped.model.module, units) for units in units_of(shaped.model.module, config.technique)
    )
    assert shaped.importance is not None
    assert set(shaped.importance.scores) == {"en→de", "en→fr", "en→ru", "de→en"}
    save_translation_model(shaped.model, tmp_path / "model")
    assert torch.equal(answers(load_translation_model(tmp_path / "model")), answers(shaped.model))


def test_the_mean_of_what_goes_stands_in_its_bias():
    """Compensation brings the answers nearer to the whole model's."""
    model = many_layered("marian")
    scores = measure_units(model, "ffn", "taylor", examples("marian"))
    whole = answers(model)
    far, near = (
        float((answers(prune_units(model, step, scores).model) - whole).square().mean())
        for step in (
            FfnPruning(sparsity=0.5, multiple=1, compensate=False),
            FfnPruning(sparsity=0.5, multiple=1, compensate=True),
        )
    )
    assert near < far


def test_cutting_what_matters_least_harms_less_than_cutting_what_matters_most():
    model = many_layered("marian")
    scores = measure_units(model, "heads", "taylor", examples("marian"))
    turned = {tag: tuple(layer.max() - layer for layer in layers) for tag, layers in scores.by_language.items()}
    step = HeadPruning(sparsity=0.3, scope="layer", compensate=False)
    whole = answers(model)
    little, much = (
        float((answers(prune_units(model, step, each).model) - whole).abs().mean())
        for each in (scores, replace(scores, by_language=turned))
    )
    assert little < much


def test_heads_that_are_named_go_in_the_order_of_all_attentions():
    model = many_layered("marian")
    shaped = prune_units(model, HeadPruning(remove={0: (1,), 5: (0, 3)}))
    assert shaped.model.pruning[0].kept_by_layer == (3, 4, 4, 4, 4, 2, 4)
    assert shaped.model.facts.cache_numbers == model.facts.cache_numbers, "cross-attentions keep nothing per token"
    fewer = prune_units(model, HeadPruning(remove={3: (0,)})).model
    width = attentions_of(model.module)[3].width
    assert fewer.facts.cache_numbers == model.facts.cache_numbers - 2 * width


@pytest.mark.parametrize(
    ("kind", "remove", "told"),
    [
        ("marian", {7: (0,)}, "no attention 7 .* has 7"),
        ("marian", {0: (4,)}, r"layer 0 of the encoder\) has no head 4: it has 4"),
        ("marian", {6: (0, 1, 2, 3)}, "would lose all of its 4 heads"),
        ("t5", {0: (1,)}, "share one table of position biases"),
    ],
)
def test_heads_that_cannot_go_are_told(kind, remove, told):
    with pytest.raises(RecipeError, match=told):
        prune_units(many_layered(kind), HeadPruning(remove=remove))


def test_t5_loses_the_same_heads_in_all_layers_of_a_place():
    model = many_layered("t5")
    shaped = prune_units(model, HeadPruning(remove={0: (1,), 1: (1,), 2: (1,)}))
    assert [count_of(shaped.model.module, units) for units in attentions_of(shaped.model.module)] == [
        3,
        3,
        3,
        4,
        4,
        4,
        4,
    ]
    assert torch.isfinite(answers(shaped.model)).all()


def test_scores_of_another_model_are_refused():
    scores = Scores("heads", "taylor", {"en→de": 3}, {"en→de": (np.ones(2),)})
    with pytest.raises(RecipeError, match="Measure it on this model"):
        prune_units(many_layered("marian"), HeadPruning(sparsity=0.5), scores)
    with pytest.raises(RecipeError, match="there are none"):
        prune_units(many_layered("marian"), HeadPruning(sparsity=0.5))


def test_nothing_goes_at_a_sparsity_of_zero():
    model = many_layered("marian")
    shaped = prune_units(model, FfnPruning(sparsity=0.0))
    assert shaped.model.pruning[0].removed == 0
    assert torch.equal(answers(shaped.model), answers(model))


@pytest.mark.parametrize("kind", KINDS)
def test_magnitude_pruning_leaves_the_tables_alone(kind):
    model = many_layered(kind)
    before = answers(model)
    shaped = prune_weights(model, MagnitudePruning(sparsity=0.6))
    layers = linear_layers_of(shaped.model.module)
    zeros = sum(int((layer.weight == 0).sum()) for layer in layers.values())
    total = sum(layer.weight.numel() for layer in layers.values())
    assert zeros == int(0.6 * total)
    assert shaped.model.pruning[0].actual == zeros / total
    assert shaped.model.module.get_output_embeddings().weight is model.module.get_output_embeddings().weight
    assert torch.equal(answers(model), before)
    assert not torch.equal(answers(shaped.model), before)


def test_a_pattern_holds_in_every_row():
    shaped = prune_weights(many_layered("marian"), MagnitudePruning(pattern="2:4"))
    for layer in linear_layers_of(shaped.model.module).values():
        groups = (layer.weight == 0).view(len(layer.weight), -1, 4).sum(dim=-1)
        assert (groups >= 2).all()


def places(layers):
    return [Units(place, layer, "", (), "", 1, tied=True) for place, count in layers.items() for layer in range(count)]


@given(
    st.fixed_dictionaries({"encoder": st.integers(1, 4), "decoder": st.integers(1, 4), "cross": st.integers(1, 4)}),
    st.integers(1, 6),
    st.floats(0, 0.99),
    st.sampled_from(["global", "layer"]),
    st.integers(0, 99),
)
def test_tied_choices_are_alike_and_within_the_share(layers, heads, sparsity, scope, seed):
    units = places(layers)
    scores = tuple(np.random.default_rng(seed).random((len(units), heads)))
    keep = choose_tied(units, scores, sparsity, scope)
    assert sum(heads - len(some) for some in keep) <= sparsity * heads * len(units) + 1e-6
    assert all(keep)
    for place in layers:
        assert len({some for some, each in zip(keep, units, strict=True) if each.place == place}) == 1
    more = choose_tied(units, scores, min(0.99, sparsity + 0.2), scope)
    assert all(set(after) <= set(before) for before, after in zip(keep, more, strict=True))


def test_tied_choices_go_by_the_mean_over_the_layers():
    units = places({"encoder": 2})
    scores = (np.array([0.9, 0.1, 0.5]), np.array([0.0, 0.5, 0.5]))
    assert choose_tied(units, scores, 0.4, "global") == ((0, 2), (0, 2))
