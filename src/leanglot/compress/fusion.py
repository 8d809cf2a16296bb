"""Fuses self-attention into ONNX Runtime's ``Attention``, and keeps the runtime from a fusion that makes it slower."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper

from leanglot.compress.products import Products, layer_name, read_products
from leanglot.models.graph import save_graph

_DOMAIN: Final = "com.microsoft"
_HEADS_FIRST: Final = [0, 2, 1, 3]
_KEYS_TURNED: Final = [0, 2, 3, 1]
_MASKS: Final = ((1, 1, 1, 1, 1), (1, 1, 0, 0, 0), (0, 1, 0, 1, 1))
_MASKED: Final = -1e4  # what is added to the scores of padding is this, or less


@dataclass(frozen=True, slots=True)
class SelfAttention:
    """One self-attention of a graph, in a form that can be fused.

    Attributes:
        hidden: Name of the value that it reads.
        output: Name of the value that it computes, before the output projection.
        weights: Names of the matrices of queries, keys and values.
        biases: Names of their biases.
        heads: Number of heads.
    """

    hidden: str
    output: str
    weights: tuple[str, str, str]
    biases: tuple[str, str, str]
    heads: int

    @property
    def layers(self) -> tuple[str, ...]:
        """The three linear layers that fusing makes one."""
        return tuple(layer_name(weight) for weight in self.weights)

    @property
    def merged(self) -> str:
        """The name of that one layer: ``qkv`` in place of what the query's layer is called."""
        return f"{self.layers[0].rpartition('.')[0]}.qkv"


@dataclass(frozen=True, slots=True)
class FusedOperators:
    """What fusing did.

    Attributes:
        attention: Self-attentions that became one operator.
        kept: Those that could have, had no layer of theirs been kept.
        unfused: Those in a form that is not recognized.
        residuals: Sums before a normalization that the runtime leaves alone now.
    """

    attention: int
    kept: int
    unfused: int
    residuals: int

    def notes(self) -> tuple[str, ...]:
        """A sentence, where some attention stays in pieces that nobody asked to keep."""
        if not self.unfused:
            return ()
        total = self.attention + self.kept + self.unfused
        return (f"{self.unfused} of {total} attention layers have a form that is not fused: right, but slower.",)


def find_attention(products: Products) -> list[SelfAttention]:
    """The self-attentions that can be fused: softmax(q kᵀ / √d + mask) v over all of the tokens, with biases."""
    graph = _Graph.of(products.model.graph)
    found = (_match(graph, node, products) for node in products.model.graph.node if node.op_type == "Softmax")
    matched = [match for match in found if match is not None]
    plain = {mask: _masks_padding_alone(products.model, graph, mask) for mask in {mask for _, mask in matched}}
    return [attention for attention, mask in matched if plain[mask]]


def fuse(products: Products, found: Collection[SelfAttention], kept: Collection[str] = ()) -> FusedOperators:
    """Fuse what can be fused, in place.

    Each attention becomes one operator with the matrix ``<...>.qkv.weight.T``, its columns the queries', the keys' and
    the values'. One with a kept layer stays as it is. The residual sums before normalizations become ``Sum``, which
    ONNX Runtime does not turn into its ``SkipLayerNormalization``: that takes eight times as long as the two apart.

    Args:
        products: Changed in place.
        found: From `find_attention`.
        kept: Layers that stay as they are.
    """
    chosen = [attention for attention in found if not {*attention.layers, attention.merged} & {*kept}]
    graph = products.model.graph
    softmaxes = sum(node.op_type == "Softmax" for node in graph.node)
    made = {attention.output: _attention(attention, products) for attention in chosen}
    nodes = [made.get(node.output[0], node) for node in graph.node]
    if made:
        nodes.insert(0, helper.make_node("Cast", ["attention_mask"], ["attention_mask_int32"], to=TensorProto.INT32))
        if all(opset.domain != _DOMAIN for opset in products.model.opset_import):
            products.model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    nodes = _live(nodes, [item.name for item in graph.output])
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    products.drop_unused()
    return FusedOperators(len(made), len(found) - len(made), softmaxes - len(found), _protect_residuals(graph))


