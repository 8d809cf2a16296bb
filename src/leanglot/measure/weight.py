"""What an artifact weighs on disk and compressed, where its bytes are, and how many linear weights are exactly zero."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from leanglot.measure.compressed import compressed_bytes, weight_files
from leanglot.measure.ledger import size_ledger
from leanglot.models.graph import load_skeleton
from leanglot.models.text_classifier import linear_sparsity
from leanglot.results.manifest import Manifest
from leanglot.results.measures import Weight
from leanglot.runtimes.classifier import Classifier
from leanglot.runtimes.pytorch import TorchPredictor
from leanglot.techniques import Int8, QuantizationAware, WeightOnly

# Operators that multiply with a constant matrix, their second input, and where the matrix's zero point is.
_PRODUCTS: Final = {"MatMul": None, "Gemm": None, "Attention": None, "MatMulInteger": 3, "DynamicQuantizeMatMul": 3}
_BLOCKS: Final = "MatMulNBits"
_WIDENING: Final = frozenset({"DequantizeLinear", "Cast"})  # between a matrix as it is stored and its product

Matrix = NDArray[Any]


def weigh(folder: Path, classifier: Classifier, *, compressed: bool = False) -> Weight:
    """Size of all files of an artifact, its ledger, and the sparsity of its linear layers.

    Args:
        folder: The artifact's or model's folder.
        classifier: The same, loaded.
        compressed: Also compress the weights with gzip, about 4 s for 470 MB, to tell what is left of them.

    Returns:
        The sparsity is None where the weights cannot be compared with zero one by one: in integers for PyTorch, or
        stored for OpenVINO.
    """
    files = weight_files(folder) if compressed else ()
    return Weight(
        size_bytes=folder_size(folder),
        sparsity=_sparsity(folder, classifier),
        ledger=size_ledger(folder, classifier.manifest),
        compressed_bytes=compressed_bytes(files) if files else None,
    )


def folder_size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def graph_sparsity(folder: Path) -> float | None:
    """Share of zeros among the constant matrices that a graph multiplies with; None where it has none.

    Args:
        folder: Folder with ``model.onnx``. A quantized weight is zero where it equals its zero point.
    """
    model, arrays = load_skeleton(folder)
    stored = {node.output[0]: node for node in model.graph.node if node.op_type in _WIDENING}
    counts = {}
    for node in model.graph.node:
        if node.op_type == _BLOCKS and node.input[1] in arrays:
            counts[node.input[1]] = _zeros_in_blocks(node, arrays)
        elif node.op_type in _PRODUCTS:
            source, at = (stored[node.input[1]], 2) if node.input[1] in stored else (node, _PRODUCTS[node.op_type])
            name = source.input[0] if source is not node else node.input[1]
            if name in arrays and arrays[name].ndim == 2:
                counts[name] = _zeros(arrays[name], _input(source, at, arrays))
    total = sum(size for _, size in counts.values())
    return sum(zeros for zeros, _ in counts.values()) / total if total else None


def _sparsity(folder: Path, classifier: Classifier) -> float | None:
    manifest = classifier.manifest
    if manifest.runtime == "onnxruntime":
        return graph_sparsity(folder)
    if isinstance(classifier.predictor, TorchPredictor) and not _is_quantized(manifest):
        return linear_sparsity(classifier.predictor.module)
    return None


def _is_quantized(manifest: Manifest) -> bool:
    return any(isinstance(step, Int8 | WeightOnly | QuantizationAware) for step in manifest.recipe)


def _input(node: onnx.NodeProto, at: int | None, arrays: Mapping[str, Matrix]) -> Matrix | None:
    """A constant input of a node; None where it has none there."""
    return None if at is None or at >= len(node.input) else arrays.get(node.input[at])


def _zeros(matrix: Matrix, zero_point: Matrix | None) -> tuple[int, int]:
    """Number of zeros and of all values; a zero point per output channel has one per column."""
    if zero_point is None or not np.any(zero_point):
        return matrix.size - int(np.count_nonzero(matrix)), matrix.size
    return int(np.count_nonzero(matrix == zero_point)), matrix.size


def _zeros_in_blocks(node: onnx.NodeProto, arrays: Mapping[str, Matrix]) -> tuple[int, int]:
    """The same for weights in blocks: rows by output, packed with the lower bits first, the last block padded."""
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    rows, columns, bits, block = (int(given[name]) for name in ("N", "K", "bits", "block_size"))
    values = _unpacked(arrays[node.input[1]].reshape(rows, -1), bits)
    points = _input(node, 3, arrays)
    blocks = -(-columns // block)
    if points is None:
        zero = np.full((rows, blocks), 1 << (bits - 1), dtype=np.uint8)
    else:
        zero = _unpacked(points.reshape(rows, -1), bits)[:, :blocks]
    equal = values[:, :columns] == np.repeat(zero, block, axis=1)[:, :columns]
    return int(np.count_nonzero(equal)), rows * columns


def _unpacked(packed: Matrix, bits: int) -> Matrix:
    """Bytes, each split into two numbers where there are four bits per number; shape (rows, numbers)."""
    return packed if bits == 8 else np.stack([packed & 0x0F, packed >> 4], axis=-1).reshape(len(packed), -1)
