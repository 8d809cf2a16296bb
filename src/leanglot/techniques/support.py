"""Which engine can do which scheme, and what to say where it cannot."""

from collections.abc import Mapping, Sequence
from typing import Final, get_args

from leanglot.errors import ConfigError
from leanglot.techniques import (
    Distillation,
    FfnPruning,
    HalfPrecision,
    HeadPruning,
    Int8,
    LayerPruning,
    MagnitudePruning,
    MixedInt8,
    MovementPruning,
    Quantization,
    QuantizationAware,
    Recipe,
    Runtime,
    SequenceDistillation,
    Task,
    Technique,
    TranslationStep,
    TrimVocabulary,
    WeightOnly,
)

_RUNS_ON: Final[dict[str, tuple[Runtime, ...]]] = {
    "int8 with dynamic activations": ("onnxruntime", "pytorch", "ctranslate2"),
    "int8 with static activations": ("onnxruntime", "openvino"),
    "weight-only": ("onnxruntime", "pytorch", "openvino"),
    "half precision fp16": ("onnxruntime", "pytorch", "openvino", "ctranslate2"),
    "half precision bf16": ("pytorch", "ctranslate2"),
    "int8 with 16-bit arithmetic": ("ctranslate2",),
    "quantization-aware training": ("onnxruntime",),
}

# What translation models can be quantized to, which is less: their decoders are graphs of our own.
_TRANSLATES_ON: Final[dict[str, tuple[Runtime, ...]]] = {
    "int8 with dynamic activations": ("onnxruntime", "ctranslate2"),
    "weight-only": ("openvino",),
    "half precision fp16": ("ctranslate2", "openvino"),
    "half precision bf16": ("ctranslate2",),
    "int8 with 16-bit arithmetic": ("ctranslate2",),
}

# Steps on the model itself suit every engine.
_ON_THE_MODEL: Final[Mapping[str, str]] = {
    "magnitude": "magnitude pruning",
    "movement": "movement pruning",
    "heads": "head pruning",
    "ffn": "FFN pruning",
    "layers": "layer pruning",
    "trim-vocabulary": "vocabulary trimming",
    "distil": "distillation",
    "side-layers": "layers of one side",
    "distil-sequence": "distillation of translations",
}


def scheme(step: Technique) -> str:
    """The name of what a step does, as far as engines care."""
    match step:
        case Int8():
            return f"int8 with {step.activations} activations"
        case WeightOnly():
            return "weight-only"
        case HalfPrecision():
            return f"half precision {step.dtype}"
        case MixedInt8():
            return "int8 with 16-bit arithmetic"
        case QuantizationAware():
            return "quantization-aware training"
        case _:
            return _ON_THE_MODEL[step.technique]


def runtimes_of(step: Technique, task: Task = "text-classification") -> tuple[Runtime, ...]:
    """The engines that can do a step, the best first; a step on the model itself suits all of them.

    Args:
        step: What is to be done.
        task: What the model is for. A step that does not suit it is told by the engines that know it at all.
    """
    known = _RUNS_ON.get(scheme(step), get_args(Runtime))
    return _TRANSLATES_ON.get(scheme(step), known) if task == "translation" else known


def learns_from_texts(step: Technique) -> bool:
    """Whether a step takes activation ranges or importance from texts."""
    if isinstance(step, Int8):
        return step.activations == "static"
    if isinstance(step, HeadPruning | LayerPruning):
        return step.remove is None
    if isinstance(step, Distillation):
        return step.student is not None and step.student.take == "importance"
    return isinstance(step, FfnPruning)


def trims(recipe: Recipe) -> bool:
    """Whether a step cuts the vocabulary."""
    return any(isinstance(step, TrimVocabulary) for step in recipe)


def trains(recipe: Recipe) -> bool:
    """Whether a step trains the model."""
    return any(
        isinstance(step, Distillation | SequenceDistillation | MovementPruning | QuantizationAware) for step in recipe
    )


