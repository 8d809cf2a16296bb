"""What an artifact weighs on disk, and how many of its linear weights are exactly zero."""

from pathlib import Path
from typing import Final

import numpy as np

from leanglot.models.graph import load_skeleton
from leanglot.models.text_classifier import linear_sparsity
from leanglot.results.measures import Weight
from leanglot.runtimes.classifier import Classifier
from leanglot.runtimes.pytorch import TorchPredictor

_PRODUCTS: Final = frozenset({"MatMul", "MatMulInteger", "Gemm"})


def weigh(folder: Path, classifier: Classifier) -> Weight:
    """Size of all files of an artifact and the sparsity of its linear layers.

    Args:
        folder: The artifact's or model's folder.
        classifier: The same, loaded.
    """
    size = folder_size(folder)
    if isinstance(classifier.predictor, TorchPredictor):
        return Weight(size_bytes=size, sparsity=linear_sparsity(classifier.predictor.module))
    return Weight(size_bytes=size, sparsity=graph_sparsity(folder))


def folder_size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def graph_sparsity(folder: Path) -> float | None:
    """Share of zeros among the constant matrices that a graph multiplies with; None where it has none."""
    model, arrays = load_skeleton(folder)
    factors = {name for node in model.graph.node if node.op_type in _PRODUCTS for name in node.input}
    zeros = total = 0
    for name in factors & arrays.keys():
        if arrays[name].ndim == 2:
            zeros += arrays[name].size - int(np.count_nonzero(arrays[name]))
            total += arrays[name].size
    return zeros / total if total else None
