"""Reads the weights of translation artifacts as they lie on disk: by name, type of number and shape, each once."""

import mmap
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leanglot.errors import ModelError
from leanglot.models.graph import load_skeletons
from leanglot.models.openvino_graph import stored_constants
from leanglot.results.manifest import Manifest
from leanglot.runtimes.openvino_seq2seq import DECODER_GRAPH, ENCODER_GRAPH
from leanglot.runtimes.seq2seq_graphs import DECODER_NAME, ENCODER_NAME

# In the order of CTranslate2's DataType; NumPy has no bfloat16, whose bytes are read as integers.
_TYPES: Final = (
    ("float32", np.float32), ("int8", np.int8), ("int16", np.int16), ("int32", np.int32), ("float16", np.float16),
    ("bfloat16", np.uint16),
)  # fmt: skip
_VERSION: Final = 6
# What other engines call an output projection and a table of positions.
_NAMES: Final = (
    ("decoder/projection/", "lm_head/"),
    ("/position_encodings/", "/embeddings/"),
    (".positions", ".embeddings"),
)
_COUNTED: Final = ("float32", "float16", "int8")  # types of OpenVINO's whose zeros are 0
_NO_WEIGHTS: Final = ("int64", "int32")  # shapes and places
_LINEAR: Final = 2  # dimensions of a matrix


@dataclass(frozen=True, slots=True)
class StoredWeight:
    """A weight on disk.

    Attributes:
        name: Its name, with the parts of the model separated by dots or slashes.
        dtype: Type of its numbers.
        size_bytes: Its bytes.
        values: The numbers, read from the file only where they are used.
    """

    name: str
    dtype: str
    size_bytes: int
    values: NDArray[Any]


def stored_weights(folder: Path, manifest: Manifest) -> list[StoredWeight]:
    """The weights of a translation artifact for ONNX Runtime, OpenVINO or CTranslate2; none for another engine.

    Raises:
        ModelError: A file is damaged.
    """
    if manifest.runtime == "ctranslate2":
        return list(_in_ctranslate2(folder / manifest.model_file))
    if manifest.runtime == "openvino":
        return [weight for name in (ENCODER_GRAPH, DECODER_GRAPH) for weight in _in_openvino(folder / name)]
    return list(_in_graphs(folder)) if manifest.runtime == "onnxruntime" else []


def matrix_sparsity(weights: Iterable[StoredWeight]) -> float | None:
    """Share of zeros among the matrices of linear layers; None where there are none.

    Symmetric INT8 stores a zero as 0. A table that is an embedding and the output projection in one does not count:
    its zeros would be rows that are looked up.
    """
    zeros = total = 0
    for weight in weights:
        if weight.values.ndim == _LINEAR and _is_linear(weight.name):
            zeros += weight.values.size - int(np.count_nonzero(weight.values))
            total += weight.values.size
    return zeros / total if total else None


def _is_linear(name: str) -> bool:
    """Whether a matrix belongs to attention or feed-forward layers, by the names of both engines."""
    if any(part in name for part in ("bias", "_scale", "_zero", "/scale", "/zero")):
        return False
    return "/linear_" in name or any(part in name for part in ("attn.", "Attention.", ".fc", "DenseReluDense."))


def _in_graphs(folder: Path) -> Iterator[StoredWeight]:
    """Both graphs' weights; views of the same bytes count once."""
    _, arrays = load_skeletons(folder, (ENCODER_NAME, DECODER_NAME))
    seen: set[int] = set()
    for name, values in arrays.items():
        place = int(values.__array_interface__["data"][0])
        if place not in seen and not name.startswith("constant_"):
            seen.add(place)
            yield StoredWeight(_called(name), values.dtype.name, values.nbytes, values)


def _in_openvino(path: Path) -> Iterator[StoredWeight]:
    """The constants of one graph; those whose zeros cannot be told, since zero is another number there, lie flat."""
    try:
        data = np.memmap(path.with_suffix(".bin"), np.uint8, "r")
        seen: set[int] = set()
        for constant in stored_constants(path):
            if constant.offset in seen or constant.dtype in _NO_WEIGHTS:
                continue
            seen.add(constant.offset)
            values = data[constant.offset : constant.offset + constant.size_bytes]
            if constant.dtype in _COUNTED:
                values = values.view(constant.dtype).reshape(constant.shape)
            yield StoredWeight(_called(constant.name), constant.dtype, constant.size_bytes, values)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} has no sound weights: {error!r:.200}", "Make the artifact again.") from error


def _in_ctranslate2(path: Path) -> Iterator[StoredWeight]:
    """The variables of a ``model.bin``; its aliases, which stand for tied weights, take no bytes.

    The layout is that of CTranslate2's ``ModelSpec._serialize``, little-endian: version, the model's name and revision,
    then by variable its name, dimensions, type and bytes.
    """
    try:
        with path.open("rb") as stream:
            data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)  # the arrays keep it open
        version, place = struct.unpack_from("<I", data, 0)[0], 4
        if version != _VERSION:
            raise ModelError(
                f"{path} is of CTranslate2's format {version}, not {_VERSION}.", "Make the artifact again."
            )
        _, place = _string(data, place)
        (count,) = struct.unpack_from("<I", data, place + 4)
        place += 8
        for _ in range(count):
            name, place = _string(data, place)
            (rank,) = struct.unpack_from("<B", data, place)
            *shape, kind, size = struct.unpack_from(f"<{rank}IBI", data, place + 1)
            place += 1 + 4 * rank + 5
            label, dtype = _TYPES[kind]
            values = np.frombuffer(data, dtype, size // np.dtype(dtype).itemsize, place).reshape(shape)
            place += size
            if rank:
                yield StoredWeight(_called(name), label, size, values)
    except (OSError, ValueError, IndexError, struct.error) as error:
        raise ModelError(
            f"{path} is no sound model of CTranslate2: {error!r:.200}", "Make the artifact again."
        ) from error


def _string(data: mmap.mmap, place: int) -> tuple[str, int]:
    """A string with its length, the closing zero included, before it; and where it ends."""
    (length,) = struct.unpack_from("<H", data, place)
    return data[place + 2 : place + 1 + length].decode("utf-8"), place + 2 + length


def _called(name: str) -> str:
    for own, usual in _NAMES:
        name = name.replace(own, usual)
    return name
