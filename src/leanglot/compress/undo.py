"""Undoes the quantization of single layers of a graph: their weights and operators come back from the FP32 graph."""

import graphlib
from collections.abc import Collection, Mapping, Sequence
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
from leanglot.runtimes.onnxruntime import OnnxPredictor, session_options

# Operators of the export that quantization replaces, and which of their inputs holds the weights.
_WEIGHT_INPUT: Final = {"MatMul": 1, "Gemm": 1, "Gather": 0}
_ATTENTION: Final = ("Attention", "QAttention")
_HALF: Final = (np.dtype(np.float16), helper.tensor_dtype_to_np_dtype(TensorProto.BFLOAT16))
_INLINE_BYTES: Final = 1024  # smaller weights travel inside the graph


@dataclass(frozen=True, slots=True)
class Undoing:
    """A quantized graph beside the FP32 graph that it was made from.

    Attributes:
        layers: PyTorch's names of the quantized layers whose quantization can be undone, in the graph's order. An
            embedding table stored as INT8 rows is one of them; queries, keys and values that were fused are one layer,
            under the name that fusing gives it.
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
    FP32 matrix of that name. It can be undone when the other graph still has the value that it computes, in whatever
    way it does: ``MatMulInteger``, ``MatMulNBits``, quantize-dequantize pairs, rows that are looked up in INT8, or a
    fused attention, whose operators come back too.

    Args:
        source: Folder with the FP32 graph.
        quantized: Folder with the graph that was made from it.

    Raises:
        ModelError: A folder's weights are not where ours are.
    """
    before, weights = load_skeleton(source)
    after, arrays = load_skeleton(quantized)
    plain = {layer_name(name) for name, values in arrays.items() if values.ndim == 2 and values.dtype == np.float32}
    owners = {value: name for value, name in _layers(before.graph, weights).items() if name not in plain}
    nodes: dict[str, tuple[onnx.NodeProto, ...]] = {}
    stuck: dict[str, str] = {}
    if any(values.ndim > 1 and values.dtype in _HALF for values in arrays.values()):
        stuck = dict.fromkeys(owners.values(), "the graph computes in half precision")
        owners = {}
    match = _Match.of(before.graph, after.graph)
    for met, values in match.by_meeting(owners).items():
        names, region = list(dict.fromkeys(owners[value] for value in values)), match.region(met)
        inside = {value for node in region for value in node.output} & owners.keys()
        name = match.name_of(met, names)
        if name is None or inside != set(values):
            stuck |= dict.fromkeys(names, f"it was fused with others into {met or 'several values'}")
        elif name not in plain:
            nodes[name] = (*nodes.get(name, ()), *region)
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
    others = {node.output[0]: node for node in graph.node if back.keys().isdisjoint(node.output)}
    nodes = _needed({**others, **back}, [item.name for item in graph.output])
    known = {name for node in nodes for name in (*node.input, *node.output)}
    described = [item for item in graph.value_info if item.name in known]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.value_info.extend(described)
    stored = {**undoing.weights, **undoing.arrays}  # a name in both means the same constant
    return model, {name: values for name, values in stored.items() if name in known}


