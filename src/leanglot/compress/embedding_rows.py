"""Embedding tables as INT8 rows, each with a scale of its own, widened only where they are looked up."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

# Smaller tables, such as those of positions and types, are not worth two more operators.
_LARGE_TABLE: Final = 1_000_000
_ROWS_AT_ONCE: Final = 1024  # few enough to stay in the processor's cache


def lookup_tables(graph: onnx.GraphProto) -> set[str]:
    """Names of the tensors that a graph uses in no other way than looking up their rows."""
    tables = {node.input[0] for node in graph.node if _looks_up_rows(node)}
    return tables - {name for node in graph.node for name in node.input[1 if _looks_up_rows(node) else 0 :]}


def store_as_rows(graph: onnx.GraphProto, tables: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Have the graph look up INT8 rows in place of those of large float tables.

    ``Gather(table, ids)`` becomes ``Cast(Gather(int8, ids)) * Gather(scales, ids)``: only the rows that are looked up
    are ever widened.

    Args:
        graph: Changed in place; it holds none of the tables.
        tables: Arrays by name that the graph only looks up.

    Returns:
        The arrays that the graph uses now: each large table as ``<name>_rows``, int8 of the table's shape, and
        ``<name>_scales``, float32 of shape ``(rows, 1)``; the others as they were.
    """
    large = {name for name, table in tables.items() if is_large(table)}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes += _row_lookup(node) if _looks_up_rows(node) and node.input[0] in large else [node]
    del graph.node[:]
    graph.node.extend(nodes)
    stored: dict[str, NDArray[Any]] = {}
    for name, table in tables.items():
        if name in large:
            stored[f"{name}_rows"], stored[f"{name}_scales"] = quantize_rows(table)
        else:
            stored[name] = table
    return stored


def quantize_rows(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric INT8 with one scale per row.

    Args:
        table: Shape ``(rows, width)``.

    Returns:
        The rows, and their scales of shape ``(rows, 1)``; a row of zeros has scale 1.
    """
    rows = np.empty(table.shape, dtype=np.int8)
    scales = np.empty((len(table), 1), dtype=np.float32)
    for start in range(0, len(table), _ROWS_AT_ONCE):
        part = np.asarray(table[start : start + _ROWS_AT_ONCE])
        scale = np.abs(part).max(axis=1, keepdims=True) / 127.0
        scale[scale < np.finfo(np.float32).tiny] = 1.0  # rows of zeros, or too small for a scale, become zeros
        rows[start : start + _ROWS_AT_ONCE] = np.rint(part / scale)
        scales[start : start + _ROWS_AT_ONCE] = scale
    return rows, scales


def is_large(table: NDArray[Any]) -> bool:
    """Whether a table is worth storing as rows: FP32, and of a million values or more."""
    return table.ndim == 2 and table.size >= _LARGE_TABLE and table.dtype == np.float32


def _looks_up_rows(node: onnx.NodeProto) -> bool:
    axes = [attribute.i for attribute in node.attribute if attribute.name == "axis"]
    return node.op_type == "Gather" and axes in ([], [0])


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
