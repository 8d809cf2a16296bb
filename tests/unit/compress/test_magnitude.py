"""Magnitude pruning: exactly the smallest weights go, and only in the copy."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from leanglot.compress.magnitude import prune
from leanglot.errors import RecipeError
from leanglot.models.text_classifier import TextClassifier, linear_layers, linear_sparsity, load_text_classifier
from leanglot.techniques import MagnitudePruning


@dataclass
class Holder:
    """As much of a classifier as pruning needs."""

    module: nn.Module
    name: str = "holder"

    def with_own(self, layers):
        return TextClassifier.with_own(self, layers)


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
    pruned = prune(two_layers, MagnitudePruning(sparsity=0.5))
    assert weights_of(pruned) == close([[[0, 0], [0, -0.4]], [[-10, 20], [0, 40]]])


def test_each_layers_own_ranking_takes_the_same_share_of_each(two_layers):
    pruned = prune(two_layers, MagnitudePruning(sparsity=0.5, scope="layer"))
    assert weights_of(pruned) == close([[[0, 0], [0.3, -0.4]], [[0, 20], [0, 40]]])


def test_biases_stay(two_layers):
    pruned = prune(two_layers, MagnitudePruning(sparsity=0.9))
    assert [layer.bias.tolist() for layer in pruned.module] == close([[0.001, 0.001], [0.002, 0.002]])


@pytest.mark.parametrize(("sparsity", "zeros"), [(0.12, 0), (0.125, 1), (0.3, 2), (0.5, 4), (0.99, 7)])
def test_the_share_is_rounded_down_to_whole_weights(two_layers, sparsity, zeros):
    assert linear_sparsity(prune(two_layers, MagnitudePruning(sparsity=sparsity)).module) == zeros / 8


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_equal_weights_are_cut_to_the_exact_count(scope):
    layer = nn.Linear(10, 10)
    nn.init.constant_(layer.weight, 0.5)
    pruned = prune(Holder(nn.Sequential(layer)), MagnitudePruning(sparsity=0.37, scope=scope))
    assert linear_sparsity(pruned.module) == 0.37


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_the_original_keeps_all_its_weights(two_layers, scope):
    before = weights_of(two_layers)
    prune(two_layers, MagnitudePruning(sparsity=0.75, scope=scope))
    assert weights_of(two_layers) == before


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_no_sparsity_changes_nothing(any_family, scope):
    model = load_text_classifier(any_family)
    pruned = prune(model, MagnitudePruning(sparsity=0, scope=scope))
    expected = model.module.state_dict()
    assert all(torch.equal(weight, expected[name]) for name, weight in pruned.module.state_dict().items())
    assert pruned.module is not model.module


def test_a_real_model_loses_linear_weights_only(tiny_classifier):
    pruned = prune(tiny_classifier, MagnitudePruning(sparsity=0.4))
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
