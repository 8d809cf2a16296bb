"""Configs of training and distillation: what is refused names the field, and all comes back from JSON."""

import pytest
from pydantic import TypeAdapter, ValidationError

from leanglot.techniques import Distillation, Int8, Recipe
from leanglot.techniques.distillation import HiddenMatching, Student
from leanglot.techniques.support import learns_from_texts, trains
from leanglot.techniques.training import Training

RECIPE = TypeAdapter(Recipe)


@pytest.mark.parametrize(
    "step",
    [
        Distillation(),
        Distillation(student=Student(layers=6, take="alternate"), temperature=2.0, alpha=0.5),
        Distillation(student=Student(hidden=128, heads=2, ffn=512), hidden=HiddenMatching(layers={0: 1, 1: 11})),
        Distillation(
            alpha=0,
            training=Training(
                epochs=0.5,
                micro_batch=8,
                freeze=("embeddings", "layer.0"),
                balance="traffic",
                traffic={"de": 0.7, "th": 0.3},
                precision="bf16",
                patience=2,
                watch="mean",
            ),
        ),
    ],
)
def test_a_step_comes_back_from_json_as_it_was(step):
    assert RECIPE.validate_json(RECIPE.dump_json((step, Int8()))) == (step, Int8())


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"learning_rate": 0}, "learning_rate"),
        ({"learning_rate": -1e-3}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"learning_rate": float("inf")}, "learning_rate"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": -1}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"micro_batch": 0}, "micro_batch"),
        ({"weight_decay": 1}, "weight_decay"),
        ({"warmup": 1.1}, "warmup"),
        ({"schedule": "step"}, "schedule"),
        ({"clip": 0}, "clip"),
        ({"dropout": 1}, "dropout"),
        ({"freeze": ["."]}, "freeze"),
        ({"balance": "even"}, "balance"),
        ({"temperature": 0.5}, "temperature"),
        ({"precision": "fp8"}, "precision"),
        ({"validation": 1}, "validation"),
        ({"validation": -0.1}, "validation"),
        ({"patience": 0}, "patience"),
        ({"watch": "best"}, "watch"),
        ({"seed": -1}, "seed"),
        ({"rate": 1e-3}, "rate"),
    ],
)
def test_a_training_that_makes_no_sense_is_refused_by_the_field(values, field):
    with pytest.raises(ValidationError) as caught:
        Training.model_validate(values)
    assert [error["loc"][0] for error in caught.value.errors()] == [field]


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"balance": "traffic"}, "balance: traffic and the shares under traffic need each other"),
        ({"traffic": {"de": 1.0}}, "need each other"),
        ({"patience": 3, "validation": 0}, "patience needs held-out examples: set validation above 0"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(values, fault):
    with pytest.raises(ValidationError, match=fault):
        Training.model_validate(values)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"temperature": 0}, ("temperature",)),
        ({"temperature": -4}, ("temperature",)),
        ({"temperature": float("nan")}, ("temperature",)),
        ({"alpha": 1.5}, ("alpha",)),
        ({"alpha": -0.1}, ("alpha",)),
        ({"hidden": {"weight": 0}}, ("hidden", "weight")),
        ({"hidden": {"layers": {}}}, ("hidden", "layers")),
        ({"hidden": {"layers": {"-1": 0}}}, ("hidden", "layers")),
        ({"training": {"learning_rate": 0}}, ("training", "learning_rate")),
        ({"student": {"layers": 0}}, ("student", "layers")),
        ({"teacher": "xlmr"}, ("teacher",)),
    ],
)
def test_a_distillation_that_makes_no_sense_is_refused_by_the_field(values, field):
    with pytest.raises(ValidationError) as caught:
        Distillation.model_validate(values)
    assert all(error["loc"][: len(field)] == field for error in caught.value.errors())


def test_only_a_student_chosen_by_importance_learns_from_unlabelled_texts_first():
    assert learns_from_texts(Distillation(student=Student(layers=1, take="importance")))
    assert not learns_from_texts(Distillation(student=Student(layers=1)))
    assert not learns_from_texts(Distillation(student=Student(hidden=8)))
    assert not learns_from_texts(Distillation())


def test_a_recipe_that_trains_is_known():
    assert trains((Distillation(), Int8()))
    assert not trains((Int8(),))
    assert not trains(())
