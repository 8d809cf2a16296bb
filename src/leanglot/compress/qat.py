"""Quantization-aware training (Jacob et al., 2018): a model learns with its weights and activations rounded to INT8."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import nn

from leanglot.compress import int8
from leanglot.compress.encoding import token_ids
from leanglot.compress.fake_quant import calibrated, plain, prepare, ranges_of
from leanglot.compress.held_zeros import has_zeros
from leanglot.compress.learning import Lessons, facts_of, learn, shaping_of
from leanglot.data.split import sample_balanced
from leanglot.models.text_classifier import TextClassifier
from leanglot.runtimes.base import TokenIds
from leanglot.stats.histograms import Range
from leanglot.techniques import Calibration, QuantizationAware

_BOUNDS: Final = ("low", "high", "alpha")  # the last parts of the names of learned bounds


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

    The ranges start from training texts, balanced over the languages: learned ones from the percentiles 0.005 and
    99.995, so that there is something to learn from, observed ones from the smallest and the largest value. Weights
    that an earlier step set to zero stay zero.

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
    learned = config.ranges == "learned"
    start = Calibration(method="percentile", percentile=99.99) if learned else Calibration()
    rounding = calibrated(prepare(model.module, config), _rows(model, config, lessons), model.pad_id, start)
    zeros = _Zeros(rounding) if has_zeros(model.pruning) else None
    shaping = shaping_of(model, config)
    rates = dict.fromkeys(_BOUNDS, config.range_rate) if learned else {}
    lesson = learn(model, config, lessons, shaping, module=rounding, hook=zeros, rates=rates)
    if zeros is not None:
        zeros.put()
    facts = facts_of(lesson, "qat", config.training)
    trained = replace(model, module=plain(rounding), training=(*model.training, facts))
    return Aware(trained, ranges_of(rounding), lesson.notes)


class _Zeros:
    """Sets the weights that are zero at first to zero before each step: a `leanglot.train.workplace.Hook`."""

    def __init__(self, module: nn.Module) -> None:
        weights = {name: weight for name, weight in module.named_parameters() if weight.ndim == 2}
        self._held = [(weight, weight.detach() == 0) for weight in weights.values() if bool((weight == 0).any())]

    def __call__(self, step: int, steps: int) -> None:  # noqa: ARG002 - a hook's
        self.put()

    @torch.no_grad()
    def put(self) -> None:
        """Set them to zero."""
        for weight, zero in self._held:
            weight.masked_fill_(zero.to(weight.device), 0.0)


def resolve(config: QuantizationAware, isa: Collection[str]) -> QuantizationAware:
    """The config with every choice made that depends on the target machine."""
    return config.model_copy(update={"reduce_range": int8.resolve(config.scheme, isa).reduce_range})


def _rows(model: TextClassifier, config: QuantizationAware, lessons: Lessons) -> list[TokenIds]:
    """Training texts that the ranges start from."""
    drawn = sample_balanced(lessons.data.examples, config.samples, config.training.seed)
    return token_ids(model, drawn.texts)[0]