def open_undone(undoing: Undoing, layers: Collection[str], threads: int) -> Variant:
    """Open the graph with some layers in FP32 again, without writing it; see `undone`.

    Its large constants are read from the files of the two graphs. ONNX Runtime copies them, as it does from a file; the
    copy goes with the session.

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
    options = session_options(threads)
    given = [ort.OrtValue.ortvalue_from_numpy(values) for values in large.values()]
    options.add_external_initializers(list(large), given)
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises types of its own, without a common base class
        raise ModelError(
            f"ONNX Runtime cannot load the graph with {len(layers)} layers undone: {error!s:.400}"
        ) from error
    return Variant(OnnxPredictor(session), large)


@dataclass(frozen=True, slots=True)
class _Match:
    """Two graphs whose values have the same names wherever they are the same.

    Attributes:
        producers: The FP32 graph's operators by what they compute.
        readers: The FP32 graph's operators by what they read.
        places: Where in the quantized graph's order each of its values is computed; its inputs come before all others.
        replaced: The quantized graph's operators by what they compute.
    """

    producers: Mapping[str, onnx.NodeProto]
    readers: Mapping[str, Sequence[onnx.NodeProto]]
    places: Mapping[str, int]
    replaced: Mapping[str, onnx.NodeProto]

    @classmethod
    def of(cls, before: onnx.GraphProto, after: onnx.GraphProto) -> "_Match":
        readers: dict[str, list[onnx.NodeProto]] = {}
        for node in before.node:
            for name in node.input:
                readers.setdefault(name, []).append(node)
        places = {item.name: -1 for item in after.input}
        places |= {name: place for place, node in enumerate(after.node) for name in node.output}
        return cls(_by_output(before.node), readers, places, _by_output(after.node))

    def by_meeting(self, values: Collection[str]) -> dict[str, list[str]]:
        """Values of the FP32 graph by the first value on their way that both graphs have; none where they are many."""
        found: dict[str, list[str]] = {}
        for value in values:
            found.setdefault(self._meeting(value), []).append(value)
        return found

    def _meeting(self, value: str) -> str:
        waiting, seen, met = [value], {value}, set()
        while waiting:
            name = waiting.pop()
            if name in self.places:
                met.add(name)
                continue
            new = {output for node in self.readers.get(name, ()) for output in node.output} - seen
            seen |= new
            waiting += new
        return met.pop() if len(met) == 1 else ""

    def region(self, value: str) -> list[onnx.NodeProto]:
        """The FP32 graph's operators that compute a value from what the quantized graph has before it."""
        waiting, found = [value], dict[str, onnx.NodeProto]()
        while waiting:
            name = waiting.pop()
            there = name != value and self.places.get(name, len(self.places)) < self.places.get(value, 0)
            if name in self.producers and name not in found and not there:
                found[name] = self.producers[name]
                waiting += found[name].input
        return list(found.values())

    def name_of(self, met: str, names: Sequence[str]) -> str | None:
        """The name of the layers that compute a value together; None where they are more than one layer."""
        if met and len(names) == 1:
            return names[0]
        node = self.replaced.get(met)
        return node.input[1].partition(".weight")[0] if node is not None and node.op_type in _ATTENTION else None


def _by_output(nodes: Sequence[onnx.NodeProto]) -> dict[str, onnx.NodeProto]:
    return {name: node for node in nodes for name in node.output}


def _layers(graph: onnx.GraphProto, weights: Arrays) -> dict[str, str]:
    """What the operators with a constant FP32 weight matrix compute, and PyTorch's name of the module of each."""
    layers: dict[str, str] = {}
    for node in graph.node:
        position = _WEIGHT_INPUT.get(node.op_type, len(node.input))
        if position < len(node.input) and (weight := node.input[position]) in weights:
            values = weights[weight]
            if values.ndim == 2 and values.dtype == np.float32:
                layers[node.output[0]] = layer_name(weight)
    return layers


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


def _needed(producers: Mapping[str, onnx.NodeProto], outputs: Sequence[str]) -> list[onnx.NodeProto]:
    """The operators that the outputs depend on, each after those that it reads from.

    Args:
        producers: Operators by the first value that they compute.
        outputs: Names of values.
    """
    makers = {name: first for first, node in producers.items() for name in node.output}
    waiting, reads = [makers[name] for name in outputs], dict[str, list[str]]()
    while waiting:
        first = waiting.pop()
        if first not in reads:
            reads[first] = [makers[name] for name in producers[first].input if name in makers]
            waiting += reads[first]
    return [producers[first] for first in graphlib.TopologicalSorter(reads).static_order()]


def _pointer(name: str, values: NDArray[Any]) -> TensorProto:
    """A constant whose values the session is given."""
    tensor = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(values.dtype), dims=values.shape)
    tensor.raw_data = b""  # the helper asks for the field before it sets the pointer
    set_external_data(tensor, DATA_NAME, 0, values.nbytes)
    tensor.ClearField("raw_data")
    return tensor
