"""ONNX graphs on disk: one file for the graph, one beside it for the weights, whatever their size."""

from collections.abc import Mapping
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
    data.write(b"\0" * (-data.tell() % _ALIGNMENT))
    offset = data.tell()
    data.write(content)
    tensor.raw_data = b""  # the helper asks for the field before it sets the pointer
    set_external_data(tensor, DATA_NAME, offset, len(content))
    tensor.ClearField("raw_data")


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
