"""FP16 weights in an exported graph, for ONNX Runtime."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from leanglot.compress.embedding_rows import lookup_tables
from leanglot.compress.products import Quantized, layer_name, nothing_to_quantize
from leanglot.errors import RecipeError
from leanglot.models.graph import load_skeleton, save_graph
from leanglot.techniques import HalfPrecision
from leanglot.techniques.patterns import kept

_LARGEST: Final = float(np.finfo(np.float16).max)
_ROWS_AT_ONCE: Final = 1024  # few enough to stay in the processor's cache


def quantize(source: Path, target: Path, config: HalfPrecision) -> Quantized:
    """Store the matrices of a folder's graph in FP16, in another folder.

    ONNX Runtime has no FP16 arithmetic on x86: it would widen and round the activations around each operator. So the
    graph widens the weights instead, which the runtime does once, when it loads the graph; a table's rows are widened
    after they were looked up. Vectors (biases, normalizations) stay in FP32: they are a thousandth of the bytes.

    Args:
        source: Folder with ``model.onnx``; left as it is.
        target: Existing folder for the new graph.
        config: ``fp16``, and what is kept.

    Returns:
        The new graph.

    Raises:
        RecipeError: The type is ``bf16``, ``keep`` names no layer, a weight is beyond FP16's range, or the graph has no
            matrix to store.
    """
    if config.dtype != "fp16":
        raise RecipeError(
            f"ONNX Runtime's CPU kernels cannot run {config.dtype}.", "Take fp16, or the pytorch runtime."
        )
    model, weights = load_skeleton(source)
    matrices = {name for name, values in weights.items() if values.ndim >= 2 and values.dtype == np.float32}
    stay = kept({layer_name(name) for name, values in weights.items() if values.dtype == np.float32}, config.keep)
    chosen = {name for name in matrices if layer_name(name) not in stay}
    if not chosen:
        raise nothing_to_quantize(config.keep)
    halves = {name: _half(name, values) if name in chosen else values for name, values in weights.items()}
    _widen(model.graph, chosen, lookup_tables(model.graph) & chosen)
    return Quantized(save_graph(model, target, halves))


def _half(name: str, values: NDArray[np.float32]) -> NDArray[np.float16]:
    """The values rounded to FP16.

    Raises:
        RecipeError: One is beyond its range, or no number.
    """
    halves = np.empty(values.shape, dtype=np.float16)
    for start in range(0, len(values), _ROWS_AT_ONCE):
        part = values[start : start + _ROWS_AT_ONCE]
        largest = np.abs(part).max(initial=0)
        if not largest <= _LARGEST:
            raise RecipeError(
                f"The weights {name} reach {largest:.4g}, and FP16 ends at {_LARGEST:.0f}.",
                f"Keep that layer in FP32: keep: [{layer_name(name)}].",
            )
        halves[start : start + _ROWS_AT_ONCE] = part
    return halves


def _widen(graph: onnx.GraphProto, chosen: Collection[str], tables: Collection[str]) -> None:
    """Widen each chosen weight before its use, and what is looked up in a table after it."""
    casts: Mapping[str, onnx.NodeProto] = {name: _cast(name, f"{name}_fp32") for name in sorted({*chosen} - {*tables})}
    nodes = list(casts.values())
    for node in graph.node:
        if node.op_type == "Gather" and node.input[0] in tables:
            (output,) = node.output
            node.output[0] = f"{output}_fp16"
            nodes += [node, _cast(node.output[0], output)]
            continue
        for place, name in enumerate(node.input):
            if name in casts:
                node.input[place] = f"{name}_fp32"
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def _cast(source: str, target: str) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], f"{target}_Cast", to=TensorProto.FLOAT)
