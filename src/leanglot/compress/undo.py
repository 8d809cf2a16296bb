"""Undoes the quantization of single layers of a graph: their weights and operators come back from the FP32 graph."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data

from leanglot.compress.products import layer_name
from leanglot.errors import ModelError, RecipeError
from leanglot.models.graph import DATA_NAME, Arrays, load_skeleton
from leanglot.runtimes.base import Logits, TokenIds
from leanglot.runtimes.onnxruntime import OnnxPredictor

# Operators that quantization replaces, and which of their inputs holds the weights. An Attention of ONNX Runtime's own
# domain is a layer where the FP32 graph was fused before it was quantized.
_WEIGHT_INPUT: Final = {"MatMul": 1, "Gemm": 1, "Gather": 0, "Attention": 1}
_HALF: Final = (np.dtype(np.float16), helper.tensor_dtype_to_np_dtype(TensorProto.BFLOAT16))
_INLINE_BYTES: Final = 1024  # smaller weights travel inside the graph


@dataclass(frozen=True, slots=True)
class Undoing:
    """A quantized graph beside the FP32 graph that it was made from.

    Attributes:
        layers: PyTorch's names of the quantized layers whose quantization can be undone, in the graph's order; an
            embedding table stored as INT8 rows is one of them.
        stuck: Quantized layers that cannot be undone on the graph, and why; they need another quantization.
        nodes: The FP32 operators of each layer.
        weights: Constants of the FP32 graph by name.
        graph: The quantized graph without its constants.
        arrays: Constants of the quantized graph by name.
    """

    layers: tuple[str, ...]
    stuck: Mapping[str, str]
    nodes: Mapping[str, tuple[onnx.NodeProto, ...]]
    weights: Arrays
    graph: onnx.ModelProto
    arrays: Arrays


@dataclass(frozen=True, slots=True)
class Variant:
    """A graph in memory on ONNX Runtime.

    Attributes:
        engine: The session.
        held: The arrays that it computes with, which it does not keep alive itself.
    """

    engine: OnnxPredictor
    held: Arrays

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Logits:
        """Run one batch; see `leanglot.runtimes.base.Predictor`."""
        return self.engine.logits(input_ids, attention_mask)


def compare(source: Path, quantized: Path) -> Undoing:
    """Find the layers that one graph holds in FP32 and the other does not.

    A layer is an operator of the FP32 graph with a constant weight matrix. It was quantized when the other graph has no
    FP32 matrix of that name, and can be undone when the other graph still computes its inputs and its output, whatever
    the way: ``MatMulInteger``, ``MatMulNBits``, quantize-dequantize pairs, or rows that are looked up in INT8.

    Args:
        source: Folder with the FP32 graph.
        quantized: Folder with the graph that was made from it.

    Raises:
        ModelError: A folder's weights are not where ours are.
    """
    before, weights = load_skeleton(source)
    after, arrays = load_skeleton(quantized)
    nodes: dict[str, tuple[onnx.NodeProto, ...]] = {}
    stuck: dict[str, str] = {}
    places = _places(after.graph)
    plain = {layer_name(name) for name, values in arrays.items() if values.ndim == 2 and values.dtype == np.float32}
    half = any(values.ndim > 1 and values.dtype in _HALF for values in arrays.values())
    for name, node in _layers(before.graph, weights):
        if name in plain:
            continue
        fault = "the graph computes in half precision" if half else _fault(node, weights, places)
        if fault is None:
            nodes[name] = (*nodes.get(name, ()), node)
        else:
            stuck[name] = fault
    able = {name: found for name, found in nodes.items() if name not in stuck}
    return Undoing(tuple(able), stuck, able, weights, after, arrays)


def undone(undoing: Undoing, layers: Collection[str]) -> tuple[onnx.ModelProto, dict[str, NDArray[Any]]]:
    """The quantized graph with some layers in FP32 again.

    Args:
        undoing: The two graphs; left as they are.
        layers: Names among ``undoing.layers``.

    Returns:
        The graph without its constants, and these by name. What only the quantized layers used is gone.

    Raises:
        RecipeError: A layer cannot be undone, or is not quantized.
    """
    _check(undoing, layers)
    back = {node.output[0]: node for name in layers for node in undoing.nodes[name]}
    model = onnx.ModelProto()
    model.CopyFrom(undoing.graph)
    graph = model.graph
    nodes = [back.get(node.output[0], node) for node in graph.node]
    nodes = _live(nodes, [item.name for item in graph.output])
    known = {name for node in nodes for name in (*node.input, *node.output)}
    described = [item for item in graph.value_info if item.name in known]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.value_info.extend(described)
    stored = {**undoing.weights, **undoing.arrays}  # a name in both means the same constant
    return model, {name: values for name, values in stored.items() if name in known}


def open_undone(undoing: Undoing, layers: Collection[str], threads: int) -> Variant:
    """Open the graph with some layers in FP32 again, without writing it; see `undone`.

    Its large constants are read where they are, from the files of the two graphs, so that a table of gigabytes is never
    copied.

    Args:
        undoing: The two graphs.
        layers: Names among ``undoing.layers``.
        threads: Threads within one operator.

    Raises:
        RecipeError: A layer cannot be undone, or is not quantized.
        ModelError: ONNX Runtime cannot load the graph.
    """
    model, arrays = undone(undoing, layers)
    large = {name: values for name, values in arrays.items() if values.nbytes >= _INLINE_BYTES}
    for name, values in arrays.items():
        if name in large:
            model.graph.initializer.append(_pointer(name, values))
        else:
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    given = [ort.OrtValue.ortvalue_from_numpy(values) for values in large.values()]
    options.add_external_initializers(list(large), given)
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises types of its own, without a common base class
        raise ModelError(
            f"ONNX Runtime cannot load the graph with {len(layers)} layers undone: {error!s:.400}"
        ) from error
    return Variant(OnnxPredictor(session), large)


def _layers(graph: onnx.GraphProto, weights: Arrays) -> Iterator[tuple[str, onnx.NodeProto]]:
    """The operators with a constant FP32 weight matrix, by PyTorch's name of their module."""
    for node in graph.node:
        position = _WEIGHT_INPUT.get(node.op_type, len(node.input))
        if position < len(node.input) and (weight := node.input[position]) in weights:
            values = weights[weight]
            if values.ndim == 2 and values.dtype == np.float32:
                yield layer_name(weight), node


