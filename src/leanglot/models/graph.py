"""ONNX graphs on disk: one file for the graph, one beside it for the weights, whatever their size."""

from pathlib import Path
from typing import Final

import onnx

GRAPH_NAME: Final = "model.onnx"
DATA_NAME: Final = "model.onnx.data"


def save_graph(graph: onnx.ModelProto, folder: Path) -> Path:
    """Write a graph into a folder, its weights in a second file, so that 2 GB is no limit; returns the graph's path."""
    path = folder / GRAPH_NAME
    (folder / DATA_NAME).unlink(missing_ok=True)
    onnx.save_model(graph, str(path), save_as_external_data=True, all_tensors_to_one_file=True, location=DATA_NAME)
    return path


def load_graph(folder: Path) -> onnx.ModelProto:
    """Read a graph with its weights."""
    return onnx.load(str(folder / GRAPH_NAME))
