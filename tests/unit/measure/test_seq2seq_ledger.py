"""What translation artifacts weigh, by part and type of number, and their zeros, as they lie on disk."""

import struct

import pytest
import torch

from leanglot.config import CandidateConfig
from leanglot.errors import ModelError
from leanglot.measure.ledger import size_ledger
from leanglot.measure.seq2seq_ledger import matrix_sparsity, stored_weights
from leanglot.measure.translation_weight import weigh_translator
from leanglot.models.text_classifier import linear_layers
from leanglot.runtimes.loading import load_translator
from leanglot.techniques import HalfPrecision, Int8, MagnitudePruning
from leanglot.translating.making import make_translation_artifact
from leanglot.translating.materials import TranslationMaking
from tiny_translators import ALL_KINDS, load_tiny

PLAIN = TranslationMaking(isa=("avx2",), threads=1)
BOTH = ("onnxruntime", "ctranslate2")


def made(model, folder, runtime, *recipe):
    folder.mkdir(parents=True)
    candidate = CandidateConfig(name="x", runtime=runtime, recipe=recipe)
    return make_translation_artifact(model, candidate, folder, PLAIN)


@pytest.fixture(scope="module")
def marian(tmp_path_factory):
    return load_tiny(tmp_path_factory.mktemp("ledger") / "m", "marian", width=32)


@pytest.mark.parametrize("runtime", BOTH)
@pytest.mark.parametrize("family", ALL_KINDS)
def test_every_weight_counts_once(tmp_path, family, runtime):
    model = load_tiny(tmp_path / "m", family, width=32)
    manifest = made(model, tmp_path / "a", runtime)
    rows = size_ledger(tmp_path / "a", manifest)
    weights = dict(model.module.named_parameters()).items()
    positions = sum(weight.numel() for name, weight in weights if "embed_positions" in name)
    numbers = sum(weight.numel() for _, weight in weights) - positions
    stored = sum(row.size_bytes for row in rows) / 4
    # Tables of positions are computed by some models, stored by both engines, and often the same for both sides, as are
    # norms that learned nothing; biases
    # of the output are added.
    assert 0.98 * numbers <= stored <= numbers + 2 * 68 * 32 + 800
    assert {row.dtype for row in rows} == {"float32"}
    assert {"embeddings", "attention", "ffn"} <= {row.part for row in rows}
    assert stored * 4 <= sum(path.stat().st_size for path in (tmp_path / "a").iterdir())


@pytest.mark.parametrize("runtime", BOTH)
def test_a_tied_table_is_an_embedding_and_no_second_head(marian, tmp_path, runtime):
    rows = size_ledger(tmp_path / "a", made(marian, tmp_path / "a", runtime))
    parts = {row.part: row.size_bytes for row in rows}
    table = marian.module.get_encoder().get_input_embeddings().weight.numel() * 4
    assert table <= parts["embeddings"] <= table + 2 * 64 * 32 * 4  # and positions
    assert parts.get("head", 0) < table / 8


@pytest.mark.parametrize(
    ("runtime", "step", "dtype"),
    [("ctranslate2", Int8(), "int8"), ("ctranslate2", HalfPrecision(), "float16"), ("onnxruntime", Int8(), "int8")],
    ids=["ct2-int8", "ct2-fp16", "onnx-int8"],
)
def test_the_type_of_the_layers_is_what_was_asked_for(marian, tmp_path, runtime, step, dtype):
    rows = size_ledger(tmp_path / "a", made(marian, tmp_path / "a", runtime, step))
    by_part = {(row.part, row.dtype): row.size_bytes for row in rows}
    whole = 4 * sum(layer.weight.numel() for name, layer in linear_layers(marian.module).items() if ".fc" in name)
    assert by_part["ffn", dtype] == pytest.approx(whole / (4 if dtype == "int8" else 2), rel=0.15)


@pytest.mark.parametrize("runtime", BOTH)
@pytest.mark.parametrize("last", [(), (Int8(),)], ids=["fp32", "int8"])
def test_zeros_of_pruning_are_counted_on_disk(marian, tmp_path, runtime, last):
    pruned = MagnitudePruning(sparsity=0.5, scope="layer")
    manifest = made(marian, tmp_path / "a", runtime, pruned, *last)
    found = matrix_sparsity(stored_weights(tmp_path / "a", manifest))
    assert found == pytest.approx(0.5, abs=0.04) if not last else found >= 0.49
    whole = made(marian, tmp_path / "b", runtime, *last)
    assert matrix_sparsity(stored_weights(tmp_path / "b", whole)) < 0.05


@pytest.mark.parametrize("runtime", ["pytorch", *BOTH])
def test_every_engine_is_weighed(marian, tmp_path, runtime):
    made(marian, tmp_path / "a", runtime)
    weight = weigh_translator(tmp_path / "a", load_translator(tmp_path / "a", 1))
    assert weight.size_bytes == sum(path.stat().st_size for path in (tmp_path / "a").iterdir())
    assert 0 < sum(row.size_bytes for row in weight.ledger) < weight.size_bytes
    assert weight.sparsity == pytest.approx(0, abs=0.01)


def test_what_is_stored_is_what_the_model_has(marian, tmp_path):
    manifest = made(marian, tmp_path / "a", "ctranslate2")
    weights = {weight.name: weight.values for weight in stored_weights(tmp_path / "a", manifest)}
    own = marian.module.model.encoder.layers[1].fc1.weight
    assert torch.equal(torch.tensor(weights["encoder/layer_1/ffn/linear_0/weight"]), own)


@pytest.mark.parametrize("damage", ["cut", "version", "empty", "type"])
def test_a_damaged_file_is_named(marian, tmp_path, damage):
    manifest = made(marian, tmp_path / "a", "ctranslate2")
    path = tmp_path / "a" / "model.bin"
    content = bytearray(path.read_bytes())
    if damage == "version":
        content[:4] = struct.pack("<I", 5)
    elif damage == "type":
        place = content.index(b"decoder/embeddings/weight\0") + len(b"decoder/embeddings/weight\0")
        content[place + 1 + 8] = 99
    path.write_bytes({"cut": content[: len(content) // 2], "empty": b""}.get(damage, content))
    with pytest.raises(ModelError, match="CTranslate2"):
        stored_weights(tmp_path / "a", manifest)
