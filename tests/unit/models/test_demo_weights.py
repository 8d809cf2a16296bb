"""The E5S1 container: what a writer put in comes out exactly, and damage is told."""

import struct
from dataclasses import dataclass

import numpy as np
import pytest

from leanglot.errors import ModelError
from leanglot.models.demo_weights import Dimensions, dequantize_blocks, read_container

SHAPE = Dimensions(hidden=64, layers=1, heads=4, ffn=128, vocabulary=5, positions=8, types=2, layer_norm_eps=0.25)
PIECES = ("<s>", "<pad>", "</s>", "<unk>", "▁ein")


@dataclass
class Blocks:
    """A tensor to be stored in blocks of 32 four-bit values."""

    scales: np.ndarray  # float16, shape (blocks,)
    nibbles: np.ndarray  # 0 to 15, shape (blocks, 32)

    @property
    def count(self):
        return self.nibbles.size

    @property
    def values(self):
        return (self.scales.astype(np.float32)[:, None] * (self.nibbles.astype(np.float32) - 8)).reshape(-1)

    def stored(self):
        low, high = self.nibbles[:, :16], self.nibbles[:, 16:]
        packed = (low | (high << 4)).astype(np.uint8)
        pairs = zip(self.scales, packed, strict=True)
        return b"".join(np.float16(scale).tobytes() + block.tobytes() for scale, block in pairs)


def random_blocks(count, seed):
    rng = np.random.default_rng(seed)
    return Blocks(rng.normal(size=count).astype(np.float16), rng.integers(0, 16, size=(count, 32)))


def container(tensors, *, magic=b"E5S1", block=32):
    """The bytes of a container, written field by field as the layout is described."""
    blob = "".join(PIECES).encode()
    ends = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)])
    head = struct.pack("<4sI", magic, 1)
    sizes = (SHAPE.hidden, SHAPE.layers, SHAPE.heads, SHAPE.ffn, SHAPE.vocabulary, SHAPE.positions, SHAPE.types)
    head += struct.pack("<7i", *sizes)
    head += struct.pack("<fi", SHAPE.layer_norm_eps, block)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(blob))
    head += struct.pack(f"<{len(PIECES) + 1}I", *ends) + struct.pack(f"<{len(PIECES)}f", *range(len(PIECES))) + blob
    head += struct.pack("<iI", 1, 7) + b"nmt_nfk"
    head += struct.pack("<i", len(tensors))
    stored = {name: (count, data) for name, (count, data) in tensors.items()}
    offset = len(head) + sum(2 + len(name.encode()) + struct.calcsize("<BIQQ") for name in stored)
    entries = data_bytes = b""
    for name, (count, data) in stored.items():
        entries += struct.pack("<H", len(name.encode())) + name.encode()
        entries += struct.pack("<BIQQ", 0, count, offset + len(data_bytes), len(data))
        data_bytes += data
    return head + entries + data_bytes


def plain(values):
    return values.size, values.astype("<f4").tobytes()


def packed(blocks):
    return blocks.count, blocks.stored()


@pytest.fixture
def write(tmp_path):
    def write_bytes(content):
        path = tmp_path / "e5-small-q4.bin"
        path.write_bytes(content)
        return path

    return write_bytes


def test_what_was_written_is_read_exactly(write):
    bias = np.array([0.1, -2.5, 1e-8, 3e30], np.float32)
    words, query = random_blocks(10, seed=1), random_blocks(3, seed=2)
    tensors = {"emb.word": packed(words), "emb.ln.b": plain(bias), "l0.q.w": packed(query)}
    read = read_container(write(container(tensors)))
    assert read.dimensions == SHAPE
    assert list(read.tensors) == ["emb.word", "emb.ln.b", "l0.q.w"]
    assert {values.dtype for values in read.tensors.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(read.tensors["emb.ln.b"], bias)
    np.testing.assert_array_equal(read.tensors["emb.word"], words.values)
    np.testing.assert_array_equal(read.tensors["l0.q.w"], query.values)


def test_a_block_holds_first_the_low_then_the_high_nibbles():
    low, high = np.arange(16), np.arange(15, -1, -1)
    raw = np.float16(0.5).tobytes() + bytes((low | (high << 4)).astype(np.uint8))
    values = dequantize_blocks(np.frombuffer(raw, np.uint8))
    np.testing.assert_array_equal(values, (np.concatenate([low, high]) - 8) / 2)


@pytest.mark.parametrize("content", [b"", b"E5", b"GGUF" + bytes(200), container({}, magic=b"E5S2")])
def test_another_file_is_no_container(write, content):
    with pytest.raises(ModelError, match="is no E5S1 container") as caught:
        read_container(write(content))
    assert "Delete it" in caught.value.hint


def test_a_container_cut_anywhere_is_damaged(write):
    whole = container({"l0.q.b": plain(np.ones(8)), "l0.q.w": packed(random_blocks(2, seed=3))})
    for length in range(4, len(whole)):
        with pytest.raises(ModelError, match="is damaged"):
            read_container(write(whole[:length]))
    assert len(read_container(write(whole)).tensors) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (container({}, block=64), "blocks of 64 values, expected 32"),
        (container({"l0.q.w": (64, bytes(18))}), "tensor l0.q.w has 18 bytes for 64 values"),
        (container({"l0.q.w": (33, bytes(18))}), "tensor l0.q.w has 18 bytes for 33 values"),
        (container({"l0.q.b": (8, bytes(30))}), "tensor l0.q.b has 30 bytes for 8 values"),
    ],
)
def test_sizes_that_do_not_fit_are_damage(write, content, told):
    with pytest.raises(ModelError, match=told):
        read_container(write(content))


def test_a_name_that_is_no_text_is_damage(write):
    content = container({"l0.q.b": plain(np.ones(2))}).replace(b"l0.q.b", b"\xff0.q.b")
    with pytest.raises(ModelError, match="is damaged"):
        read_container(write(content))
