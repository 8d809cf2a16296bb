"""The manifest: what it promises of an artifact folder, and what it refuses."""

import hashlib
import json

import pytest
from pydantic import ValidationError

from leanglot.errors import ModelError
from leanglot.results.manifest import (
    MANIFEST_NAME,
    Manifest,
    file_digest,
    is_artifact,
    read_manifest,
    verify_files,
    write_manifest,
)
from leanglot.techniques import Int8, MagnitudePruning

MANIFEST = Manifest(
    name="pruned-int8",
    runtime="onnxruntime",
    model_file="model.onnx",
    labels=("Ähnlich", "ไทย"),
    max_length=64,
    pad_id=1,
    recipe=(MagnitudePruning(sparsity=0.3), Int8(reduce_range=True, embeddings=True)),
    source="0" * 64,
)


@pytest.fixture
def artifact(tmp_path):
    """A folder with two files, one of them deeper, and their manifest."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "model.onnx").write_bytes(b"graph")
    (tmp_path / "parts" / "data").write_bytes(b"weights")
    write_manifest(tmp_path, MANIFEST)
    return tmp_path


def change(folder, **changes):
    path = folder / MANIFEST_NAME
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def refusal(folder):
    with pytest.raises(ModelError) as caught:
        read_manifest(folder)
    return caught.value


def test_what_is_written_is_read_with_the_files_hashes(artifact):
    manifest = read_manifest(artifact)
    hashes = {"model.onnx": b"graph", "parts/data": b"weights"}
    assert manifest.files == {name: hashlib.sha256(content).hexdigest() for name, content in hashes.items()}
    assert manifest.model_copy(update={"files": {}}) == MANIFEST
    verify_files(artifact, manifest)


def test_writing_again_does_not_hash_the_manifest_itself(artifact):
    assert write_manifest(artifact, MANIFEST) == read_manifest(artifact)
    assert MANIFEST_NAME not in read_manifest(artifact).files


def test_a_folder_is_an_artifact_by_its_manifest(artifact):
    assert is_artifact(artifact)
    assert not is_artifact(artifact / "parts")
    assert not is_artifact(artifact / "nowhere")


def test_a_folder_without_manifest(artifact):
    error = refusal(artifact / "parts")
    assert "parts is no artifact" in error.message
    assert "leanglot export" in error.hint


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}", b"[" * 100_000])
def test_a_damaged_manifest(artifact, content):
    (artifact / MANIFEST_NAME).write_bytes(content)
    assert "leanglot.json cannot be read: " in refusal(artifact).message


@pytest.mark.parametrize("version", [2, 0, "1", None])
def test_another_schema_needs_another_leanglot(artifact, version):
    change(artifact, schema_version=version)
    error = refusal(artifact)
    assert "schema_version" in error.message
    assert "reads schema 1; a newer artifact needs: pip install -U leanglot" in error.hint


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("runtime", "a runtime of tomorrow"),
        ("task", "speech"),
        ("max_length", 2),
        ("pad_id", -1),
        ("labels", "lights"),
        ("recipe", [{"technique": "magic"}]),
        ("unknown", 1),
    ],
)
def test_a_value_that_is_not_allowed_is_named(artifact, field, value):
    change(artifact, **{field: value})
    assert f"cannot be read: {field}" in refusal(artifact).message


@pytest.mark.parametrize("path", ["../model.onnx", "parts/../../model.onnx", "/etc/passwd", "..\\model.onnx"])
def test_the_model_file_never_leaves_the_folder(artifact, path):
    change(artifact, model_file=path)
    error = refusal(artifact)
    assert "leaves the artifact's folder" in error.message
    with pytest.raises(ValidationError):
        Manifest(**MANIFEST.model_dump(exclude={"model_file"}), model_file=path)


def test_a_model_file_may_lie_deeper(artifact):
    change(artifact, model_file="parts/model..v2.onnx")
    assert read_manifest(artifact).model_file == "parts/model..v2.onnx"


def test_missing_files_are_named(artifact):
    (artifact / "parts" / "data").unlink()
    error = refusal(artifact)
    assert error.message.endswith("lacks parts/data.")
    assert "Copy the whole folder" in error.hint


def test_a_changed_file_is_found(artifact):
    (artifact / "parts" / "data").write_bytes(b"Weights")
    manifest = read_manifest(artifact)
    with pytest.raises(ModelError, match=r"data was changed or damaged"):
        verify_files(artifact, manifest)


def test_a_digest_is_the_sha_256_of_the_content(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert file_digest(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
