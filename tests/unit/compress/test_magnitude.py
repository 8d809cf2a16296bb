"""Magnitude pruning: exactly the smallest weights go, only in the copy, and what went is told."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from leanglot.compress.magnitude import prune
from leanglot.errors import RecipeError
from leanglot.models.text_classifier import TextClassifier, linear_layers, linear_sparsity, load_text_classifier
from leanglot.results.shaping import PruningFacts
from leanglot.techniques import MagnitudePruning


@dataclass
class Holder:
    """As much of a classifier as pruning needs."""

    module: nn.Module
    name: str = "holder"
    pruning: tuple = ()

    def with_own(self, layers):
        return TextClassifier.with_own(self, layers)


def holding(*matrices):
    """A linear layer for each matrix of weights."""
    layers = [nn.Linear(len(matrix[0]), len(matrix)) for matrix in matrices]
    with torch.no_grad():
        for layer, matrix in zip(layers, matrices, strict=True):
            layer.weight.copy_(torch.tensor(matrix))
    return Holder(nn.Sequential(*layers))


@pytest.fixture
def two_layers():
    """One layer of small weights, one of large ones."""
    small, large = nn.Linear(2, 2), nn.Linear(2, 2)
    with torch.no_grad():
        small.weight.copy_(torch.tensor([[0.1, -0.2], [0.3, -0.4]]))
        large.weight.copy_(torch.tensor([[-10.0, 20.0], [0.25, 40.0]]))
        small.bias.fill_(0.001)
        large.bias.fill_(0.002)
    return Holder(nn.Sequential(small, large))


def weights_of(holder):
    return [layer.weight.tolist() for layer in linear_layers(holder.module).values()]


def close(nested):
    return [[pytest.approx(row) for row in matrix] for matrix in nested]


def test_one_ranking_of_all_layers_takes_the_smallest_wherever_they_are(two_layers):
    pruned = prune(two_layers, MagnitudePruning(sparsity=0.5)).model
    assert weights_of(pruned) == close([[[0, 0], [0, -0.4]], [[-10, 20], [0, 40]]])


def test_each_layers_own_ranking_takes_the_same_share_of_each(two_layers):
    pruned = prune(two_layers, MagnitudePruning(sparsity=0.5, scope="layer")).model
    assert weights_of(pruned) == close([[[0, 0], [0.3, -0.4]], [[0, 20], [0, 40]]])


def test_biases_stay(two_layers):
    pruned = prune(two_layers, MagnitudePruning(sparsity=0.9)).model
    assert [layer.bias.tolist() for layer in pruned.module] == close([[0.001, 0.001], [0.002, 0.002]])


@pytest.mark.parametrize(("sparsity", "zeros"), [(0.12, 0), (0.125, 1), (0.3, 2), (0.5, 4), (0.99, 7)])
def test_the_share_is_rounded_down_to_whole_weights(two_layers, sparsity, zeros):
    assert linear_sparsity(prune(two_layers, MagnitudePruning(sparsity=sparsity)).model.module) == zeros / 8


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_equal_weights_are_cut_to_the_exact_count(scope):
    layer = nn.Linear(10, 10)
    nn.init.constant_(layer.weight, 0.5)
    pruned = prune(Holder(nn.Sequential(layer)), MagnitudePruning(sparsity=0.37, scope=scope)).model
    assert linear_sparsity(pruned.module) == 0.37


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_the_original_keeps_all_its_weights(two_layers, scope):
    before = weights_of(two_layers)
    prune(two_layers, MagnitudePruning(sparsity=0.75, scope=scope))
    assert weights_of(two_layers) == before


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_no_sparsity_changes_nothing(any_family, scope):
    model = load_text_classifier(any_family)
    pruned = prune(model, MagnitudePruning(sparsity=0, scope=scope)).model
    expected = model.module.state_dict()
    assert all(torch.equal(weight, expected[name]) for name, weight in pruned.module.state_dict().items())
    assert pruned.module is not model.module


def test_a_real_model_loses_linear_weights_only(tiny_classifier):
    pruned = prune(tiny_classifier, MagnitudePruning(sparsity=0.4)).model
    assert linear_sparsity(pruned.module) == pytest.approx(0.4, abs=1e-3)
    linear = {f"{name}.weight" for name in linear_layers(pruned.module)}
    expected = tiny_classifier.module.state_dict()
    for name, weight in pruned.module.state_dict().items():
        kept = weight != 0 if name in linear else slice(None)
        assert torch.equal(weight[kept], expected[name][kept])
    assert (pruned.labels, pruned.source, pruned.max_length) == (
        tiny_classifier.labels,
        tiny_classifier.source,
        tiny_classifier.max_length,
    )


def test_a_model_without_linear_layers_is_refused():
    with pytest.raises(RecipeError, match="holder has no linear layer") as caught:
        prune(Holder(nn.Sequential(nn.Embedding(2, 2))), MagnitudePruning(sparsity=0.5))
    assert caught.value.hint == "Leave pruning out of the recipe."


def test_among_equal_weights_the_first_go():
    model = holding([[1.0, -2.0, 1.0], [2.0, 1.0, -1.0]], [[1.0, 3.0]])
    expected = [[[0, -2, 0], [2, 0, -1]], [[1, 3]]]
    assert weights_of(prune(model, MagnitudePruning(sparsity=0.375)).model) == close(expected)


def test_zeros_that_are_there_already_count():
    model = holding([[0.0, -0.0, 3.0, 4.0]], [[1.0, 2.0, 5.0, 6.0]])
    shaped = prune(model, MagnitudePruning(sparsity=0.25))
    assert weights_of(shaped.model) == weights_of(model)
    assert shaped.model.pruning[0].removed == 2
    more = prune(shaped.model, MagnitudePruning(sparsity=0.125)).model
    assert [(facts.target, facts.actual) for facts in more.pruning] == [(0.25, 0.25), (0.125, 0.25)]


@pytest.mark.parametrize("config", [MagnitudePruning(sparsity=0.5), MagnitudePruning(pattern="1:2")])
def test_weights_that_layers_share_are_counted_and_pruned_once(config):
    shared = holding([[1.0, 2.0], [3.0, 4.0]])
    twice = nn.Linear(2, 2)
    twice.weight = shared.module[0].weight
    shaped = prune(Holder(nn.Sequential(shared.module[0], twice)), config)
    first, second = shaped.model.module
    assert first.weight is second.weight
    assert (shaped.model.pruning[0].removed, shaped.model.pruning[0].total) == (2, 4)


# Patterns


def test_a_pattern_leaves_the_largest_of_each_group_along_the_inputs():
    model = holding([[1.0, -4.0, 2.0, 3.0, -5.0, 6.0, 0.5, 7.0], [8.0, 1.0, 1.0, 9.0, 2.0, 2.0, 2.0, 2.0]])
    shaped = prune(model, MagnitudePruning(pattern="2:4"))
    expected = [[[0, -4, 0, 3, 0, 6, 0, 7], [8, 0, 0, 9, 0, 0, 2, 2]]]
    assert weights_of(shaped.model) == close(expected)
    facts = shaped.model.pruning[0]
    assert (facts.technique, facts.target, facts.actual, facts.removed, facts.total) == ("magnitude", 0.5, 0.5, 8, 16)


def test_groups_that_are_sparse_already_lose_nothing_more():
    model = holding([[0.0, 0.0, 0.0, 3.0]])
    shaped = prune(model, MagnitudePruning(pattern="2:4"))
    assert weights_of(shaped.model) == weights_of(model)
    assert shaped.model.pruning[0].actual == 0.75


def test_layers_that_a_pattern_does_not_fit_stay_dense_and_are_named():
    wide = [[1.0, 2.0, 3.0, 4.0]]
    model = holding(wide, *[[[1.0] * width] for width in (3, 5, 6, 7, 9)])
    shaped = prune(model, MagnitudePruning(pattern="1:4"))
    assert weights_of(shaped.model)[1:] == weights_of(model)[1:]
    assert shaped.notes[0] == "Dense, since their inputs are no multiple of 4: 1 (3), 2 (5), 3 (6), 4 (7) and 1 more."
    assert shaped.model.pruning[0].target == 0.75
    assert shaped.model.pruning[0].actual == 3 / 34


def test_a_pattern_that_fits_no_layer_is_refused():
    with pytest.raises(RecipeError, match="2:4 fits no linear layer: none has a multiple of 4 inputs") as caught:
        prune(holding([[1.0, 2.0]], [[1.0] * 7], [[2.0] * 2]), MagnitudePruning(pattern="2:4"))
    assert "2, 7 wide" in caught.value.hint


def test_a_pattern_leaves_the_original_alone(two_layers):
    before = weights_of(two_layers)
    prune(two_layers, MagnitudePruning(pattern="1:2"))
    assert weights_of(two_layers) == before


# What is told


@pytest.mark.parametrize("config", [MagnitudePruning(sparsity=0.4), MagnitudePruning(pattern="2:4")])
def test_what_was_reached_is_what_the_weights_say(tiny_classifier, config):
    earlier = PruningFacts(technique="layers", target=None, actual=0.5, removed=1, total=2, kept_by_layer=(0,))
    shaped = prune(replace(tiny_classifier, pruning=(earlier,)), config)
    kept, facts = shaped.model.pruning
    assert kept == earlier
    assert facts.actual == linear_sparsity(shaped.model.module) == facts.removed / facts.total
    assert facts.total == sum(layer.weight.numel() for layer in linear_layers(shaped.model.module).values())
    assert tiny_classifier.pruning == ()
    assert shaped.importance is None


def test_zeros_promise_nothing(two_layers):
    for config in (MagnitudePruning(sparsity=0.5), MagnitudePruning(pattern="1:2")):
        (note,) = prune(two_layers, config).notes
        assert "neither faster nor smaller" in note