def _places(graph: onnx.GraphProto) -> dict[str, int]:
    """Where in the graph's order each value is there; its inputs are before the first operator."""
    places = {item.name: -1 for item in graph.input}
    return places | {name: place for place, node in enumerate(graph.node) for name in node.output}


def _fault(node: onnx.NodeProto, weights: Arrays, places: Mapping[str, int]) -> str | None:
    """Why an operator cannot stand in a quantized graph; None where it can."""
    output = node.output[0]
    if output not in places:
        return f"the graph has no value {output}, which the layer computes: it was fused with others"
    for name in node.input:
        if name and name not in weights and places.get(name, len(places)) >= places[output]:
            return f"the graph has no value {name}, which the layer reads: it was fused with others"
    return None


def _check(undoing: Undoing, layers: Collection[str]) -> None:
    for name in layers:
        if name in undoing.stuck:
            raise RecipeError(
                f"The quantization of {name} cannot be undone on the graph: {undoing.stuck[name]}.",
                "Quantize again with the layer under keep.",
            )
        if name not in undoing.nodes:
            some = ", ".join(undoing.layers[:3]) or "none"
            raise RecipeError(f"{name} is no quantized layer of the graph.", f"These are: {some} …")


def _live(nodes: Sequence[onnx.NodeProto], outputs: Collection[str]) -> list[onnx.NodeProto]:
    """The operators that the outputs depend on, in their order."""
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if not needed.isdisjoint(node.output):
            needed.update(node.input)
            kept.append(node)
    return kept[::-1]


def _pointer(name: str, values: NDArray[Any]) -> TensorProto:
    """A constant whose values the session is given."""
    tensor = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(values.dtype), dims=values.shape)
    tensor.raw_data = b""  # the helper asks for the field before it sets the pointer
    set_external_data(tensor, DATA_NAME, 0, values.nbytes)
    tensor.ClearField("raw_data")
    return tensor
