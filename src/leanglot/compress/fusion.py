"""Fuses self-attention into ONNX Runtime's ``Attention``, and keeps the runtime from a fusion that makes it slower."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from leanglot.compress.fusion_checks import live_nodes, masks_padding_alone, same_answers
from leanglot.compress.products import Products, layer_name, read_products
from leanglot.models.graph import save_graph

_DOMAIN: Final = "com.microsoft"
_HEADS_FIRST: Final = [0, 2, 1, 3]
_KEYS_TURNED: Final = [0, 2, 3, 1]
_LAST_AXES: Final = (-1, 3)  # of four


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
        different: Those in a form that is recognized, and that computed something else once they were fused.
        residuals: Sums before a normalization that the runtime leaves alone now.
    """

    attention: int
    kept: int
    unfused: int
    different: int
    residuals: int

    def notes(self) -> tuple[str, ...]:
        """A sentence each, where some attention stays in pieces that nobody asked to keep."""
        total = self.attention + self.kept + self.unfused + self.different
        causes = {
            "have a form that is not fused": self.unfused,
            "compute something else when they are fused, and are not": self.different,
        }
        return tuple(
            f"{count} of {total} attention layers {cause}: right, but slower."
            for cause, count in causes.items()
            if count
        )


def find_attention(products: Products) -> list[SelfAttention]:
    """The self-attentions that can be fused: softmax(q kᵀ / √d + mask) v over all of the tokens, with biases."""
    graph = _Graph.of(products.model.graph)
    found = (_match(graph, node, products) for node in products.model.graph.node if node.op_type == "Softmax")
    matched = [match for match in found if match is not None]
    plain = {mask: masks_padding_alone(products, mask) for mask in {mask for _, mask in matched}}
    return [attention for attention, mask in matched if plain[mask]]


def fuse(products: Products, found: Collection[SelfAttention], kept: Collection[str] = ()) -> FusedOperators:
    """Fuse what can be fused, in place.

    Each attention becomes one operator with the matrix ``<...>.qkv.weight.T``, its columns the queries', the keys' and
    the values'. One with a kept layer stays as it is. The residual sums before normalizations become ``Sum``, which
    ONNX Runtime does not turn into its ``SkipLayerNormalization``: that takes eight times as long as the two apart.

    The fused graph is then run beside the one it came from, on random tokens: where an attention or the graph's output
    differs, none is fused.

    Args:
        products: Changed in place.
        found: From `find_attention`.
        kept: Layers that stay as they are.
    """
    chosen = [attention for attention in found if not {*attention.layers, attention.merged} & {*kept}]
    softmaxes = sum(node.op_type == "Softmax" for node in products.model.graph.node)
    same = not chosen or _replaced(products, chosen)
    counts = (len(chosen), 0) if same else (0, len(chosen))
    residuals = _protect_residuals(products.model.graph)
    return FusedOperators(counts[0], len(found) - len(chosen), softmaxes - len(found), counts[1], residuals)


