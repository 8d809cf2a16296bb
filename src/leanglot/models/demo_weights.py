"""Reads the E5S1 container: multilingual-e5-small with its matrices in blocks of 32 four-bit values."""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.errors import ModelError

_MAGIC: Final = b"E5S1"
_BLOCK: Final = 32
_BLOCK_BYTES: Final = 2 + _BLOCK // 2

Float32Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The model's shape as the container states it."""

    hidden: int
    layers: int
    heads: int
    ffn: int
    vocabulary: int
    positions: int
    types: int
    layer_norm_eps: float


@dataclass(frozen=True, slots=True)
class Container:
    """The decoded file.

    Attributes:
        dimensions: The model's shape.
        tensors: Every tensor, flat, float32, by the container's name such as ``l0.q.w``.
    """

    dimensions: Dimensions
    tensors: dict[str, Float32Array]


class _Cursor:
    """Reads little-endian fields one after the other."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.position = 0

    def take(self, layout: str) -> tuple[int | float, ...]:
        fields = struct.unpack_from(f"<{layout}", self.data, self.position)
        self.position += struct.calcsize(f"<{layout}")
        return fields

    def integer(self, layout: str) -> int:
        return int(self.take(layout)[0])

    def text(self, length: int) -> str:
        raw = self.data[self.position : self.position + length]
        self.position += length
        return raw.decode("utf-8")


def read_container(path: Path) -> Container:
    """Decode the whole container.

    Raises:
        ModelError: The file is no E5S1 container or ends too early.
    """
    with path.open("rb") as stream:
        if stream.read(4) != _MAGIC:
            raise ModelError(f"{path} is no E5S1 container.", "Delete it and run the command again.")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _read(_Cursor(data))
            except (struct.error, UnicodeDecodeError, ValueError) as error:
                raise ModelError(f"{path} is damaged: {error}", "Delete it and run the command again.") from error


def _read(cursor: _Cursor) -> Container:
    cursor.take("4sI")
    hidden, layers, heads, ffn, vocabulary, positions, types = (int(value) for value in cursor.take("7i"))
    eps = float(cursor.take("f")[0])
    dimensions = Dimensions(hidden, layers, heads, ffn, vocabulary, positions, types, layer_norm_eps=eps)
    if (block := cursor.integer("i")) != _BLOCK:
        raise ValueError(f"blocks of {block} values, expected {_BLOCK}")
    pieces = cursor.integer("i")
    cursor.take("4i")  # ids of the special tokens: the tokenizer has them
    blob = cursor.integer("Q")
    cursor.position += 4 * (pieces + 1) + 4 * pieces + blob  # the vocabulary: the tokenizer has it
    normalizer_bytes = int(cursor.take("iI")[1])
    cursor.position += normalizer_bytes  # the normalizer: the tokenizer has it
    tensors = dict(_read_tensor(cursor) for _ in range(cursor.integer("i")))
    return Container(dimensions, tensors)


def _read_tensor(cursor: _Cursor) -> tuple[str, Float32Array]:
    name = cursor.text(cursor.integer("H"))
    _, count, offset, size = (int(value) for value in cursor.take("BIQQ"))
    if size == 4 * count:
        return name, np.frombuffer(cursor.data, dtype="<f4", count=count, offset=offset).copy()
    if count % _BLOCK or size != count // _BLOCK * _BLOCK_BYTES:
        raise ValueError(f"tensor {name} has {size} bytes for {count} values")
    raw = np.frombuffer(cursor.data, dtype=np.uint8, count=size, offset=offset)
    return name, dequantize_blocks(raw)


def dequantize_blocks(raw: NDArray[np.uint8]) -> Float32Array:
    """Four-bit blocks to float32.

    Args:
        raw: Bytes of whole blocks, each an fp16 scale and 16 bytes holding 32 values: first the low nibbles, then
            the high ones, each stored with an offset of 8.

    Returns:
        Shape (blocks * 32,).
    """
    blocks = raw.reshape(-1, _BLOCK_BYTES)
    scales = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
    packed = blocks[:, 2:]
    nibbles = np.concatenate([packed & 0x0F, packed >> 4], axis=1).astype(np.float32)
    values: Float32Array = ((nibbles - 8.0) * scales).reshape(-1)
    return values
