"""The space of recipes: what may be quantized, trimmed, cut out and trained, and the candidate at each point of it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from typing import Final

from pydantic import ValidationError

from leanglot.config import CandidateConfig
from leanglot.errors import ModelError
from leanglot.models.structure import blocks_of, heads_of, neurons_of
from leanglot.models.text_classifier import TextClassifier
from leanglot.quantizers import Making
from leanglot.results.checkpoints import key_of
from leanglot.results.searching import STATIC, Levels, Scheme, Vocabulary
from leanglot.techniques import (
    Distillation,
    FfnPruning,
    HeadPruning,
    Int8,
    LayerPruning,
    Quantization,
    Runtime,
    Technique,
    TrimVocabulary,
    WeightOnly,
)
from leanglot.techniques.distillation import Student
from leanglot.techniques.training import Training

_HEADS: Final = (0, 10, 20, 30, 40, 50)
_FFN: Final = (0, 10, 20, 30, 40, 50, 60)
_FREQUENT: Final = 0.999
_MOST_LAYERS: Final = 1 / 3
"""Largest share of the layers that is left out without training."""

_SCHEMES: Final[Mapping[Scheme, tuple[Runtime, Quantization | None]]] = {
    "fp32": ("onnxruntime", None),
    "int8": ("onnxruntime", Int8()),
    "int8-emb": ("onnxruntime", Int8(embeddings=True)),
    "int8-static": ("onnxruntime", Int8(activations="static", embeddings=True)),
    "int8-weights": ("onnxruntime", WeightOnly(bits=8, embeddings=True)),
    "int4-weights": ("onnxruntime", WeightOnly(bits=4, embeddings=True)),
    "openvino-int8": ("openvino", Int8(activations="static", embeddings=True)),
    "openvino-int4": ("openvino", WeightOnly(bits=4, embeddings=True)),
}
_NAMES: Final[Mapping[Vocabulary, tuple[str, ...]]] = {"whole": (), "used": ("trim",), "frequent": ("trim999",)}


@dataclass(frozen=True, slots=True)
class Space:
    """The levels that may be combined, each axis with its least level first.

    Attributes:
        schemes: Engines and quantizations.
        vocabularies: What is kept of the vocabulary.
        layers: Numbers of layers to leave out.
        heads: Percent of the heads to cut out.
        ffn: Percent of the neurons to cut out.
        depth: Number of layers of the model; 0 where it is not known.
        notes: What cannot be tried and why, one sentence each.
    """

    schemes: tuple[Scheme, ...]
    vocabularies: tuple[Vocabulary, ...] = ("whole",)
    layers: tuple[int, ...] = (0,)
    heads: tuple[int, ...] = (0,)
    ffn: tuple[int, ...] = (0,)
    depth: int = 0
    notes: tuple[str, ...] = ()

    def points(self) -> Iterator[Levels]:
        """Every combination without training."""
        for scheme, vocabulary, layers, heads, ffn in product(
            self.schemes, self.vocabularies, self.layers, self.heads, self.ffn
        ):
            yield Levels(scheme=scheme, vocabulary=vocabulary, layers=layers, heads=heads, ffn=ffn)

    def holds(self, levels: Levels) -> bool:
        """Whether each level is one of these; training aside."""
        return (
            levels.scheme in self.schemes
            and levels.vocabulary in self.vocabularies
            and levels.layers in self.layers
            and levels.heads in self.heads
            and levels.ffn in self.ffn
        )


def space_of(model: TextClassifier, making: Making) -> Space:
    """What can be tried on a model with the texts and engines that are there.

    Args:
        model: The baseline.
        making: Texts for calibration and for the vocabulary.
    """
    notes = []
    with_openvino = all(find_spec(package) is not None for package in ("openvino", "nncf"))
    if not with_openvino:
        notes.append('OpenVINO was not tried: it is not installed (pip install "leanglot[openvino]").')
    schemes = tuple(
        scheme
        for scheme in _SCHEMES
        if (with_openvino or not scheme.startswith("openvino"))
        and (making.calibration is not None or scheme not in STATIC)
    )
    if making.calibration is None:
        notes.append(
            "Pruning and static INT8 were not tried: there are no texts to measure on that are not judged "
            "(--calibration FILE)."
        )
    if making.showing is None:
        notes.append("Trimming the vocabulary was not tried: no texts show what is used (--corpus FILE).")
    vocabularies: tuple[Vocabulary, ...] = ("whole",) if making.showing is None else ("whole", "used", "frequent")
    layers, heads, ffn, depth, told = _cuts(model, making)
    return Space(schemes, vocabularies, layers, heads, ffn, depth, (*notes, *told))


def _cuts(
    model: TextClassifier, making: Making
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], int, tuple[str, ...]]:
    """Levels of the three kinds of pruning, the number of layers, and notes."""
    try:
        blocks = blocks_of(model.module)
    except ModelError as error:
        return (0,), (0,), (0,), 0, (f"Pruning was not tried: {error.message}",)
    depth = len(blocks)
    if making.calibration is None:
        return (0,), (0,), (0,), depth, ()
    removable = min(int(depth * _MOST_LAYERS), depth - 1, sum(block.removable for block in blocks))
    heads = sum(heads_of(model.module, block) for block in blocks)
    groups = sum(neurons_of(model.module, block) for block in blocks) // FfnPruning(sparsity=0).multiple
    return (
        tuple(range(removable + 1)),
        _distinct(_HEADS, heads),
        _distinct(_FFN, groups),
        depth,
        (),
    )


def _distinct(percents: tuple[int, ...], units: int) -> tuple[int, ...]:
    """Those that cut different numbers of whole units."""
    counted = {int(units * percent / 100): percent for percent in reversed(percents)}
    return tuple(sorted(counted.values()))


def candidate_of(levels: Levels, depth: int) -> CandidateConfig | None:
    """The candidate at a point of the space; None where the engine cannot carry its recipe out.

    Layers go first and the vocabulary last, so that many recipes share the importance that was measured for one.

    Args:
        levels: The point.
        depth: Number of layers of the model.
    """
    runtime, quantization = _SCHEMES[levels.scheme]
    steps: list[Technique] = []
    if levels.layers:
        # Layers are counted by a share that is rounded down, so this one is rounded up.
        steps.append(LayerPruning(sparsity=math.ceil(levels.layers / depth * 1e4) / 1e4))
    if levels.heads:
        steps.append(HeadPruning(sparsity=levels.heads / 100))
    if levels.ffn:
        # A student inherits whole layers, which then had better be of one width.
        steps.append(FfnPruning(sparsity=levels.ffn / 100, scope="layer" if levels.student else "global"))
    if levels.vocabulary != "whole":
        steps.append(TrimVocabulary(coverage=1.0 if levels.vocabulary == "used" else _FREQUENT))
    if levels.student:
        training = Training(epochs=levels.epochs, learning_rate=5e-4, dropout=0.0, validation=0.05)
        steps.append(Distillation(student=Student(layers=levels.student), training=training))
    if quantization is not None:
        steps.append(quantization)
    try:
        return CandidateConfig(name=name_of(levels), runtime=runtime, recipe=tuple(steps))
    except ValidationError:
        return None


def name_of(levels: Levels) -> str:
    """The candidate's name, which tells every level apart."""
    parts = (
        *((f"minus{levels.layers}layers",) if levels.layers else ()),
        *((f"heads{levels.heads}",) if levels.heads else ()),
        *((f"ffn{levels.ffn}",) if levels.ffn else ()),
        *_NAMES[levels.vocabulary],
        *((f"student{levels.student}x{levels.epochs}",) if levels.student else ()),
    )
    return "-".join((*parts, levels.scheme))


def recipe_key(candidate: CandidateConfig) -> str:
    """Digest of what is made, whatever its name: two candidates of one key are one."""
    return key_of(candidate.runtime, *candidate.recipe)
