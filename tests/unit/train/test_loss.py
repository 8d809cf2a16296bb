"""The losses against their formulas, computed apart and by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from scipy.stats import entropy

import leanglot
from leanglot.train.loss import (
    IGNORED,
    DistillationLoss,
    divergence,
    hidden_difference,
    new_projection,
    spread_layers,
    supervised,
)

STUDENT = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 3.0], [-2.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
TEACHER = torch.tensor([[3.0, -1.0, 0.0], [0.0, 1.0, 2.0], [1.0, 1.0, 1.0], [4.0, 0.0, -4.0]])
LABELS = torch.tensor([0, 2, 1, 0])


def formula(student, teacher, labels, temperature, alpha):
    """The published formula in float64, by scipy, as a mean over the rows."""
    soft, hard = [], []
    for one, other, label in zip(student.double().numpy(), teacher.double().numpy(), labels.numpy(), strict=True):
        p, q = np.exp(log_softmax(other / temperature)), np.exp(log_softmax(one / temperature))
        soft.append(temperature**2 * entropy(p, q))
        hard.append(-log_softmax(one)[label])
    return alpha * np.mean(soft) + (1 - alpha) * np.mean(hard)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.7, 1.0])
def test_it_is_the_published_formula(temperature, alpha):
    # In float32, T^2 magnifies the rounding of a small divergence.
    loss = DistillationLoss(temperature, alpha)(STUDENT, TEACHER, LABELS)
    assert loss.item() == pytest.approx(formula(STUDENT, TEACHER, LABELS, temperature, alpha), rel=3e-5)


def test_known_tensors_by_hand():
    # Both answers are one half each at any temperature; the label costs ln 2.
    even = torch.zeros(1, 2)
    assert DistillationLoss(4.0, 0.7)(even, even, torch.tensor([1])).item() == pytest.approx(0.3 * math.log(2))
    # The teacher is sure at T=1: KL((1, 0) || (1/2, 1/2)) = ln 2.
    sure = torch.tensor([[80.0, 0.0]])
    assert DistillationLoss(1.0, 1.0)(even, sure, torch.tensor([1])).item() == pytest.approx(math.log(2))


def test_the_usual_values_are_a_temperature_of_four_and_seven_tenths():
    usual = DistillationLoss()(STUDENT, TEACHER, LABELS)
    assert usual == DistillationLoss(temperature=4.0, alpha=0.7)(STUDENT, TEACHER, LABELS)


def test_tokens_are_averaged_over_all_that_count_and_padding_counts_nowhere():
    student, teacher = STUDENT.view(2, 2, 3), TEACHER.view(2, 2, 3)
    labels = torch.tensor([[0, IGNORED], [1, 0]])
    loss = DistillationLoss(3.0, 0.4)
    found = loss(student, teacher, labels).item()
    some = [0, 2, 3]
    assert found == pytest.approx(formula(STUDENT[some], TEACHER[some], LABELS[some], 3.0, 0.4), rel=1e-6)
    wild = student.clone()
    wild[0, 1] = torch.tensor([1e9, -1e9, float("nan")])
    assert loss(wild, teacher, labels).item() == found
    wild.requires_grad_()
    loss(wild, teacher, labels).backward()
    assert wild.grad is not None
    assert not wild.grad[0, 1].any()
    assert wild.grad[0, 0].any()


def test_another_label_may_mark_what_does_not_count():
    labels = torch.tensor([0, 2, -1, 0])
    found = DistillationLoss(2.0, 0.5, ignore_index=-1)(STUDENT, TEACHER, labels).item()
    some = [0, 1, 3]
    assert found == pytest.approx(formula(STUDENT[some], TEACHER[some], labels[some], 2.0, 0.5), rel=1e-6)


@pytest.mark.parametrize("shape", [(4, 3), (2, 2, 3)])
def test_bfloat16_logits_are_computed_in_float32(shape):
    student, teacher = STUDENT.bfloat16(), TEACHER.bfloat16()
    loss = DistillationLoss(4.0, 0.7)(student.view(shape), teacher.view(shape), LABELS.view(shape[:-1]))
    assert loss.dtype is torch.float32
    # What is left is the rounding of the logits themselves, and these are exact in bfloat16.
    assert loss.item() == pytest.approx(formula(STUDENT, TEACHER, LABELS, 4.0, 0.7), rel=1e-6)


def test_the_gradient_flows_into_the_student_alone_and_is_the_formula_s():
    student = STUDENT.clone().requires_grad_()
    teacher = TEACHER.clone().requires_grad_()
    DistillationLoss(4.0, 1.0)(student, teacher, LABELS).backward()
    assert teacher.grad is None
    # d/dz of T^2 KL(p || softmax(z/T)) is T (q - p), Hinton et al., equation 2.
    expected = 4.0 * (torch.softmax(STUDENT / 4, -1) - torch.softmax(TEACHER / 4, -1)) / len(STUDENT)
    assert torch.allclose(student.grad, expected, atol=1e-6)


def test_it_is_public():
    assert leanglot.DistillationLoss is DistillationLoss
    assert repr(DistillationLoss(2.0, 0.5)) == "DistillationLoss(temperature=2.0, alpha=0.5, ignore_index=-100)"


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_must_be_above_zero(temperature):
    with pytest.raises(ValueError, match="temperature is"):
        DistillationLoss(temperature)


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_is_a_share(alpha):
    with pytest.raises(ValueError, match="alpha is"):
        DistillationLoss(alpha=alpha)


def test_shapes_must_fit_together():
    with pytest.raises(ValueError, match=r"\(4, 3\) \(student\) and \(3, 3\) \(teacher\)"):
        DistillationLoss()(STUDENT, TEACHER[:3], LABELS)
    with pytest.raises(ValueError, match=r"labels of shape \(3,\)"):
        DistillationLoss()(STUDENT, TEACHER, LABELS[:3])


def test_a_mean_of_nothing_is_refused():
    with pytest.raises(ValueError, match="every label is -100"):
        DistillationLoss()(STUDENT, TEACHER, torch.full((4,), IGNORED))


def test_rows_have_their_own_values():
    rows = 0.7 * divergence(STUDENT, TEACHER, 4.0) + 0.3 * supervised(STUDENT, LABELS)
    assert rows.shape == (4,)
    assert rows.mean() == pytest.approx(DistillationLoss(4.0, 0.7)(STUDENT, TEACHER, LABELS).item(), rel=1e-6)
    assert supervised(STUDENT, torch.tensor([0, IGNORED, 1, 0]))[1] == 0


def test_hidden_states_differ_by_the_mean_square_of_their_tokens():
    student, teacher = torch.zeros(2, 3, 2), torch.tensor([[[1.0, 3.0], [2.0, 0.0], [9.0, 9.0]]] * 2)
    mask = torch.tensor([[1, 1, 0], [0, 0, 0]])
    assert hidden_difference(student, teacher, mask).tolist() == [pytest.approx((5.0 + 2.0) / 2), 0.0]


@pytest.mark.parametrize(
    ("student", "teacher", "layers"),
    [
        (6, 12, {0: 1, 1: 3, 2: 5, 3: 7, 4: 9, 5: 11}),
        (4, 12, {0: 2, 1: 5, 2: 8, 3: 11}),
        (1, 12, {0: 11}),
        (2, 2, {0: 0, 1: 1}),
        (4, 2, {0: 0, 1: 0, 2: 1, 3: 1}),
    ],
)
def test_layers_are_matched_evenly_the_last_with_the_last(student, teacher, layers):
    assert spread_layers(student, teacher) == layers


def test_a_projection_starts_as_the_identity():
    wide = new_projection(2, 3)
    assert wide(torch.tensor([1.0, 2.0])).tolist() == [1.0, 2.0, 0.0]
