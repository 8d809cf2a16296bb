"""Dynamic INT8 quantization of an exported translation model's graphs, its word table and projection held once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from leanglot.compress.int8 import resolve
from leanglot.compress.products import layer_name, nothing_to_quantize
from leanglot.compress.row_products import DOMAIN, RowProducts, row_constants
from leanglot.compress.weight_only import quantize_blocks
from leanglot.errors import ModelError, RecipeError
from leanglot.models.graph import load_skeletons, save_graphs
from leanglot.runtimes.seq2seq_graphs import DECODER_NAME, ENCODER_NAME, IDS
from leanglot.techniques import Int8, WeightOnly
from leanglot.techniques.patterns import kept

_PROJECTION: Final = "lm_head"
# The widest that fits is taken: 4-bit blocks of 128 multiplied 2.4 times as fast as those of 64 at one row, 1.3 at 16.
_BLOCKS: Final[tuple[Literal[32, 64, 128], ...]] = (128, 64, 32)
_IN_INTEGERS: Final = 4  # MatMulNBits' level at which activations are rounded to INT8; see `weight_only`


def quantize_seq2seq(source: Path, target: Path, step: Int8, isa: Collection[str]) -> tuple[str, ...]:
    """Quantize the graphs of one folder into another.

    Every linear layer becomes a product in integers with one scale per output, or one per matrix, and one scale per row
    of its activations, so that batch mates change nothing. With ``embeddings`` the word tables become rows of 8 or 4
    bits in blocks with a scale each, widened only where they are looked up; where a table is the output projection
    too, both read the same bytes. Without, the projection is quantized from a copy of its own, and the table stays.

    Args:
        source: Folder with both graphs, from `export_seq2seq_onnx`; left as it is.
        target: Existing folder for the quantized ones.
        step: What is kept, and how weights are stored.
        isa: The target's instruction-set extensions, which decide ``reduce_range`` where the step leaves it open.

    Returns:
        What went otherwise than asked, one sentence each.

    Raises:
        RecipeError: The activations are to be static, ``keep`` names no layer, or there is nothing to quantize.
        ModelError: A weight is NaN or infinite, or a graph is damaged.
    """
    if step.activations == "static":
        raise RecipeError(
            "activations: static is not possible in a translation model.",
            "Leave it out: the ranges of a growing translation are taken from each step.",
        )
    graphs, weights = load_skeletons(source, (ENCODER_NAME, DECODER_NAME))
    step = resolve(step, isa)
    nodes = [node for model in graphs.values() for node in model.graph.node]
    tables = set().union(*(_tables(model.graph) for model in graphs.values()))
    names = {layer_name(node.input[1]) for node in nodes if _linear(node, weights)} | {_PROJECTION}
    spared = kept(names | set(map(layer_name, tables)), step.keep)
    if not names - spared and not (step.embeddings and set(map(layer_name, tables)) - spared):
        raise nothing_to_quantize(step.keep)
    work = _Quantizing(step, weights, frozenset(tables), frozenset(spared))
    for model in graphs.values():
        work.rewrite(model)
    save_graphs(graphs, target, weights | work.made | row_constants())
    return tuple(dict.fromkeys(work.notes))


@dataclass(slots=True)
class _Quantizing:
    """The weights before and after."""

    step: Int8
    weights: dict[str, NDArray[Any]]
    tables: frozenset[str]
    spared: frozenset[str]
    made: dict[str, NDArray[Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def rewrite(self, model: onnx.ModelProto) -> None:
        """Put other operators in place of those that are quantized; a product takes the bias behind it in."""
        biases = _biases(model.graph, self.weights)
        products = RowProducts()
        nodes: list[onnx.NodeProto] = []
        taken: set[str] = set()
        for node in model.graph.node:
            if node.name in taken:
                continue
            if _linear(node, self.weights) and layer_name(node.input[1]) not in self.spared:
                bias = biases.get(node.output[0])
                taken |= {bias.name} if bias is not None else set()
                nodes += self._product(node, bias, products)
            elif node.op_type == "Gemm" and not {_PROJECTION, layer_name(node.input[1])} & self.spared:
                nodes += self._projection(node)
            elif _looks_up(node, self.tables) and self.step.embeddings and layer_name(node.input[0]) not in self.spared:
                nodes.append(self._lookup(node))
            else:
                nodes.append(node)
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))

    def _product(
        self, node: onnx.NodeProto, bias: onnx.NodeProto | None, products: RowProducts
    ) -> list[onnx.NodeProto]:
        weight = node.input[1]
        names = [f"{weight}_{part}" for part in ("int8", "scale", "zero")]
        if names[0] not in self.made:
            arrays = quantize_columns(self.weights[weight], self.step, layer_name(weight))
            self.made.update(zip(names, arrays, strict=True))
        added, result = (None, node.output[0]) if bias is None else (bias.input[1], bias.output[0])
        return products.nodes(node, (names[0], names[1], names[2]), added, result)

    def _projection(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        values, weight, *bias = node.input
        if (blocks := self._blocks(weight)) is None:
            return [node]
        rows, width = self.weights[weight].shape
        result = node.output[0]
        product = f"{result}_product" if bias else result
        made = helper.make_node(
            "MatMulNBits",
            [values, *blocks.inputs],
            [product],
            node.name,
            domain=DOMAIN,
            K=width,
            N=rows,
            bits=blocks.bits,
            block_size=blocks.size,
            accuracy_level=_IN_INTEGERS,
        )
        added = [helper.make_node("Add", [product, bias[0]], [result], f"{node.name}_bias")] if bias else []
        return [made, *added]

    def _lookup(self, node: onnx.NodeProto) -> onnx.NodeProto:
        table, ids = node.input
        if (blocks := self._blocks(table)) is None:
            return node
        packed, scales, *zeros = blocks.inputs
        rows = f"{packed}_rows"
        self.made[rows] = self.made[packed].reshape(len(self.made[packed]), -1)  # the same bytes
        return helper.make_node(
            "GatherBlockQuantized",
            [rows, ids, scales, *zeros],
            list(node.output),
            node.name,
            domain=DOMAIN,
            bits=blocks.bits,
            block_size=blocks.size,
            gather_axis=0,
            quantize_axis=1,
        )

    def _blocks(self, table: str) -> "_Blocks | None":
        """A table in blocks, quantized at its first use; None where its width is no multiple of a block."""
        bits = self.step.embedding_bits if self.step.embeddings else 8
        width = self.weights[table].shape[1]
        size = next((size for size in _BLOCKS if width % size == 0), None)
        if size is None:
            self.notes.append(f"{table} stays in FP32: its width {width} is no multiple of {_BLOCKS[-1]}.")
            return None
        names = [f"{table}_{part}" for part in (f"int{bits}", "scales", "zeros")][: 3 if bits < 8 else 2]
        if names[0] not in self.made:
            _check_finite(self.weights[table], table)
            config = WeightOnly(bits=bits, block=size, symmetric=bits == 8)
            self.made.update(zip(names, quantize_blocks(self.weights[table].T, config), strict=False))
        return _Blocks(bits, size, tuple(names))


@dataclass(frozen=True, slots=True)
class _Blocks:
    bits: int
    size: int
    inputs: tuple[str, ...]


def quantize_columns(
    matrix: NDArray[np.float32], step: Int8, name: str
) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[Any]]:
    """Symmetric INT8 of a matrix with one scale per column, or one for all.

    Args:
        matrix: Shape (inputs, outputs).
        step: Resolved: sign, channels, and whether 7 bits are used.
        name: The layer's, for the error.

    Returns:
        The integers, their scales, of shape (outputs,) or (), and their zero points of the same shape: 128 for unsigned
        ones, else 0. A column of zeros has scale 1.

    Raises:
        ModelError: A weight is NaN or infinite.
    """
    _check_finite(matrix, name)
    most = 63 if step.reduce_range else 127
    scale = np.abs(matrix).max(axis=0 if step.per_channel else None).astype(np.float32) / np.float32(most)
    scale = np.where(scale < np.finfo(np.float32).tiny, np.float32(1), scale)
    rounded = np.rint(matrix / scale).clip(-most, most)
    zero, kind = (128, np.uint8) if step.weights == "unsigned" else (0, np.int8)
    return (rounded + zero).astype(kind), np.asarray(scale), np.full(scale.shape, zero, dtype=kind)


def _check_finite(values: NDArray[Any], name: str) -> None:
    if not np.isfinite(values).all():
        raise ModelError(f"The weights {name} hold NaN or infinity.", "Train or export the model again.")


def _linear(node: onnx.NodeProto, weights: Mapping[str, NDArray[Any]]) -> bool:
    return node.op_type == "MatMul" and node.input[1] in weights


def _looks_up(node: onnx.NodeProto, tables: Collection[str]) -> bool:
    return node.op_type == "Gather" and node.input[0] in tables


def _tables(graph: onnx.GraphProto) -> set[str]:
    """The word table of a graph: what the input's ids are looked up in."""
    return {node.input[0] for node in graph.node if node.op_type == "Gather" and node.input[1] == IDS}


def _biases(graph: onnx.GraphProto, weights: Collection[str]) -> dict[str, onnx.NodeProto]:
    """The operators that add a bias, by the name of what they add it to."""
    return {node.input[0]: node for node in graph.node if node.op_type == "Add" and node.input[1] in weights}
