"""The compression techniques' configs: frozen, typed, and the same in YAML, on the command line and in Python."""

from typing import Annotated, Literal

from pydantic import Field

from leanglot.techniques.distillation import Distillation
from leanglot.techniques.drawing import Balance, Drawing
from leanglot.techniques.movement import MovementPruning
from leanglot.techniques.pruning import FfnPruning, HeadPruning, Importance, LayerPruning, MagnitudePruning
from leanglot.techniques.qat import QuantizationAware
from leanglot.techniques.quantization import Calibration, HalfPrecision, Int8, WeightOnly
from leanglot.techniques.seq2seq import MixedInt8, SequenceDistillation, SideLayers
from leanglot.techniques.vocabulary import TrimVocabulary

PostTraining = Int8 | WeightOnly | HalfPrecision
Quantization = PostTraining | QuantizationAware | MixedInt8
StructuredPruning = HeadPruning | FfnPruning | LayerPruning
ModelStep = MagnitudePruning | MovementPruning | StructuredPruning | TrimVocabulary | Distillation
TranslationStep = SideLayers | SequenceDistillation
Technique = Annotated[Quantization | ModelStep | TranslationStep, Field(discriminator="technique")]
Recipe = tuple[Technique, ...]
Runtime = Literal["pytorch", "onnxruntime", "openvino", "ctranslate2"]
Task = Literal["text-classification", "translation"]
MetricName = Literal["chrf", "bleu"]

__all__ = [
    "Balance",
    "Calibration",
    "Distillation",
    "Drawing",
    "FfnPruning",
    "HalfPrecision",
    "HeadPruning",
    "Importance",
    "Int8",
    "LayerPruning",
    "MagnitudePruning",
    "MetricName",
    "MixedInt8",
    "ModelStep",
    "MovementPruning",
    "PostTraining",
    "Quantization",
    "QuantizationAware",
    "Recipe",
    "Runtime",
    "SequenceDistillation",
    "SideLayers",
    "StructuredPruning",
    "Task",
    "Technique",
    "TranslationStep",
    "TrimVocabulary",
    "WeightOnly",
]
