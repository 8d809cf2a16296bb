"""Carries out a step on a translation model itself: pruning, layers of one side, trimming the vocabulary."""

from functools import partial
from importlib import metadata
from typing import Final

from leanglot.compress import seq2seq_layers, seq2seq_vocabulary
from leanglot.compress.importance import Scores, load_scores, no_texts, save_scores
from leanglot.compress.seq2seq_importance import measure_units
from leanglot.compress.seq2seq_pruning import ShapedTranslation, prune_units, prune_weights
from leanglot.data.calibration import draw
from leanglot.data.parallel import ParallelExamples
from leanglot.data.pool import TextPool
from leanglot.errors import RecipeError
from leanglot.models.translation_model import TranslationModel
from leanglot.results.checkpoints import key_of
from leanglot.techniques import FfnPruning, HeadPruning, MagnitudePruning, SideLayers, Technique, TrimVocabulary
from leanglot.techniques.pruning import Importance
from leanglot.techniques.support import learns_from_texts, scheme
from leanglot.translating.materials import TranslationMaking

_FEW: Final = 8


def shape(
    model: TranslationModel, step: Technique, making: TranslationMaking
) -> tuple[TranslationModel, tuple[str, ...]]:
    """Carry out a step, without what it chose by; see `carry_out_step`."""
    shaped = carry_out_step(model, step, making)
    return shaped.model, shaped.notes


def carry_out_step(model: TranslationModel, step: Technique, making: TranslationMaking) -> ShapedTranslation:
    """Carry out a step on the model itself.

    Importance is measured, and the vocabulary is cut, on the sentences for calibration, else on those for training.

    Args:
        model: Left as it is.
        step: Magnitude, head or FFN pruning, layers of a side, or vocabulary trimming.
        making: Sentences to learn from.

    Raises:
        RecipeError: The step does not fit the model, lacks sentences, or is none of these.
        DataError: The sentences lack a pair or language that is asked for, or the model does not translate one.
        ModelError: The model's family is not known, or its answers are no numbers.
    """
    match step:
        case MagnitudePruning():
            return prune_weights(model, step)
        case SideLayers():
            return ShapedTranslation(seq2seq_layers.prune(model, step))
        case HeadPruning() | FfnPruning():
            scores, notes = _scores(model, step, making)
            shaped = prune_units(model, step, scores)
            return ShapedTranslation(shaped.model, shaped.importance, (*notes, *shaped.notes))
        case TrimVocabulary():
            if making.showing is None:
                raise RecipeError(
                    "trim-vocabulary needs sentences that show what the pairs use, and there are none.",
                    "Give parallel sentences that are not judged: the key calibration or training in a config file.",
                )
            return seq2seq_vocabulary.trim(model, step, making.showing)
        case _:
            raise RecipeError(f"{scheme(step)} is no step on a translation model itself.", "Leave it out.")


def _scores(
    model: TranslationModel, step: HeadPruning | FfnPruning, making: TranslationMaking
) -> tuple[Scores | None, tuple[str, ...]]:
    """The importance that a step chooses by, measured or found in the work folder; None where heads are named."""
    if not learns_from_texts(step):
        return None, ()
    examples = making.showing
    if examples is None or not len(examples):
        raise no_texts()
    drawn, notes = _drawn(examples, step.importance)
    method = step.importance.method
    tell, total = making.tell, len(drawn)
    told = None if tell is None else lambda done: tell.measured(done, total)
    measure = partial(measure_units, model, step.technique, method, drawn, on_batch=told)
    if making.work is None:
        return measure(), notes
    learnt = (model.recipe, model.pruning, model.vocabulary, model.training)
    key = key_of(
        step.technique, method, model.source, model.max_length, learnt, metadata.version("torch"), drawn.digest()
    )
    path = making.work / f"importance-{step.technique}-{key[:16]}.safetensors"
    scores = load_scores(path, key)
    if scores is None:
        scores = measure()
        making.work.mkdir(parents=True, exist_ok=True)
        save_scores(scores, path, key)
    return scores, notes


def _drawn(examples: ParallelExamples, how: Importance) -> tuple[ParallelExamples, tuple[str, ...]]:
    """Sentences with the config's balance between the pairs, and what to know about the draw."""
    places = TextPool(tuple(map(str, range(len(examples)))), examples.pairs, "the parallel sentences")
    drawn = draw(places, how, (), "Importance")
    few = [pair for pair, number in drawn.counts.items() if number < _FEW]
    told = (f"Importance is measured on fewer than {_FEW} sentences of {', '.join(few)}: little to choose by there.",)
    one = len(set(examples.pairs)) == 1
    # A model of one pair has no other to be fair to.
    notes = tuple(note for note in drawn.notes if not (one and "one language" in note))
    return examples.subset([int(place) for place in drawn.texts]), (*notes, *(told if few else ()))
