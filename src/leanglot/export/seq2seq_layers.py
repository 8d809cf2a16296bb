"""The parts of a translation model as ONNX operators: linear layers, norms, attention and its caches, embeddings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from leanglot.errors import ModelError
from leanglot.export.graph_writer import GraphWriter
from leanglot.export.seq2seq_anatomy import Attention, FeedForward, Floats, Linear, Norm, RelativeBias, Side

_HIDDEN: Final = -1e9


@dataclass(frozen=True, slots=True)
class Past:
    """Names of what attention reads from before and leaves for later: keys and values, (batch, heads, tokens, size)."""

    key: str
    value: str


def linear(graph: GraphWriter, values: str, layer: Linear, scale: float = 1.0) -> str:
    """A linear layer, its matrix stored with the inputs first."""
    return _product(graph, values, layer.name, [layer], [scale])


def _product(graph: GraphWriter, values: str, name: str, layers: Sequence[Linear], scales: Sequence[float]) -> str:
    """Several linear layers over the same values as one product; their results stand side by side."""
    pairs = [*zip(layers, scales, strict=True)]
    matrix = np.concatenate([_scaled(layer.weight, scale) for layer, scale in pairs]).T
    weight = graph.weight(f"{name}.weight.T", np.ascontiguousarray(matrix))
    product = graph.op("MatMul", values, weight, name=f"{name}/MatMul")
    if all(layer.bias is None for layer in layers):
        return product
    bias = [
        np.zeros(len(layer.weight), dtype=np.float32) if layer.bias is None else _scaled(layer.bias, scale)
        for layer, scale in pairs
    ]
    return graph.op("Add", product, graph.weight(f"{name}.bias", np.concatenate(bias)), name=f"{name}/Add")


def _scaled(values: Floats, scale: float) -> Floats:
    return values if scale == 1.0 else values * np.float32(scale)


def norm(graph: GraphWriter, values: str, layer: Norm) -> str:
    """Layer normalization, or T5's by the root mean square."""
    weight = graph.weight(f"{layer.name}.weight", layer.weight)
    if layer.bias is not None:
        bias = graph.weight(f"{layer.name}.bias", layer.bias)
        return graph.op("LayerNormalization", values, weight, bias, name=layer.name, axis=-1, epsilon=layer.epsilon)
    square = graph.op("Mul", values, values)
    mean = graph.op("ReduceMean", square, axes=[-1], keepdims=1)
    root = graph.op("Sqrt", graph.op("Add", mean, graph.float(layer.epsilon)))
    return graph.op("Mul", graph.op("Div", values, root), weight)


def activation(graph: GraphWriter, values: str, name: str) -> str:
    """An activation by transformers' name for it.

    Raises:
        ModelError: It is none of those that translation models use.
    """
    match name:
        case "relu":
            return graph.op("Relu", values)
        case "swish" | "silu":
            return graph.op("Mul", values, graph.op("Sigmoid", values))
        case "gelu":
            erf = graph.op("Erf", graph.op("Div", values, graph.float(math.sqrt(2.0))))
            return graph.op("Mul", graph.op("Mul", values, graph.op("Add", erf, graph.float(1.0))), graph.float(0.5))
        case "gelu_new" | "gelu_pytorch_tanh":
            cube = graph.op("Mul", graph.op("Mul", graph.op("Mul", values, values), values), graph.float(0.044715))
            inner = graph.op("Mul", graph.op("Add", values, cube), graph.float(math.sqrt(2.0 / math.pi)))
            outer = graph.op("Add", graph.op("Tanh", inner), graph.float(1.0))
            return graph.op("Mul", graph.op("Mul", values, outer), graph.float(0.5))
    raise ModelError(f"The activation {name!r} cannot be exported.", "Known are relu, gelu, gelu_new, silu and swish.")


def feed_forward(graph: GraphWriter, values: str, part: FeedForward) -> str:
    """The feed-forward part, gated or not."""
    inner = activation(graph, linear(graph, values, part.inner), part.activation)
    if part.gate is not None:
        inner = graph.op("Mul", inner, linear(graph, values, part.gate))
    return linear(graph, inner, part.outer)


def self_attention(
    graph: GraphWriter, values: str, part: Attention, mask: str, past: Past | None = None
) -> tuple[str, Past]:
    """Attention of tokens to each other and to what went before; queries, keys and values are one product.

    Args:
        graph: Grows.
        values: Shape (batch, tokens, width).
        part: The attention.
        mask: Added to the scores of (batch, heads, tokens, earlier and these tokens).
        past: Of the earlier tokens.

    Returns:
        The result, and the keys and values of all tokens.
    """
    layers, scales = (part.query, part.key, part.value), (part.scaling, 1.0, 1.0)
    joined = _product(graph, values, f"{part.name}.qkv", layers, scales)
    sizes = [len(layer.weight) for layer in layers]
    query, key, value = graph.ops("Split", 3, joined, graph.ints(*sizes), axis=-1)
    query, key, value = (heads_apart(graph, each, part) for each in (query, key, value))
    if past is not None:
        key = graph.op("Concat", past.key, key, axis=2)
        value = graph.op("Concat", past.value, value, axis=2)
    scores = graph.op("MatMul", query, graph.op("Transpose", key, perm=[0, 1, 3, 2]))
    return _attended(graph, scores, mask, value, part, graph.ints(0, 0, len(part.value.weight))), Past(key, value)


