"""Magnitude pruning against a plain sort, on weights full of ties and zeros."""

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from leanglot.compress.magnitude import prune
from leanglot.models.text_classifier import TextClassifier
from leanglot.techniques import MagnitudePruning

VALUES = st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, 1e-30, -3.5])


@dataclass
class Holder:
    """As much of a classifier as pruning needs."""

    module: nn.Module
    name: str = "holder"
    pruning: tuple = ()

    def with_own(self, layers):
        return TextClassifier.with_own(self, layers)


@st.composite
def models(draw, multiple=1):
    """Up to three layers of any widths."""
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        rows, columns = draw(st.integers(1, 5)), multiple * draw(st.integers(1, 4))
        layer = nn.Linear(columns, rows)
        values = draw(st.lists(VALUES, min_size=rows * columns, max_size=rows * columns))
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(values).reshape(rows, columns))
        layers.append(layer)
    return Holder(nn.Sequential(*layers))


def flat(holder):
    return np.concatenate([layer.weight.detach().numpy().ravel() for layer in holder.module])


def sorted_away(weights, count):
    """The weights without the first ``count`` of a stable order by magnitude."""
    expected = weights.copy()
    expected[np.argsort(np.abs(weights), kind="stable")[:count]] = 0
    return expected


@settings(max_examples=60, deadline=None)
@given(models(), st.floats(0, 0.999))
def test_one_ranking_takes_what_a_stable_sort_takes(model, sparsity):
    before = flat(model)
    after = flat(prune(model, MagnitudePruning(sparsity=sparsity)).model)
    assert np.array_equal(after, sorted_away(before, int(sparsity * before.size)))


@settings(max_examples=60, deadline=None)
@given(models(), st.floats(0, 0.999))
def test_rankings_by_layer_do_so_in_each(model, sparsity):
    pruned = prune(model, MagnitudePruning(sparsity=sparsity, scope="layer")).model
    for before, after in zip(model.module, pruned.module, strict=True):
        own = before.weight.detach().numpy().ravel()
        assert np.array_equal(after.weight.detach().numpy().ravel(), sorted_away(own, int(sparsity * own.size)))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_pattern_does_so_in_each_group(data):
    group = data.draw(st.integers(2, 5))
    stay = data.draw(st.integers(1, group - 1))
    model = data.draw(models(multiple=group))
    facts = (shaped := prune(model, MagnitudePruning(pattern=f"{stay}:{group}"))).model.pruning[0]
    for before, after in zip(model.module, shaped.model.module, strict=True):
        groups = before.weight.detach().numpy().reshape(-1, group)
        expected = np.stack([sorted_away(each, group - stay) for each in groups])
        assert np.array_equal(after.weight.detach().numpy().reshape(-1, group), expected)
    assert facts.removed == np.count_nonzero(flat(shaped.model) == 0)