def save_fused(source: Path, target: Path) -> FusedOperators:
    """Write the fused graph of one folder into another, still in FP32.

    It answers like its source, and has a layer for each that a quantized fused graph has.

    Args:
        source: Folder with ``model.onnx``; left as it is.
        target: Existing folder for the fused graph.
    """
    products = read_products(source)
    fused = fuse(products, find_attention(products))
    save_graph(products.model, target, products.weights | products.tables)
    return fused


@dataclass(frozen=True, slots=True)
class _Graph:
    """A graph's nodes by what they compute and by what they read."""

    producers: Mapping[str, onnx.NodeProto]
    readers: Mapping[str, list[onnx.NodeProto]]

    @classmethod
    def of(cls, graph: onnx.GraphProto) -> "_Graph":
        readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                readers.setdefault(name, []).append(node)
        return cls({name: node for node in graph.node for name in node.output}, readers)

    def made_by(self, name: str, operator: str) -> onnx.NodeProto:
        """The node that computes a value. Raises LookupError where it is another operator."""
        node = self.producers[name]
        if node.op_type != operator:
            raise LookupError(node.op_type)
        return node

    def only_reader(self, name: str, operator: str) -> onnx.NodeProto:
        """The one node that reads a value. Raises LookupError where there are others, or it is another operator."""
        readers = self.readers[name]
        if len(readers) != 1 or readers[0].op_type != operator:
            raise LookupError(name)
        return readers[0]

    def constant(self, name: str) -> NDArray[Any]:
        """A constant's value. Raises LookupError where it is none."""
        node = self.made_by(name, "Constant")
        for attribute in node.attribute:
            if attribute.name == "value":
                return np.asarray(onnx.numpy_helper.to_array(attribute.t))
        raise LookupError(name)


def _match(graph: _Graph, softmax: onnx.NodeProto, products: Products) -> tuple[SelfAttention, str] | None:
    """The attention around a softmax, and the name of its mask; None where it has another form."""
    try:
        scores, mask = graph.made_by(softmax.input[0], "Add").input
        product, factor = graph.made_by(scores, "Mul").input
        queries, keys = graph.made_by(product, "MatMul").input
        weighted = graph.only_reader(softmax.output[0], "MatMul")
        turned = graph.only_reader(weighted.output[0], "Transpose")
        output = graph.only_reader(turned.output[0], "Reshape").output[0]
        parts = [
            _projection(graph, name, order)
            for name, order in ((queries, _HEADS_FIRST), (keys, _KEYS_TURNED), (weighted.input[1], _HEADS_FIRST))
        ]
        scale = float(graph.constant(factor).item())
    except (LookupError, ValueError):
        return None
    (width,) = sizes if len(sizes := {part.head_size for part in parts}) == 1 else (0,)
    hidden, weights, biases = zip(*((part.hidden, part.weight, part.bias) for part in parts), strict=True)
    shapes = {products.weights[name].shape for name in weights if name in products.weights}
    known = {*weights, *biases} <= products.weights.keys()
    if not (known and len(set(hidden)) == len(shapes) == 1 and width and np.isclose(scale, width**-0.5, rtol=1e-4)):
        return None
    heads, rest = divmod(shapes.pop()[1], width)
    return None if rest else (SelfAttention(hidden[0], output, weights, biases, heads), mask)


@dataclass(frozen=True, slots=True)
class _Projection:
    hidden: str
    weight: str
    bias: str
    head_size: int


