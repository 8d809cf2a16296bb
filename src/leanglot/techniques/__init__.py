"""The compression techniques' configs: frozen, typed, and the same in YAML, on the command line and in Python."""

from typing import Annotated, Literal

from pydantic import Field

from leanglot.techniques.pruning import MagnitudePruning
from leanglot.techniques.quantization import Balance, Calibration, HalfPrecision, Int8, WeightOnly

Quantization = Int8 | WeightOnly | HalfPrecision
Technique = Annotated[Int8 | WeightOnly | HalfPrecision | MagnitudePruning, Field(discriminator="technique")]
Recipe = tuple[Technique, ...]
Runtime = Literal["pytorch", "onnxruntime", "openvino"]

__all__ = [
    "Balance",
    "Calibration",
    "HalfPrecision",
    "Int8",
    "MagnitudePruning",
    "Quantization",
    "Recipe",
    "Runtime",
    "Technique",
    "WeightOnly",
]