def cross_keys(graph: GraphWriter, states: str, part: Attention) -> Past:
    """Keys and values of the source: what never changes while a translation grows; keys are (batch, heads, size, S)."""
    joined = _product(graph, states, f"{part.name}.kv", (part.key, part.value), (1.0, 1.0))
    key, value = graph.ops("Split", 2, joined, graph.ints(len(part.key.weight), len(part.value.weight)), axis=-1)
    key = graph.op("Reshape", key, graph.ints(0, 0, part.heads, -1))
    return Past(graph.op("Transpose", key, perm=[0, 2, 3, 1]), heads_apart(graph, value, part))


def cross_attention(
    graph: GraphWriter, values: str, part: Attention, source: Past, mask: str, shapes: tuple[str, str]
) -> str:
    """Attention to the source: all beams of a sentence attend to its keys together, so that these are held once.

    Args:
        graph: Grows.
        values: Shape (sentences x beams, tokens, width).
        part: The attention.
        source: From `cross_keys`, of shape (sentences, heads, ...).
        mask: Shape (sentences, 1, 1, source tokens).
        shapes: The numbers of sentences, and of rows with tokens, as vectors of one and two.
    """
    query = linear(graph, values, part.query, part.scaling)
    sentences, rows = shapes
    grouped = graph.op("Concat", sentences, graph.ints(-1, part.heads, len(part.query.weight) // part.heads), axis=0)
    query = graph.op("Transpose", graph.op("Reshape", query, grouped), perm=[0, 2, 1, 3])
    back = graph.op("Concat", rows, graph.ints(len(part.value.weight)), axis=0)
    return _attended(graph, graph.op("MatMul", query, source.key), mask, source.value, part, back)


def heads_apart(graph: GraphWriter, values: str, part: Attention) -> str:
    """From (batch, tokens, heads x size) to (batch, heads, tokens, size)."""
    split = graph.op("Reshape", values, graph.ints(0, 0, part.heads, -1))
    return graph.op("Transpose", split, perm=[0, 2, 1, 3])


def _attended(graph: GraphWriter, scores: str, mask: str, value: str, part: Attention, back: str) -> str:
    weights = graph.op("Softmax", graph.op("Add", scores, mask), axis=-1)
    mixed = graph.op("Transpose", graph.op("MatMul", weights, value), perm=[0, 2, 1, 3])
    return linear(graph, graph.op("Reshape", mixed, back), part.output)


def embed(graph: GraphWriter, ids: str, side: Side, first: str) -> str:
    """The tokens' embeddings with their positions; `first` is the first one's, as a vector of one."""
    table = graph.weight(side.table_name, side.table)
    values = graph.op("Gather", table, ids, name=f"{side.name}/embed", axis=0)
    if side.scale != 1.0:
        values = graph.op("Mul", values, graph.float(side.scale))
    if side.positions is not None:
        rows = graph.weight(f"{side.name}.positions", side.positions)
        end = graph.op("Add", first, graph.dimension(ids, 1))
        values = graph.op("Add", values, graph.cut(rows, first, end, 0))
    return values if side.embedding_norm is None else norm(graph, values, side.embedding_norm)


def hide(graph: GraphWriter, kept: str) -> str:
    """What is added to scores: nothing where `kept` is true, else so much that its weight is 0."""
    return graph.op("Where", kept, graph.float(0.0), graph.float(_HIDDEN))


def relative_bias(graph: GraphWriter, bias: RelativeBias, distances: str, *, both_ways: bool) -> str:
    """T5's bias of shape (1, heads, queries, keys) for the distances key minus query, (queries, keys)."""
    nearest = graph.op("Max", graph.op("Min", distances, graph.ints(bias.farthest)), graph.ints(-bias.farthest))
    index = graph.op("Add", nearest, graph.ints(bias.farthest))
    offsets = np.arange(-bias.farthest, bias.farthest + 1)
    rows = graph.weight(f"{bias.name}.by_distance", bias.table[_buckets(offsets, bias, both_ways=both_ways)])
    values = graph.op("Transpose", graph.op("Gather", rows, index, axis=0), perm=[2, 0, 1])
    return graph.op("Unsqueeze", values, graph.ints(0))


def _buckets(distances: np.ndarray, bias: RelativeBias, *, both_ways: bool) -> np.ndarray:
    """T5's bucket of each distance: exact when near, logarithmic when far (Raffel et al., 2020)."""
    count = len(bias.table) // 2 if both_ways else len(bias.table)
    offset = np.where(distances > 0, count, 0) if both_ways else 0
    away = np.abs(distances) if both_ways else np.maximum(-distances, 0)
    exact = count // 2
    ratio = np.log(np.maximum(away, 1).astype(np.float32) / np.float32(exact)) / math.log(bias.farthest / exact)
    far = np.minimum(exact + (ratio * (count - exact)).astype(np.int64), count - 1)
    return np.asarray(offset + np.where(away < exact, away, far))