def makes_zeros(recipe: Recipe) -> bool:
    """Whether a step sets single weights to zero."""
    return any(isinstance(step, MagnitudePruning | MovementPruning) for step in recipe)


def known_runtime(name: str) -> Runtime:
    """The engine of that name.

    Raises:
        ConfigError: There is none.
    """
    for runtime in get_args(Runtime):
        if runtime == name:
            known: Runtime = runtime
            return known
    raise ConfigError(f"--runtime {name} is not known.", f"Allowed are {', '.join(get_args(Runtime))}.")


def recipe_fault(recipe: Recipe, runtime: Runtime) -> str | None:
    """Says why a recipe cannot be carried out on an engine; None when it can."""
    for step in recipe:
        if runtime not in (able := runtimes_of(step)):
            # Whether the model translates is not known here; no classifier's owner is sent to CTranslate2.
            told = [each for each in able if each != "ctranslate2"] or able
            return f"{scheme(step)} runs on {_either(told)}, not on {runtime}"
    quantizing = [isinstance(step, Quantization) for step in recipe]
    if any(quantizing[:-1]):
        step = recipe[quantizing.index(True)]
        return f"{step.technique} must be the last step, once: nothing can follow what it leaves behind"
    return _options_fault(recipe, runtime)


def task_fault(recipe: Recipe, runtime: Runtime, task: Task) -> str | None:
    """Says why a recipe does not suit what a model is for; None when it does."""
    if task == "text-classification":
        if runtime == "ctranslate2":
            return "ctranslate2 runs translation models, not classifiers"
        for step in recipe:
            if isinstance(step, Int8) and step.embedding_bits != 8:
                return f"{scheme(step)} with embedding_bits: {step.embedding_bits} is for translation models"
            if isinstance(step, TranslationStep | MixedInt8):
                return f"{scheme(step)} is for translation models, not for classifiers"
            if isinstance(step, TrimVocabulary) and step.side != "both":
                return f"{scheme(step)} with side: {step.side} is for translation models: a classifier has no two sides"
        return None
    return next((fault for step in recipe if (fault := _translation_fault(step, runtime)) is not None), None)


def _translation_fault(step: Technique, runtime: Runtime) -> str | None:
    """Why a step does not suit translation models."""
    if isinstance(step, Distillation | MovementPruning | QuantizationAware | LayerPruning):
        instead = {"distil": ": use distil-sequence", "layers": ": use side-layers"}.get(step.technique, "")
        return f"{scheme(step)} is for classifiers, not for translation models{instead}"
    if not isinstance(step, Quantization):
        return None
    able = _TRANSLATES_ON.get(scheme(step), ())
    if not able:
        return f"{scheme(step)} is for classifiers, not for translation models: use int8"
    return (
        None if runtime in able else f"{scheme(step)} of translation models runs on {_either(able)}, not on {runtime}"
    )


def _options_fault(recipe: Recipe, runtime: Runtime) -> str | None:
    """Options that an engine's quantizer does not have."""
    step = recipe[-1] if recipe else None
    if isinstance(step, Int8) and runtime == "ctranslate2" and (step.keep or not step.per_channel):
        return "int8 on ctranslate2 quantizes all matrices, row by row: leave keep and per_channel out"
    if isinstance(step, Int8) and runtime != "onnxruntime" and step.embedding_bits != 8:
        return f"int8 with embedding_bits: {step.embedding_bits} runs on onnxruntime, not on {runtime}"
    if isinstance(step, Int8) and runtime != "onnxruntime" and step.weights == "unsigned":
        return f"int8 with unsigned weights runs on onnxruntime, not on {runtime}"
    if isinstance(step, Int8) and runtime == "openvino" and step.calibration is not None:
        method = step.calibration.method
        return "calibration by entropy runs on onnxruntime, not on openvino" if method == "entropy" else None
    return None


def _either(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