def _projection(graph: _Graph, name: str, order: list[int]) -> _Projection:
    """The linear layer before a split into heads. Raises LookupError or ValueError where there is none."""
    turned = graph.made_by(name, "Transpose")
    if [list(attribute.ints) for attribute in turned.attribute if attribute.name == "perm"] != [order]:
        raise LookupError(name)
    values, shape = graph.made_by(turned.input[0], "Reshape").input
    last = graph.made_by(shape, "Concat").input[-1]
    if graph.producers[last].op_type == "Unsqueeze":
        last = graph.producers[last].input[0]
    bias, product = graph.made_by(values, "Add").input
    hidden, weight = graph.made_by(product, "MatMul").input
    return _Projection(hidden, weight, bias, int(graph.constant(last).item()))


def _masks_padding_alone(model: onnx.ModelProto, graph: _Graph, mask: str) -> bool:
    """Whether a mask hides padding and nothing else, as the fused operator would; found out by computing it."""
    nodes, free = _upstream(model.graph, graph, mask)
    known = {item.name: item for item in model.graph.input}
    feed = {name: np.asarray(_MASKS, dtype=np.int64) for name in free & known.keys()}
    feed |= {name: np.zeros((*np.shape(_MASKS), 1), np.float32) for name in free - known.keys()}
    if "attention_mask" not in feed:
        return False
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(values.dtype), values.shape)
        for name, values in feed.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(mask)]
    part = helper.make_model(helper.make_graph(nodes, "mask", inputs, outputs), opset_imports=model.opset_import)
    part.ir_version = model.ir_version
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    try:
        session = ort.InferenceSession(part.SerializeToString(), options, providers=["CPUExecutionProvider"])
        (added,) = session.run([mask], feed)
    except Exception:  # noqa: BLE001 - ONNX Runtime raises types of its own; what it cannot compute is not recognized
        return False
    real = np.asarray(_MASKS, dtype=bool)[:, None, None, :]
    if added.ndim != real.ndim:
        return False
    return bool(((added == 0) == real).all() and ((added <= _MASKED) == ~real).all())


def _upstream(graph: onnx.GraphProto, links: _Graph, name: str) -> tuple[list[onnx.NodeProto], set[str]]:
    """The nodes that compute a value, in the graph's order, and the values that they start from.

    Hidden states, of which only the shape can matter to a mask, are such a start.
    """
    needed, outputs, free = [name], set(), set()
    while needed:
        value = needed.pop()
        node = links.producers.get(value)
        if node is None or node.op_type == "LayerNormalization":
            free.add(value)
        elif node.output[0] not in outputs:
            outputs.add(node.output[0])
            needed += [read for read in node.input if read]
    return [node for node in graph.node if node.output[0] in outputs], free


def _attention(attention: SelfAttention, products: Products) -> onnx.NodeProto:
    """The fused operator; its merged weights join the graph's."""
    weight, bias = f"{attention.merged}.weight.T", f"{attention.merged}.bias"
    products.weights[weight] = np.concatenate([products.weights[name] for name in attention.weights], axis=1)
    products.weights[bias] = np.concatenate([products.weights[name] for name in attention.biases])
    return helper.make_node(
        "Attention",
        [attention.hidden, weight, bias, "attention_mask_int32"],
        [attention.output],
        f"{attention.merged}_Attention",
        domain=_DOMAIN,
        num_heads=attention.heads,
    )


def _live(nodes: list[onnx.NodeProto], outputs: Collection[str]) -> list[onnx.NodeProto]:
    """The nodes that the outputs depend on, in their order."""
    return list(_live_backwards(nodes, set(outputs)))[::-1]


def _live_backwards(nodes: list[onnx.NodeProto], needed: set[str]) -> Iterator[onnx.NodeProto]:
    for node in reversed(nodes):
        if not needed.isdisjoint(node.output):
            needed.update(node.input)
            yield node


def _protect_residuals(graph: onnx.GraphProto) -> int:
    normalized = {node.input[0] for node in graph.node if node.op_type == "LayerNormalization"}
    residuals = [node for node in graph.node if node.op_type == "Add" and node.output[0] in normalized]
    for node in residuals:
        node.op_type = "Sum"
    return len(residuals)
