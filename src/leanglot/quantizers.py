"""Carries out the quantization step of a recipe on the form that each engine executes."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from leanglot.compress import half, int8, openvino, static_int8, weight_only
from leanglot.data.calibration import DrawnTexts, draw
from leanglot.data.pool import TextPool
from leanglot.data.training import TrainingExamples
from leanglot.errors import RecipeError
from leanglot.models.text_classifier import TextClassifier
from leanglot.models.torch_quantized import quantize_classifier, save_quantized
from leanglot.progress import Telling
from leanglot.runtimes.base import TokenIds
from leanglot.techniques import (
    Calibration,
    HalfPrecision,
    Int8,
    PostTraining,
    Quantization,
    Runtime,
    WeightOnly,
)
from leanglot.techniques.support import learns_from_texts
from leanglot.techniques.targets import has_arithmetic
from leanglot.train.tracking import Tracking


@dataclass(frozen=True, slots=True)
class Making:
    """What making artifacts needs beside a model and a recipe.

    Attributes:
        isa: Instruction-set extensions of the target machine.
        calibration: Texts that activation ranges and importance may be taken from; None where there are none.
        corpus: Texts that show which pieces of the vocabulary the languages use; None where there are none.
        store: Folder where measured importance is kept for other recipes; None keeps none.
        served: Languages that the model is judged or used in, as far as they are known.
        training: Examples to train on; None where there are none.
        teacher: The model whose answers are learned; None takes the one that the recipe starts from.
        work: Folder where trainings are kept while they run, and their results after them; None keeps none.
        tracking: Where the losses of a training are logged besides; None for nowhere.
        tell: Told how the making goes; None tells nobody.
    """

    isa: tuple[str, ...] = ()
    calibration: TextPool | None = None
    corpus: TextPool | None = None
    store: Path | None = None
    served: tuple[str, ...] = ()
    training: TrainingExamples | None = None
    teacher: TextClassifier | None = None
    work: Path | None = None
    tracking: Tracking | None = None
    tell: Telling | None = None

    @property
    def showing(self) -> TextPool | None:
        """Texts that show what the languages use: the corpus, else the texts for calibration."""
        return self.corpus or self.calibration


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The texts of a static step, tokenized.

    Attributes:
        texts: What was drawn.
        rows: Token ids per text.
        pad_id: Token id of the padding.
    """

    texts: DrawnTexts
    rows: tuple[TokenIds, ...]
    pad_id: int


def calibrate(tokenizer: Tokenizer, pad_id: int, step: Quantization, making: Making) -> Calibrated | None:
    """The calibration texts of a step, tokenized; None where it needs none.

    Raises:
        RecipeError: It needs some and there are none.
        DataError: What was asked for cannot be drawn.
    """
    if not isinstance(step, Int8) or not learns_from_texts(step):
        return None
    if making.calibration is None:
        raise RecipeError(
            "int8 with static activations needs calibration data, and there are none.",
            "Give texts of the training split: --calibration FILE, or the key calibration in a config file.",
        )
    texts = draw(making.calibration, step.calibration or Calibration(), making.served)
    encoded = tokenizer.encode_batch(list(texts.texts))
    if cut := sum(bool(one.overflowing) for one in encoded):
        told = f"Calibration texts longer than the model reads, which were cut: {cut:,} of {len(encoded):,}."
        texts = replace(texts, notes=(*texts.notes, told))
    return Calibrated(texts, tuple(np.asarray(one.ids, dtype=np.int64) for one in encoded), pad_id)


def quantize_graph(
    runtime: Runtime, source: Path, target: Path, step: PostTraining, texts: Calibrated | None
) -> tuple[str, ...]:
    """Quantize an exported graph for the engine that executes it.

    Args:
        runtime: ``onnxruntime`` or ``openvino``.
        source: Folder with the FP32 graph; left as it is.
        target: An existing folder.
        step: With every choice made; see `resolve`.
        texts: From `calibrate`.

    Returns:
        What was noticed on the way, one sentence each.

    Raises:
        RecipeError: The step does not fit the graph or the engine.
    """
    rows, pad_id = (None, 0) if texts is None else (texts.rows, texts.pad_id)
    if runtime == "openvino":
        openvino.quantize(source, target, step, rows, pad_id)
        return ()
    match step:
        case Int8() if rows is not None:
            return static_int8.quantize(source, target, step, rows, pad_id).notes
        case Int8():
            return int8.quantize(source, target, step).notes
        case WeightOnly():
            return weight_only.quantize(source, target, step).notes
        case HalfPrecision():
            return half.quantize(source, target, step).notes


def quantize_module(model: TextClassifier, step: PostTraining, target: Path) -> None:
    """Quantize a PyTorch model and write it with its tokenizer.

    Raises:
        RecipeError: The step does not fit the model.
    """
    save_quantized(quantize_classifier(model, step), target)


def expectations(step: Quantization, runtime: Runtime, isa: Collection[str]) -> tuple[str, ...]:
    """What the target's hardware makes of a step, told before anything is measured."""
    if not isinstance(step, HalfPrecision):
        return ()
    name = step.dtype.upper()
    if runtime != "pytorch":
        return (f"{name} is stored, and computed in FP32: half the size, no faster.",)
    if has_arithmetic(step.dtype, isa):
        return ()
    return (f"The target has no {name} arithmetic in hardware: half the size, and usually several times slower.",)


def resolve(step: PostTraining, runtime: Runtime, isa: Collection[str]) -> PostTraining:
    """The step with every choice made that depends on the target machine; PyTorch's products never saturate."""
    return int8.resolve(step, isa) if isinstance(step, Int8) and runtime != "pytorch" else step
