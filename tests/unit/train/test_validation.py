"""Held-out examples are counted by language, whoever answers them."""

import numpy as np
import pytest
import torch

from leanglot.train.validation import check, checks, languages_of
from tiny_training import make_learner, make_rows, without_teacher

CPU = torch.device("cpu")
ROWS = without_teacher(make_rows({"th": 5, "de": 9, "sw": 1}, seed=4))


@pytest.fixture(scope="module")
def model():
    return make_learner().model


def test_every_example_counts_once_in_its_language(model):
    found = checks(languages_of(ROWS), check(model, ROWS, CPU))
    assert list(found) == ["de", "sw", "th"]
    for tag in found:
        right, losses = [], []
        for ids, label, language in zip(ROWS.ids, ROWS.labels, ROWS.languages, strict=True):
            if language != tag:
                continue
            with torch.no_grad():
                logits = model(torch.from_numpy(ids)[None]).logits
            right.append(int(logits.argmax()) == label)
            losses.append(torch.nn.functional.cross_entropy(logits, torch.tensor([label])).item())
        assert (found[tag].n, found[tag].right) == (len(right), sum(right))
        assert found[tag].loss == pytest.approx(np.mean(losses), rel=1e-5)
        assert found[tag].accuracy == sum(right) / len(right)


@pytest.mark.parametrize("world", [2, 4, 20])
def test_several_processes_answer_each_example_once(model, world):
    parts = [check(model, ROWS, CPU, rank, world) for rank in range(world)]
    whole = check(model, ROWS, CPU)
    together = sum(parts)
    assert np.array_equal(together[:, :2], whole[:, :2])
    assert np.allclose(together, whole, rtol=1e-5)
    assert all(part[:, 0].sum() in {15 // world, -(-15 // world)} for part in parts)


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_as_it_was_and_answers_without_dropout(model, training):
    expected = check(model, ROWS, CPU)
    model.train(training)
    assert np.array_equal(check(model, ROWS, CPU), expected)
    assert model.training is training
    model.eval()
