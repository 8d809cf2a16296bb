"""Dynamic INT8 quantization of an exported graph through ONNX Runtime, and embedding tables as INT8 rows."""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from leanglot.errors import RecipeError
from leanglot.models.graph import GRAPH_NAME, load_graph, save_graph
from leanglot.techniques import Int8

# Instruction sets whose INT8 dot products add in 32 bits, so that full 8-bit weights cannot saturate.
_WIDE_ACCUMULATION: Final = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "neon", "asimddp", "i8mm"})
# Smaller tables, such as those of positions and types, are not worth two more operators.
_LARGE_TABLE: Final = 1_000_000


def resolve(config: Int8, isa: Collection[str]) -> Int8:
    """The config with ``reduce_range`` decided by the target's instruction set.

    Signed 8-bit weights saturate 16-bit accumulators on x86 processors without VNNI; 7 bits cannot.
    """
    if config.reduce_range is not None:
        return config
    return config.model_copy(update={"reduce_range": not _WIDE_ACCUMULATION & set(isa)})


def quantize(source: Path, target: Path, config: Int8) -> Path:
    """Quantize the graph of one folder into another.

    Args:
        source: Folder with ``model.onnx``; left as it is.
        target: Existing folder for the quantized graph.
        config: Resolved: ``reduce_range`` is decided.

    Returns:
        The new graph's path.

    Raises:
        RecipeError: The config is not resolved, or the graph has nothing to quantize.
    """
    if config.reduce_range is None:
        raise RecipeError("reduce_range is undecided.", "Call resolve(config, isa) first, or set it.")
    graph_path = source / GRAPH_NAME
    with _quiet():
        quantize_dynamic(
            model_input=str(graph_path),
            model_output=str(target / GRAPH_NAME),
            op_types_to_quantize=["MatMul"],
            per_channel=config.per_channel,
            reduce_range=config.reduce_range,
            weight_type=QuantType.QInt8,
            use_external_data_format=True,
            extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT},
        )
    graph = load_graph(target)
    for leftover in target.glob(f"{GRAPH_NAME}*"):
        leftover.unlink()
    if not any(node.op_type == "MatMulInteger" for node in graph.graph.node):
        raise RecipeError("The graph has no matrix product with constant weights to quantize.")
    if config.embeddings:
        quantize_tables(graph)
    return save_graph(graph, target)


def quantize_tables(model: onnx.ModelProto) -> int:
    """Store large embedding tables as INT8 rows, each with a scale of its own, in place.

    ``Gather(table, ids)`` becomes ``Cast(Gather(int8, ids)) * Gather(scales, ids)``: only the rows that are looked up
    are ever widened.

    Returns:
        How many tables were replaced.
    """
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    replaced = 0
    nodes = []
    for node in graph.node:
        table = stored.get(node.input[0]) if _looks_up_rows(node) else None
        if table is None or table.data_type != TensorProto.FLOAT or not _is_large(table):
            nodes.append(node)
            continue
        _store_rows(graph, table)
        nodes += _row_lookup(node)
        replaced += 1
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)
    return replaced


def _looks_up_rows(node: onnx.NodeProto) -> bool:
    axes = [attribute.i for attribute in node.attribute if attribute.name == "axis"]
    return node.op_type == "Gather" and axes in ([], [0])


def _is_large(table: TensorProto) -> bool:
    return len(table.dims) == 2 and int(np.prod(table.dims)) >= _LARGE_TABLE


def _store_rows(graph: onnx.GraphProto, table: TensorProto) -> None:
    if any(tensor.name == f"{table.name}_rows" for tensor in graph.initializer):
        return
    values = numpy_helper.to_array(table)
    scales = np.abs(values).max(axis=1, keepdims=True) / 127.0
    scales[scales < np.finfo(np.float32).tiny] = 1.0  # rows of zeros, or too small for a scale, become zeros
    rows = np.rint(values / scales).astype(np.int8)
    graph.initializer.append(numpy_helper.from_array(rows, f"{table.name}_rows"))
    graph.initializer.append(numpy_helper.from_array(scales.astype(np.float32), f"{table.name}_scales"))


def _row_lookup(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    table, ids = node.input
    (output,) = node.output
    parts = [f"{output}_{part}" for part in ("int8", "float", "scale")]
    return [
        helper.make_node("Gather", [f"{table}_rows", ids], [parts[0]], axis=0),
        helper.make_node("Cast", [parts[0]], [parts[1]], to=TensorProto.FLOAT),
        helper.make_node("Gather", [f"{table}_scales", ids], [parts[2]], axis=0),
        helper.make_node("Mul", [parts[1], parts[2]], [output]),
    ]


@contextmanager
def _quiet() -> Iterator[None]:
    """ONNX Runtime advises on pre-processing through the root logger; nothing in it applies here."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)
