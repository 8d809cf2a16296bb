"""ONNX graphs on disk: a file for each graph, one beside them for the weights, whatever their size."""

from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import ExternalDataInfo, set_external_data

from leanglot.errors import ModelError

GRAPH_NAME: Final = "model.onnx"
DATA_NAME: Final = "model.onnx.data"
_INLINE_BYTES: Final = 1024  # smaller tensors stay in the graph's own file
_ALIGNMENT: Final = 64

Arrays = Mapping[str, NDArray[Any]]


def save_graph(model: onnx.ModelProto, folder: Path, arrays: Arrays = MappingProxyType({})) -> Path:
    """Write a graph into a folder, its weights in a second file, so that 2 GB is no limit.

    Args:
        model: The graph; its weights are moved out of it.
        folder: An existing folder.
        arrays: Weights that the graph uses by name but does not hold. They go to the file as they are: a table of
            gigabytes is never copied.

    Returns:
        The graph's path.
    """
    path = folder / GRAPH_NAME
    with (folder / DATA_NAME).open("wb") as data:
        for tensor in model.graph.initializer:
            if len(tensor.raw_data) >= _INLINE_BYTES:
                _move(tensor, memoryview(tensor.raw_data), data)
        for name, values in arrays.items():
            tensor = model.graph.initializer.add()
            tensor.name, tensor.data_type = name, helper.np_dtype_to_tensor_dtype(values.dtype)
            tensor.dims.extend(values.shape)
            if values.nbytes < _INLINE_BYTES:
                tensor.raw_data = values.tobytes()
            else:
                _move(tensor, np.ascontiguousarray(values).data.cast("B"), data)
    path.write_bytes(model.SerializeToString())
    return path


def _move(tensor: TensorProto, content: memoryview, data: BinaryIO) -> None:
    """Write a tensor's bytes to the file of the weights, and leave a pointer to them."""
    _point(tensor, *_append(content, data))


def _append(content: memoryview, data: BinaryIO) -> tuple[int, int]:
    """Write bytes to the file of the weights; returns where they start and how many they are."""
    data.write(b"\0" * (-data.tell() % _ALIGNMENT))
    offset = data.tell()
    data.write(content)
    return offset, len(content)


def _point(tensor: TensorProto, offset: int, length: int) -> None:
    tensor.raw_data = b""  # the helper asks for the field before it sets the pointer
    set_external_data(tensor, DATA_NAME, offset, length)
    tensor.ClearField("raw_data")


def save_graphs(graphs: Mapping[str, onnx.ModelProto], folder: Path, arrays: Arrays) -> None:
    """Write several graphs that share their weights into a folder, each weight once in the one file of all.

    Arrays that are views of the same memory, such as a table in two shapes, are stored once as well.

    Args:
        graphs: By the name of their file; they hold no weights.
        folder: An existing folder.
        arrays: Weights that the graphs use by name.
    """
    stored: dict[tuple[int, int], tuple[int, int]] = {}
    with (folder / DATA_NAME).open("wb") as data:
        for file, model in graphs.items():
            for name in _used(model.graph, arrays):
                values = arrays[name]
                tensor = model.graph.initializer.add()
                tensor.name, tensor.data_type = name, helper.np_dtype_to_tensor_dtype(values.dtype)
                tensor.dims.extend(values.shape)
                if values.nbytes < _INLINE_BYTES:
                    tensor.raw_data = values.tobytes()
                    continue
                place = (values.__array_interface__["data"][0], values.nbytes)
                if place not in stored:
                    stored[place] = _append(np.ascontiguousarray(values).data.cast("B"), data)
                _point(tensor, *stored[place])
            (folder / file).write_bytes(model.SerializeToString())


def load_skeletons(folder: Path, files: Collection[str]) -> tuple[dict[str, onnx.ModelProto], dict[str, NDArray[Any]]]:
    """Read graphs that share their weights, without these, and the weights by name as views of the one file.

    Raises:
        ModelError: A graph is damaged, or a weight lies in another file.
    """
    models, arrays = {}, {}
    data = np.memmap(folder / DATA_NAME, np.uint8, "r")
    for file in files:
        try:
            model = onnx.load(str(folder / file), load_external_data=False)
        except Exception as error:  # protobuf's errors have no typed home
            raise ModelError(f"{folder / file} cannot be read: {str(error)[:200]}", "Export again.") from error
        arrays.update({tensor.name: _view(tensor, data) for tensor in model.graph.initializer})
        del model.graph.initializer[:]
        models[file] = model
    return models, arrays


def _used(graph: onnx.GraphProto, arrays: Arrays) -> list[str]:
    return sorted({name for node in graph.node for name in node.input} & arrays.keys())


def _view(tensor: TensorProto, data: NDArray[np.uint8]) -> NDArray[Any]:
    if tensor.data_location != TensorProto.EXTERNAL:
        return np.asarray(numpy_helper.to_array(tensor))
    place = ExternalDataInfo(tensor)
    if place.location != DATA_NAME:
        raise ModelError(
            f"The weights {tensor.name} lie in {place.location!r:.80}, not in {DATA_NAME}.", "Export again."
        )
    start = int(place.offset or 0)
    kind = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    return data[start : start + int(place.length or 0)].view(kind).reshape(tuple(tensor.dims))


def load_graph(folder: Path) -> onnx.ModelProto:
    """Read a graph with its weights."""
    return onnx.load(str(folder / GRAPH_NAME))


def load_skeleton(folder: Path) -> tuple[onnx.ModelProto, dict[str, NDArray[Any]]]:
    """Read a graph without its weights, and these as arrays by name, read from the file only where they are used.

    Raises:
        ModelError: A weight lies in a file other than the one beside the graph.
    """
    model = onnx.load(str(folder / GRAPH_NAME), load_external_data=False)
    arrays = {tensor.name: _array(tensor, folder) for tensor in model.graph.initializer}
    del model.graph.initializer[:]
    return model, arrays


def _array(tensor: TensorProto, folder: Path) -> NDArray[Any]:
    if tensor.data_location != TensorProto.EXTERNAL:
        return np.asarray(numpy_helper.to_array(tensor))
    place = ExternalDataInfo(tensor)
    if place.location != DATA_NAME:
        raise ModelError(
            f"The weights {tensor.name} lie in {place.location!r:.80}, not in {DATA_NAME}.", "Export again."
        )
    kind = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    return np.memmap(folder / DATA_NAME, kind, "r", int(place.offset or 0), tuple(tensor.dims))
