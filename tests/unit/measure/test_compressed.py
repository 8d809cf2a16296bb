"""What gzip makes of the weights: the size of a file that gzip itself can read."""

import gzip
import zlib

import numpy as np
import pytest

from leanglot.measure import compressed
from leanglot.measure.compressed import LEVEL, compressed_bytes, weight_files
from leanglot.measure.weight import weigh
from leanglot.runtimes.loading import load


@pytest.fixture
def noise(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(np.random.default_rng(0).bytes(10_000))
    return path


def test_zeros_compress_and_noise_does_not(noise, tmp_path):
    zeros = tmp_path / "zeros.bin"
    zeros.write_bytes(bytes(10_000))
    assert compressed_bytes([zeros]) < 100
    assert 10_000 < compressed_bytes([noise]) < 10_100


def test_half_of_zeros_is_worth_less_than_half(tmp_path):
    rng = np.random.default_rng(1)
    weights = rng.normal(size=50_000).astype(np.float32)
    (tmp_path / "dense.bin").write_bytes(weights.tobytes())
    weights[np.abs(weights) < np.median(np.abs(weights))] = 0
    (tmp_path / "half.bin").write_bytes(weights.tobytes())
    dense, half = (compressed_bytes([tmp_path / name]) for name in ("dense.bin", "half.bin"))
    assert 0.5 * dense < half < 0.8 * dense


def test_one_member_is_the_size_of_gzips_own(noise):
    assert compressed_bytes([noise]) == len(zlib.compress(noise.read_bytes(), LEVEL, 31))


@pytest.mark.parametrize("size", [999, 1000, 1001, 10_000])
def test_members_one_after_the_other_are_a_file_that_gzip_reads(noise, monkeypatch, size):
    monkeypatch.setattr(compressed, "_CHUNK_BYTES", size)
    content = noise.read_bytes()
    members = [zlib.compress(content[at : at + size], LEVEL, 31) for at in range(0, len(content), size)]
    assert gzip.decompress(b"".join(members)) == content
    assert compressed_bytes([noise]) == sum(map(len, members))


def test_files_are_added_up_and_nothing_is_written(noise, tmp_path):
    twin = tmp_path / "twin.bin"
    twin.write_bytes(noise.read_bytes())
    assert compressed_bytes([noise, twin]) == 2 * compressed_bytes([noise])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors", "twin.bin"]


def test_no_file_and_an_empty_one_take_nothing(tmp_path):
    (tmp_path / "empty.bin").touch()
    assert compressed_bytes([]) == compressed_bytes([tmp_path / "empty.bin"]) == 0


def test_only_weights_count(torch_artifact, onnx_artifact, tmp_path):
    assert [path.name for path in weight_files(torch_artifact)] == ["model.safetensors"]
    assert [path.name for path in weight_files(onnx_artifact)] == ["model.onnx", "model.onnx.data"]
    (tmp_path / "deep.bin").mkdir()
    assert weight_files(tmp_path) == ()


def test_weighing_compresses_only_when_asked(torch_artifact):
    classifier = load(torch_artifact, threads=1)
    assert weigh(torch_artifact, classifier).compressed_bytes is None
    weight = weigh(torch_artifact, classifier, compressed=True)
    assert weight.compressed_bytes == compressed_bytes([torch_artifact / "model.safetensors"])
    assert 0 < weight.compressed_bytes < weight.size_bytes


def test_a_folder_without_weights_has_no_size_of_them(torch_artifact, tmp_path):
    (tmp_path / "README.md").write_text("nothing")
    assert weigh(tmp_path, load(torch_artifact, threads=1), compressed=True).compressed_bytes is None
