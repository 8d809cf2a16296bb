"""The config of movement pruning reads back as it was, and refuses what could not reach its sparsity."""

import pytest
from pydantic import ValidationError

from leanglot.techniques.distillation import HiddenMatching
from leanglot.techniques.movement import MovementPruning
from leanglot.techniques.training import Training


@pytest.mark.parametrize(
    "config",
    [
        MovementPruning(sparsity=0.5),
        MovementPruning(sparsity=0, warmup=0, cooldown=0),
        MovementPruning(
            sparsity=0.85,
            scope="layer",
            score_rate=333.3,
            warmup=0.05,
            cooldown=0.9,
            temperature=2.0,
            alpha=1.0,
            hidden=HiddenMatching(layers={0: 1}),
            training=Training(epochs=0.5, freeze=("classifier",)),
        ),
    ],
)
def test_a_config_comes_back_from_json_as_it_was(config):
    assert MovementPruning.model_validate_json(config.model_dump_json()) == config


def test_the_scores_learn_at_the_rate_of_the_paper_unless_told_otherwise():
    config = MovementPruning(sparsity=0.5)
    assert config.score_rate * config.training.learning_rate == pytest.approx(1e-2)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({}, "sparsity"),
        ({"sparsity": 1.0}, "less than 1"),
        ({"sparsity": -0.1}, "greater than or equal to 0"),
        ({"sparsity": 0.5, "scope": "row"}, "'global' or 'layer'"),
        ({"sparsity": 0.5, "score_rate": 0}, "greater than 0"),
        ({"sparsity": 0.5, "warmup": -0.1}, "greater than or equal to 0"),
        ({"sparsity": 0.5, "warmup": 0.8}, "warmup and cooldown must sum to less than 1"),
        ({"sparsity": 0.5, "warmup": 0.25, "cooldown": 0.75}, "warmup and cooldown must sum to less than 1"),
        ({"sparsity": 0.5, "temperature": 0}, "greater than 0"),
        ({"sparsity": 0.5, "alpha": 1.1}, "less than or equal to 1"),
        ({"sparsity": 0.5, "training": {"patience": 3}}, "before the sparsity has reached its end"),
        ({"sparsity": 0.5, "pattern": "2:4"}, "Extra inputs are not permitted"),
    ],
)
def test_values_that_mean_nothing_are_refused(values, fault):
    with pytest.raises(ValidationError, match=fault):
        MovementPruning(**values)


def test_a_config_does_not_change():
    config = MovementPruning(sparsity=0.5)
    with pytest.raises(ValidationError, match="frozen"):
        config.sparsity = 0.6
