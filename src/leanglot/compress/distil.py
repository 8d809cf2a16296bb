"""Knowledge distillation (Hinton et al., 2015), and recovery: a student learns the answers of the whole model."""

import copy
from dataclasses import replace
from typing import Final

from leanglot.compress.held_zeros import has_zeros, hold_zeros, release_zeros
from leanglot.compress.importance import Scores
from leanglot.compress.learning import Lessons, facts_of, learn, shaping_of
from leanglot.compress.shaped import Shaped
from leanglot.compress.structured import prune_layers
from leanglot.compress.student import chosen_layers, from_layers, from_sizes, with_own_weights
from leanglot.models.structure import blocks_of
from leanglot.models.text_classifier import TextClassifier
from leanglot.techniques import Distillation, LayerPruning
from leanglot.techniques.distillation import Student

_LARGE_TABLE: Final = 0.5  # of all weights


def distil(model: TextClassifier, config: Distillation, lessons: Lessons, scores: Scores | None = None) -> Shaped:
    """Train a student of a model, or the model itself, on a teacher's answers and on labels.

    Weights that an earlier step set to zero stay zero.

    Args:
        model: Left as it is.
        config: Student, loss and training.
        lessons: Teacher and examples.
        scores: Importance of the model's layers, where the student is chosen by it.

    Raises:
        RecipeError: The student cannot be made, or does not fit the teacher.
        DataError: The examples do not fit the model, or lack a language.
        TrainingError: The loss is no number any more or explodes, or a checkpoint cannot be used.
        ModelError: The model's family is not known.
        StorageError: There is no space for checkpoints or the teacher's answers.
    """
    start = new_student(model, config.student, scores, config.training.seed)
    shaping = shaping_of(model, config, start.model.pruning)
    module = start.model.module
    zeroed = has_zeros(start.model.pruning)
    if zeroed:  # on a copy, since who looks at the model's layers expects plain ones
        module = copy.deepcopy(module)
    held = hold_zeros(module) if zeroed else {}
    lesson = learn(start.model, config, lessons, shaping, module=module)
    release_zeros(held)
    facts = facts_of(lesson, "distil", config.training)
    student = replace(start.model, module=module, training=(*start.model.training, facts))
    return Shaped(student, start.importance, (*start.notes, *lesson.notes, *_large_table(student)))


def new_student(model: TextClassifier, config: Student | None, scores: Scores | None, seed: int) -> Shaped:
    """The student before its training, with weights of its own.

    Args:
        model: Left as it is.
        config: What it is made of; None takes the model as it is.
        scores: Importance of the model's layers, where they are chosen by it.
        seed: Seed of new weights.

    Raises:
        RecipeError: It is larger than the model where it may not be, or scores lack.
        ModelError: The model's family is not known.
    """
    if config is None:
        return Shaped(with_own_weights(model))
    if config.is_new:
        return Shaped(from_sizes(model, config, seed))
    if (step := ranking(model, config)) is not None:
        shaped = prune_layers(model, step, scores)
        return replace(shaped, model=with_own_weights(shaped.model))
    return Shaped(from_layers(model, config))


def _large_table(student: TextClassifier) -> tuple[str, ...]:
    """A note where most of a student is the table of its pieces, which fewer layers leave as it is."""
    whole, part = student.module, student.module.get_input_embeddings()
    table, total = (sum(weight.numel() for weight in module.parameters()) for module in (part, whole))
    if student.vocabulary is not None or table < _LARGE_TABLE * total:
        return ()
    told = f"{table / total:.0%} of the student's weights are the embedding table: trim the vocabulary first"
    return (f"{told}, and store the table as INT8 rows.",)


def ranking(model: TextClassifier, config: Student | None) -> LayerPruning | None:
    """The step that chooses a student's layers by importance; None where they are chosen otherwise.

    Raises:
        RecipeError: It asks for more layers than there are.
        ModelError: The model's family is not known.
    """
    if config is None or config.take != "importance" or config.layers is None:
        return None
    total = len(blocks_of(model.module))
    count = len(chosen_layers(model.name, total, config))
    return LayerPruning(sparsity=(total - count) / total, importance=config.importance)
