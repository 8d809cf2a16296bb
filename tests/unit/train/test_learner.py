"""A learner's losses are those of the published formula, example by example."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from leanglot.train.learner import COLUMNS
from leanglot.train.loss import IGNORED, DistillationLoss
from leanglot.train.rows import collate
from tiny_training import LAYERS, make_learner, make_rows, without_teacher

POSITIONS = np.asarray([0, 5, 13, 21, 22])


def losses(learner, batch):
    learner.eval()
    with torch.no_grad():
        return dict(zip(COLUMNS, learner(batch).T, strict=True))


def batch_of(rows, positions=POSITIONS):
    return collate(rows, positions, torch.device("cpu"))


def answers(learner, batch, **more):
    with torch.no_grad():
        return learner.model.eval()(input_ids=batch.input_ids, attention_mask=batch.attention_mask, **more)


@pytest.mark.parametrize(("temperature", "alpha"), [(1.0, 0.0), (4.0, 0.7), (2.0, 1.0)])
def test_the_loss_is_that_of_distillation(temperature, alpha):
    learner = make_learner(temperature=temperature, alpha=alpha, hidden_weight=0.0, hidden_layers=())
    batch = batch_of(make_rows())
    found = losses(learner, batch)
    logits = answers(learner, batch).logits
    loss = DistillationLoss(temperature, alpha)
    assert found["loss"].mean() == pytest.approx(loss(logits, batch.teacher_logits, batch.labels).item(), rel=1e-6)
    for place in range(len(POSITIONS)):
        row = slice(place, place + 1)
        alone = loss(logits[row], batch.teacher_logits[row], batch.labels[row]).item()
        assert found["loss"][place] == pytest.approx(alone, rel=1e-6)
    assert torch.allclose(found["loss"], alpha * found["teacher"] + (1 - alpha) * found["labels"])
    assert not found["hidden"].any()


def test_texts_without_a_label_learn_from_the_teacher_alone():
    batch = batch_of(make_rows(unlabelled=6))
    assert (batch.labels == IGNORED).tolist() == [True, True, False, False, False]
    found = losses(make_learner(alpha=0.2, hidden_weight=0.0), batch)
    assert torch.equal(found["loss"][:2], found["teacher"][:2])
    assert not found["labels"][:2].any()
    assert torch.allclose(found["loss"][2:], 0.2 * found["teacher"][2:] + 0.8 * found["labels"][2:])


def test_without_a_teacher_the_loss_is_that_of_the_labels():
    batch = batch_of(without_teacher(make_rows()))
    learner = make_learner(alpha=0.0)
    found = losses(learner, batch)
    expected = torch.nn.functional.cross_entropy(answers(learner, batch).logits, batch.labels, reduction="none")
    assert torch.allclose(found["loss"], expected)
    assert not found["teacher"].any()
    assert not found["hidden"].any()


def test_with_alpha_zero_the_teacher_s_answers_count_for_no_text():
    batch = batch_of(make_rows(unlabelled=6))
    learner = make_learner(alpha=0.0, hidden_weight=0.3)
    found = losses(learner, batch)
    assert batch.teacher_logits is not None
    assert torch.allclose(found["loss"], found["labels"] + 0.3 * found["hidden"])
    assert found["hidden"].all()
    assert not found["teacher"].any()
    assert learner.present(batch) == ("loss", "labels", "hidden")


def test_hidden_states_are_matched_over_the_tokens_alone():
    batch = batch_of(make_rows())
    learner = make_learner(hidden_weight=0.3)
    found = losses(learner, batch)
    states = answers(learner, batch, output_hidden_states=True).hidden_states
    for place, position in enumerate(POSITIONS):
        length = int(batch.attention_mask[place].sum())
        assert length == len(make_rows().ids[position])
        # New projections are the identity, so that the states themselves are compared.
        differences = [
            (states[layer + 1][place, :length] - batch.teacher_hidden[place, :length, layer]).square().mean()
            for layer in range(LAYERS)
        ]
        assert found["hidden"][place] == pytest.approx(np.mean(differences), rel=1e-5)
    alone = losses(make_learner(hidden_weight=0.0, hidden_layers=()), batch)
    assert torch.allclose(found["loss"], alone["loss"] + 0.3 * found["hidden"])


def test_what_stands_at_the_padding_changes_no_loss():
    batch = batch_of(make_rows())
    wild = batch.teacher_hidden.clone()
    wild[batch.attention_mask == 0] = 1e6
    assert (batch.attention_mask == 0).any()
    learner = make_learner()
    assert torch.equal(learner.eval()(batch), learner.eval()(replace(batch, teacher_hidden=wild)))


def test_a_text_that_is_split_otherwise_is_matched_nowhere():
    rows = make_rows()
    comparable = rows.answers.comparable.copy()
    comparable[POSITIONS[2]] = False
    found = losses(make_learner(), batch_of(replace(rows, answers=replace(rows.answers, comparable=comparable))))
    assert found["hidden"][2] == 0
    assert torch.allclose(found["loss"][2], 0.5 * found["teacher"][2] + 0.5 * found["labels"][2])
    assert (found["hidden"][[0, 1, 3, 4]] > 0).all()


def test_layers_are_matched_in_the_order_of_the_teacher_s_states():
    batch = batch_of(make_rows())
    swapped = replace(batch, teacher_hidden=batch.teacher_hidden.flip(2))
    one = losses(make_learner(hidden_layers=(0, 1)), batch)["hidden"]
    other = losses(make_learner(hidden_layers=(1, 0)), swapped)["hidden"]
    assert torch.allclose(one, other)
    assert not torch.allclose(one, losses(make_learner(hidden_layers=(1, 0)), batch)["hidden"])


def test_the_projections_are_trained_with_the_model():
    batch = batch_of(make_rows())
    learner = make_learner(teacher_width=32)
    learner(batch)[:, 0].sum().backward()
    assert len(learner.projections) == LAYERS
    assert all(projection.weight.grad.abs().max() > 0 for projection in learner.projections)


@pytest.mark.parametrize("width", [16, 48])
def test_a_teacher_of_another_width_is_matched_through_a_projection(width):
    batch = batch_of(make_rows())
    states = torch.randn(*batch.teacher_hidden.shape[:3], width)
    found = losses(make_learner(teacher_width=width), replace(batch, teacher_hidden=states))
    assert (found["hidden"] > 0).all()


def test_a_model_in_bfloat16_gives_losses_in_float32():
    batch = batch_of(make_rows())
    exact = losses(make_learner(), batch)["loss"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = losses(make_learner(), batch)["loss"]
    assert found.dtype is torch.float32
    assert torch.allclose(found, exact, rtol=0.05)
    assert not torch.equal(found, exact)


@pytest.mark.parametrize("family", ["bert", "distilbert"])
def test_other_families_learn_too(family):
    rows = make_rows()
    found = losses(make_learner(family), batch_of(rows))
    assert all(torch.isfinite(part).all() for part in found.values())
    assert (found["hidden"] > 0).all()
