"""Quantization-aware training (Jacob et al., 2018): a model learns with its weights and activations rounded to INT8."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from leanglot.compress import int8
from leanglot.compress.fake_quant import calibrated, plain, prepare, ranges_of
from leanglot.compress.learning import Lessons, facts_of, learn
from leanglot.data.split import sample_balanced
from leanglot.models.text_classifier import TextClassifier
from leanglot.results.checkpoints import key_of
from leanglot.runtimes.base import TokenIds
from leanglot.stats.histograms import Range
from leanglot.techniques import QuantizationAware


@dataclass(frozen=True, slots=True)
class Aware:
    """A model that was trained for its quantization.

    Attributes:
        model: In FP32, with the trained weights; `leanglot.compress.static_int8.quantize_within` makes its graph one
            that answers as the model did while it was trained.
        ranges: What each quantized layer reads, by its name.
        notes: What was noticed on the way, one sentence each.
    """

    model: TextClassifier
    ranges: Mapping[str, Range]
    notes: tuple[str, ...]


def train_aware(model: TextClassifier, config: QuantizationAware, lessons: Lessons) -> Aware:
    """Train a model with the rounding that it will have in INT8.

    The ranges start from the smallest and the largest value on training texts, balanced over the languages.

    Args:
        model: Left as it is.
        config: Resolved: ``reduce_range`` is decided.
        lessons: Teacher and examples.

    Raises:
        RecipeError: There is nothing to quantize, or the model does not fit the teacher.
        DataError: The examples do not fit the model, or lack a language.
        TrainingError: The loss is no number any more or explodes, or a checkpoint cannot be used.
        ModelError: A layer cannot be trained with rounding.
        StorageError: There is no space for checkpoints or the teacher's answers.
    """
    rounding = calibrated(prepare(model.module, config), _rows(model, config, lessons), model.pad_id)
    shaping = key_of(model.source, model.recipe, model.pruning, model.vocabulary, config)
    lesson = learn(model, config, lessons, shaping, module=rounding)
    facts = facts_of(lesson, "qat", config.training)
    trained = replace(model, module=plain(rounding), training=(*model.training, facts))
    return Aware(trained, ranges_of(rounding), lesson.notes)


def resolve(config: QuantizationAware, isa: Collection[str]) -> QuantizationAware:
    """The config with every choice made that depends on the target machine."""
    return config.model_copy(update={"reduce_range": int8.resolve(config.scheme, isa).reduce_range})


def _rows(model: TextClassifier, config: QuantizationAware, lessons: Lessons) -> list[TokenIds]:
    """Training texts that the ranges start from."""
    drawn = sample_balanced(lessons.data.examples, config.samples, config.training.seed)
    return [np.asarray(one.ids, dtype=np.int64) for one in model.tokenizer.encode_batch(list(drawn.texts))]