def save_fused(source: Path, target: Path) -> FusedOperators:
    """Write the fused graph of one folder into another, still in FP32, for other quantizers to start from.

    It answers like its source. What undoes a quantization needs the source itself: here the single operators of an
    attention are gone.

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

    def target(self, name: str, place: int = 0) -> tuple[int, ...]:
        """The target of a ``Reshape``, from a place on; 0 where a dimension stays as long as it is at that place.

        Raises LookupError or ValueError where it is another.
        """
        node = self.producers[name]
        if node.op_type == "Constant":
            return tuple(int(value) for value in self.constant(name).flat)
        if node.op_type == "Unsqueeze":
            return self.target(node.input[0], place)
        if node.op_type == "Concat":
            dimensions: tuple[int, ...] = ()
            for part in node.input:
                dimensions += self.target(part, place + len(dimensions))
            return dimensions
        self.made_by(self.made_by(name, "Gather").input[0], "Shape")
        if self.constant(node.input[1]).item() != place:
            raise LookupError(name)
        return (0,)


def _match(graph: _Graph, softmax: onnx.NodeProto, products: Products) -> tuple[SelfAttention, str] | None:
    """The attention around a softmax, and the name of its mask; None where it has another form."""
    try:
        scores, mask = graph.made_by(softmax.input[0], "Add").input
        product, factor = graph.made_by(scores, "Mul").input
        queries, keys = graph.made_by(product, "MatMul").input
        weighted = graph.only_reader(softmax.output[0], "MatMul")
        turned = graph.only_reader(weighted.output[0], "Transpose")
        joined = graph.only_reader(turned.output[0], "Reshape")
        parts = [
            _projection(graph, name, order)
            for name, order in ((queries, _HEADS_FIRST), (keys, _KEYS_TURNED), (weighted.input[1], _HEADS_FIRST))
        ]
        scale = float(graph.constant(factor).item())
        target = graph.target(joined.input[1])
    except (LookupError, ValueError):
        return None
    if _attribute(softmax, "axis", -1) not in _LAST_AXES or _attribute(turned, "perm", None) != _HEADS_FIRST:
        return None
    (width,) = sizes if len(sizes := {part.head_size for part in parts}) == 1 else (0,)
    hidden, weights, biases = zip(*((part.hidden, part.weight, part.bias) for part in parts), strict=True)
    shapes = {products.weights[name].shape for name in weights if name in products.weights}
    known = {*weights, *biases} <= products.weights.keys()
    if not (known and len(set(hidden)) == len(shapes) == 1 and width and np.isclose(scale, width**-0.5, rtol=1e-4)):
        return None
    outputs = shapes.pop()[1]
    if outputs % width or target not in ((0, 0, -1), (0, 0, outputs)):
        return None
    return SelfAttention(hidden[0], joined.output[0], weights, biases, outputs // width), mask


@dataclass(frozen=True, slots=True)
class _Projection:
    hidden: str
    weight: str
    bias: str
    head_size: int


def _projection(graph: _Graph, name: str, order: list[int]) -> _Projection:
    """The linear layer before a split into heads. Raises LookupError or ValueError where there is none."""
    turned = graph.made_by(name, "Transpose")
    if _attribute(turned, "perm", None) != order:
        raise LookupError(name)
    values, shape = graph.made_by(turned.input[0], "Reshape").input
    *kept, split, size = graph.target(shape)
    if kept != [0, 0] or split == 0 or size <= 0:
        raise LookupError(name)
    bias, product = graph.made_by(values, "Add").input
    hidden, weight = graph.made_by(product, "MatMul").input
    return _Projection(hidden, weight, bias, size)


def _attribute(node: onnx.NodeProto, name: str, default: int | None) -> int | list[int] | None:
    """An attribute of a node, or what stands for it where it is not given."""
    for attribute in node.attribute:
        if attribute.name == name:
            return list(attribute.ints) if attribute.ints else attribute.i
    return default


def _replaced(products: Products, chosen: Collection[SelfAttention]) -> bool:
    """Put the fused operators in; take them out again, and say False, where they compute something else."""
    before = replace(products, model=onnx.ModelProto.FromString(products.model.SerializeToString()))
    before.weights = dict(products.weights)
    graph = products.model.graph
    made = {attention.output: _attention(attention, products) for attention in chosen}
    nodes = [made.get(node.output[0], node) for node in graph.node]
    nodes.insert(0, helper.make_node("Cast", ["attention_mask"], ["attention_mask_int32"], to=TensorProto.INT32))
    if all(opset.domain != _DOMAIN for opset in products.model.opset_import):
        products.model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    nodes = live_nodes(nodes, [item.name for item in graph.output])
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    products.drop_unused()
    if same_answers(before, products, list(made)):
        return True
    products.model, products.weights = before.model, before.weights
    return False


def _attention(attention: SelfAttention, products: Products) -> onnx.NodeProto:
    """The fused operator; its merged weights join the graph's."""
    weight, bias = f"{attention.merged}.weight.T", f"{attention.merged}.bias"
    products.weights[weight] = np.concatenate([products.weights[name] for name in attention.weights], axis=1)
    products.weights[bias] = np.concatenate([products.weights[name] for name in attention.biases])
    return helper.make_node(
        "Attention",
        [attention.hidden, weight, bias, "attention_mask_int32"],
        [attention.output],
        f"{attention.output}_Attention",  # layers that share their weights differ in what they compute
        domain=_DOMAIN,
        num_heads=attention.heads,
    )


def _protect_residuals(graph: onnx.GraphProto) -> int:
    normalized = {node.input[0] for node in graph.node if node.op_type == "LayerNormalization"}
    residuals = [node for node in graph.node if node.op_type == "Add" and node.output[0] in normalized]
    for node in residuals:
        node.op_type = "Sum"
    return len(residuals)
