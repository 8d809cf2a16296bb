"""Carries out the steps of a recipe on the model itself: pruning, and trimming the vocabulary."""

from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from typing import Final

import numpy as np

from leanglot.compress import magnitude, structured, vocabulary
from leanglot.compress.distil import distil, ranking
from leanglot.compress.importance import Scores, load_scores, no_texts, save_scores
from leanglot.compress.movement import prune_by_movement
from leanglot.compress.shaped import Shaped
from leanglot.data.calibration import draw
from leanglot.errors import RecipeError
from leanglot.models.text_classifier import TextClassifier
from leanglot.quantizers import Making
from leanglot.results.checkpoints import key_of
from leanglot.results.shaping import ImportanceMap
from leanglot.runtimes.base import TokenIds
from leanglot.schooling import gaps, lessons
from leanglot.techniques import (
    Distillation,
    MagnitudePruning,
    ModelStep,
    MovementPruning,
    StructuredPruning,
    TrimVocabulary,
)
from leanglot.techniques.support import learns_from_texts, trains

_FEW_TEXTS: Final = 8


@dataclass(frozen=True, slots=True)
class Shape:
    """A model after the steps of a recipe on it.

    Attributes:
        model: Its recipe holds the steps.
        importance: What heads, neurons or layers were chosen by, a map per step that measured it.
        notes: What was noticed on the way, one sentence each.
    """

    model: TextClassifier
    importance: tuple[ImportanceMap, ...] = ()
    notes: tuple[str, ...] = ()


def carry_out(model: TextClassifier, steps: tuple[ModelStep, ...], making: Making) -> Shape:
    """Carry out steps on a model, one after the other.

    Args:
        model: Left as it is.
        steps: Pruning and trimming.
        making: Texts for importance, and texts that show what the vocabulary is needed for.

    Raises:
        RecipeError: A step does not fit the model, or needs texts that are not there.
        DataError: The texts lack a language that is asked for.
    """
    shape = Shape(model)
    for step in steps:
        shaped = _carry_out(shape.model, step, making, model)
        maps = () if shaped.importance is None else (shaped.importance,)
        shape = Shape(
            replace(shaped.model, recipe=(*shape.model.recipe, step)),
            (*shape.importance, *maps),
            tuple(dict.fromkeys((*shape.notes, *shaped.notes))),
        )
    return shape


def _carry_out(model: TextClassifier, step: ModelStep, making: Making, origin: TextClassifier) -> Shaped:
    match step:
        case MagnitudePruning():
            return magnitude.prune(model, step)
        case TrimVocabulary():
            return _trim(model, step, making)
        case MovementPruning():
            with lessons("movement", making, origin) as given:
                shaped = prune_by_movement(model, step, given)
            return replace(shaped, notes=(*shaped.notes, *gaps(making)))
        case Distillation():
            return _distil(model, step, making, origin)
        case _:
            scores, notes = _scores(model, step, making)
            shaped = structured.prune(model, step, scores)
            return replace(shaped, notes=(*notes, *shaped.notes))


def _trim(model: TextClassifier, step: TrimVocabulary, making: Making) -> Shaped:
    corpus = making.showing
    if corpus is None:
        raise RecipeError(
            "trim-vocabulary needs texts that show what the languages use, and there are none.",
            "Give some, labelled or not: --texts FILE or --corpus FILE, or the key corpus in a config file.",
        )
    shaped = vocabulary.trim(model, step, corpus)
    facts = shaped.model.vocabulary
    cut_for = set() if facts is None else set(facts.languages)
    if absent := sorted(set(making.served) - cut_for):
        told = f"The vocabulary was not cut for languages that the model is judged in: {', '.join(absent)}."
        shaped = replace(shaped, notes=(*shaped.notes, told))
    return shaped


def _distil(model: TextClassifier, step: Distillation, making: Making, origin: TextClassifier) -> Shaped:
    choice = ranking(model, step.student)
    scores, notes = (None, ()) if choice is None else _scores(model, choice, making)
    with lessons("distil", making, origin) as given:
        shaped = distil(model, step, given, scores)
    return replace(shaped, notes=(*notes, *shaped.notes, *gaps(making)))


def _scores(model: TextClassifier, step: StructuredPruning, making: Making) -> tuple[Scores | None, tuple[str, ...]]:
    """The importance that a step chooses by, measured or found in the store; None where units are named."""
    if not learns_from_texts(step):
        return None, ()
    if making.calibration is None:
        raise no_texts()
    drawn = draw(making.calibration, step.importance, making.served, "Importance")
    few = [tag for tag, number in drawn.counts.items() if number < _FEW_TEXTS]
    told_few = (
        f"Importance is measured on fewer than {_FEW_TEXTS} texts of {', '.join(few)}: little to choose by there."
    )
    notes = (*drawn.notes, *((told_few,) if few else ()))
    rows: dict[str, list[TokenIds]] = {}
    for encoding, tag in zip(model.tokenizer.encode_batch(list(drawn.texts)), drawn.languages, strict=True):
        rows.setdefault(tag, []).append(np.asarray(encoding.ids, dtype=np.int64))
    tell, total = making.tell, len(drawn.texts)
    told = None if tell is None else lambda done: tell.measured(done, total)
    measure = partial(structured.measure, model, step, rows, told)
    if making.store is None:
        return measure(), notes
    learnt = (model.recipe, model.pruning, model.vocabulary, *_learned_from(model, making))
    shaping = (model.source, model.max_length, learnt, making.isa, metadata.version("torch"))
    key = key_of(*structured.depends_on(step), *shaping, drawn.texts, drawn.languages)
    path = making.store / f"{step.technique}-{key[:16]}.safetensors"
    scores = load_scores(path, key)
    if scores is None:
        scores = measure()
        making.store.mkdir(parents=True, exist_ok=True)
        save_scores(scores, path, key)
    return scores, notes


def _learned_from(model: TextClassifier, making: Making) -> tuple[str, ...]:
    """Digests of what earlier steps may have learned from."""
    pools = tuple(pool.digest for pool in (making.calibration, making.corpus) if pool is not None)
    if not trains(model.recipe) or making.training is None:
        return pools
    return (*pools, making.training.digest, *(() if making.teacher is None else (making.teacher.source,)))
