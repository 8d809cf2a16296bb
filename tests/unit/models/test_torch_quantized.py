"""Quantized classifiers in PyTorch: made, saved small, and loaded to the same answers, or refused."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForSequenceClassification

from leanglot.errors import ModelError, RecipeError
from leanglot.measure.subject import describe
from leanglot.models import packed
from leanglot.models.packed import Scheme, pack, stored_shapes
from leanglot.models.packed_layers import QuantizedEmbedding, QuantizedLinear
from leanglot.models.text_classifier import load_text_classifier
from leanglot.models.torch_quantized import load_quantized, quantize_classifier, save_quantized
from leanglot.quiet import quiet_transformers
from leanglot.results.manifest import write_manifest
from leanglot.runtimes.loading import load
from leanglot.techniques import HalfPrecision, Int8, WeightOnly

STEPS = {
    "int8": Int8(),
    "int8 with table": Int8(embeddings=True, keep=("classifier",)),
    "int8 per tensor, 7 bits": Int8(per_channel=False, reduce_range=True),
    "weights in 8 bits": WeightOnly(bits=8, embeddings=True),
    "weights in 4 bits": WeightOnly(symmetric=False, keep=("layer.0",)),
    "weights in 4 bits without zero points": WeightOnly(block=64, symmetric=True, embeddings=True),
    "bf16": HalfPrecision(dtype="bf16"),
    "fp16": HalfPrecision(keep=("embeddings", "classifier")),
}
any_step = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)


def saved(model, folder, step):
    """An artifact's folder, as a recipe that ends in the step leaves it."""
    folder.mkdir(exist_ok=True)
    save_quantized(model, folder)
    described = describe(model).model_copy(
        update={"name": "quantized", "runtime": "pytorch", "model_file": "model.safetensors", "recipe": (step,)}
    )
    write_manifest(folder, described)
    return folder


def logits(module):
    ids = torch.arange(60).reshape(4, 15) % 40 + 3
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    with torch.inference_mode():
        return module(input_ids=ids, attention_mask=mask).logits.float()


@any_step
def test_what_is_loaded_answers_as_what_was_saved(tiny_classifier, tmp_path, step):
    model = quantize_classifier(tiny_classifier, step)
    loaded = load_quantized(saved(model, tmp_path / "artifact", step), step)
    assert not loaded.training
    assert torch.equal(logits(loaded), logits(model.module))
    assert {name: value.dtype for name, value in loaded.state_dict().items()} == {
        name: value.dtype for name, value in model.module.state_dict().items()
    }


@any_step
def test_answers_are_close_and_the_artifact_runs(tiny_classifier, tiny_rows, tmp_path, step):
    model = quantize_classifier(tiny_classifier, step)
    expected = logits(tiny_classifier.module)
    assert 0 < float((logits(model.module) - expected).norm() / expected.norm()) < 0.25
    classifier = load(saved(model, tmp_path / "artifact", step), threads=1, verify=True)
    encoded = classifier.encode([row["text"] for row in tiny_rows])
    result = classifier.logits(encoded.rows)
    assert result.dtype == np.float32
    predictions = classifier.predict([row["text"] for row in tiny_rows])
    right = np.mean([answer.label == row["label"] for answer, row in zip(predictions, tiny_rows, strict=True)])
    assert right > 0.9


@any_step
def test_every_family_can_be_quantized(any_family, tmp_path, step):
    step = step.model_copy(update={"keep": ()})
    model = quantize_classifier(load_text_classifier(any_family), step)
    loaded = load_quantized(saved(model, tmp_path / "artifact", step), step)
    assert torch.equal(logits(loaded), logits(model.module))


@any_step
def test_the_original_is_left_as_it_was(tiny_classifier, step):
    before = {name: value.clone() for name, value in tiny_classifier.module.state_dict().items()}
    dtype, flags = tiny_classifier.module.config.dtype, [p.requires_grad for p in tiny_classifier.module.parameters()]
    model = quantize_classifier(tiny_classifier, step)
    assert model.module is not tiny_classifier.module
    assert (model.labels, model.source, model.recipe) == (tiny_classifier.labels, tiny_classifier.source, ())
    after = tiny_classifier.module.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert [p.requires_grad for p in tiny_classifier.module.parameters()] == flags
    assert tiny_classifier.module.config.dtype == dtype


def test_the_table_is_quantized_where_asked(tiny_classifier):
    for embeddings, kind in ((False, nn.Embedding), (True, QuantizedEmbedding)):
        for step in (Int8(embeddings=embeddings), WeightOnly(embeddings=embeddings)):
            module = quantize_classifier(tiny_classifier, step).module
            assert type(module.get_input_embeddings()) is kind
            assert not any(type(layer) is nn.Linear for layer in module.modules())
    table = module.get_input_embeddings()
    assert table.packed.bits == 8
    assert (table.num_embeddings, table.embedding_dim, table.padding_idx) == (500, 32, 1)


def test_kept_layers_stay_in_fp32(tiny_classifier):
    original = tiny_classifier.module.classifier.dense
    for step in (Int8(keep=("classifier",)), WeightOnly(keep=("classifier",)), HalfPrecision(keep=("classifier",))):
        module = quantize_classifier(tiny_classifier, step).module
        assert torch.equal(module.classifier.dense.weight, original.weight)
        assert type(module.classifier.dense) is not QuantizedLinear


def test_files_are_as_small_as_their_bits(tiny_classifier, tmp_path):
    sizes = {}
    for name, step in {"fp16": HalfPrecision(), "8": Int8(embeddings=True), "4": WeightOnly(symmetric=False)}.items():
        folder = saved(quantize_classifier(tiny_classifier, step), tmp_path / name, step)
        sizes[name] = {key: value.nbytes for key, value in load_file(folder / "model.safetensors").items()}
    dense = "roberta.encoder.layer.0.intermediate.dense"  # 64 x 32
    assert sizes["fp16"][f"{dense}.weight"] == 64 * 32 * 2
    assert sizes["8"][f"{dense}.packed.codes"] == 64 * 32
    assert sizes["4"][f"{dense}.packed.codes"] == 64 * 32 / 2
    assert sizes["4"][f"{dense}.packed.scales"] == 64 * 4
    assert sizes["4"][f"{dense}.packed.zeros"] == 64
    assert sizes["8"]["roberta.embeddings.word_embeddings.packed.codes"] == 500 * 32
    assert f"{dense}.weight" not in sizes["8"].keys() | sizes["4"].keys()


def test_half_precision_loads_with_plain_transformers(tiny_classifier, tmp_path):
    step = HalfPrecision(dtype="bf16")
    model = quantize_classifier(tiny_classifier, step)
    with quiet_transformers():
        plain = AutoModelForSequenceClassification.from_pretrained(saved(model, tmp_path / "artifact", step))
    assert plain.dtype == torch.bfloat16
    assert torch.equal(logits(plain), logits(model.module))


def test_tensors_shared_by_layers_are_stored_once(tiny_classifier, tmp_path):
    step = WeightOnly()
    model = quantize_classifier(tiny_classifier, step)
    layers = model.module.roberta.encoder.layer
    layers[1].intermediate.dense.packed = layers[0].intermediate.dense.packed
    folder = saved(model, tmp_path / "artifact", step)
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert "roberta.encoder.layer.1.intermediate.dense.packed.codes" not in file.keys()  # noqa: SIM118
    assert torch.equal(logits(load_quantized(folder, step)), logits(model.module))


def test_loading_needs_no_torchao(tiny_classifier, tmp_path, monkeypatch):
    step = Int8(embeddings=True)
    model = quantize_classifier(tiny_classifier, step)
    folder = saved(model, tmp_path / "artifact", step)
    monkeypatch.setattr(packed, "require", lambda *names: pytest.fail(f"asked for {names}"))
    assert torch.equal(logits(load_quantized(folder, step)), logits(model.module))


@pytest.mark.parametrize(
    ("scheme", "shape"),
    [
        (Scheme(8), (5, 7)),
        (Scheme(8, per_row=False), (5, 7)),
        (Scheme(8, 32), (5, 40)),
        (Scheme(8, 32, symmetric=False), (5, 7)),
        (Scheme(4), (5, 7)),
        (Scheme(4, 32), (5, 33)),
        (Scheme(4, 64, symmetric=False), (5, 128)),
    ],
)
def test_a_packed_matrix_is_what_its_scheme_says(scheme, shape):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    matrix = pack(weight, scheme)
    held = {name: (value.dtype, tuple(value.shape)) for name, value in matrix.named_buffers()}
    assert held == stored_shapes(*shape, scheme)
    widened = matrix()
    assert widened.shape == shape
    step = 2 * weight.abs().max() / (2**scheme.bits - 1)
    assert (widened - weight).abs().max() <= step
    if scheme.per_row:
        ids = torch.tensor([[4, 0], [2, 2]])
        assert torch.equal(matrix.rows(ids), widened[ids])


def test_long_tables_are_packed_in_parts_alike(monkeypatch):
    weight = torch.randn(50, 16, generator=torch.Generator().manual_seed(0))
    for scheme in (Scheme(8), Scheme(4, 8, symmetric=False), Scheme(8, per_row=False)):
        whole = pack(weight, scheme).state_dict()
        with monkeypatch.context() as patch:
            patch.setattr(packed, "_ELEMENTS_AT_ONCE", 7 * 16)
            parts = pack(weight, scheme).state_dict()
        assert all(torch.equal(parts[name], whole[name]) for name in whole)


def test_7_bits_leave_room(tiny_classifier):
    module = quantize_classifier(tiny_classifier, Int8(reduce_range=True)).module
    codes = module.classifier.dense.packed.codes.int()
    assert -64 <= codes.min() < codes.max() <= 63


@pytest.mark.parametrize("step", [Int8(activations="static"), Int8(weights="unsigned")])
def test_what_pytorch_cannot_do_is_refused(tiny_classifier, step):
    with pytest.raises(RecipeError, match="PyTorch has no int8 with") as caught:
        quantize_classifier(tiny_classifier, step)
    assert "onnxruntime" in caught.value.hint


@pytest.mark.parametrize("step", [Int8(keep=("*",)), WeightOnly(keep=("*",)), HalfPrecision(keep=("*",))])
def test_nothing_left_to_quantize_is_refused(tiny_classifier, step):
    with pytest.raises(RecipeError, match="tiny-xlmr has no layer to quantize"):
        quantize_classifier(tiny_classifier, step)


def test_a_pattern_that_means_nothing_is_refused(tiny_classifier):
    with pytest.raises(RecipeError, match="'pooler' matches no layer"):
        quantize_classifier(tiny_classifier, WeightOnly(keep=("pooler",)))


def test_weights_that_are_not_finite_are_refused_by_name(tiny_model):
    model = load_text_classifier(tiny_model)
    with torch.no_grad():
        model.module.classifier.dense.weight[0, 0] = torch.nan
    for step in STEPS.values():
        with pytest.raises(ModelError, match=r"classifier\.dense\.weight hold NaN"):
            quantize_classifier(model, step)


@pytest.fixture(scope="module")
def int8_folder(tiny_classifier, tmp_path_factory):
    step = Int8(embeddings=True)
    return saved(quantize_classifier(tiny_classifier, step), tmp_path_factory.mktemp("int8") / "artifact", step)


@pytest.fixture
def damaged(int8_folder, tmp_path):
    return shutil.copytree(int8_folder, tmp_path / "damaged")


@pytest.mark.parametrize("length", [0, 4, 5_000])
def test_a_file_that_was_cut_off_is_refused(damaged, length):
    path = damaged / "model.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ModelError, match=r"model\.safetensors cannot be read"):
        load_quantized(damaged, Int8(embeddings=True))


def test_a_missing_file_is_refused(damaged):
    (damaged / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        load_quantized(damaged, Int8(embeddings=True))


@pytest.mark.parametrize("shared", ["no json", "[]", '{"a": "nowhere"}'])
def test_a_file_with_wrong_names_is_refused(damaged, shared):
    path = damaged / "model.safetensors"
    save_file(load_file(path), path, metadata={"format": "pt", "shared": shared})
    with pytest.raises(ModelError, match="cannot be read"):
        load_quantized(damaged, Int8(embeddings=True))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("classifier.dense.packed.codes", lambda value: value[:-1], r"must be torch\.int8 of shape \(32, 32\)"),
        ("classifier.dense.packed.scales", torch.Tensor.half, r"it has torch\.float16"),
        ("classifier.dense.packed.codes", None, "it has nothing"),
        ("classifier.dense.bias", torch.Tensor.half, r"classifier\.dense\.bias must be torch\.float32"),
        ("classifier.dense.bias", lambda value: value[:3], "size mismatch"),
        ("classifier.dense.bias", None, "Missing key"),
        ("extra", lambda _: torch.ones(2), "Unexpected key"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(damaged, name, change, message):
    path = damaged / "model.safetensors"
    tensors = load_file(path)
    value = tensors.pop(name, None)
    if change is not None:
        tensors[name] = change(value).contiguous()
    save_file(tensors, path)
    with pytest.raises(ModelError, match=message):
        load_quantized(damaged, Int8(embeddings=True))


def test_another_recipe_is_refused(damaged):
    for step in (Int8(), WeightOnly(embeddings=True), HalfPrecision()):
        with pytest.raises(ModelError, match="does not fit"):
            load_quantized(damaged, step)
    with pytest.raises(ModelError, match="is not what its recipe says: keep: 'pooler'"):
        load_quantized(damaged, Int8(keep=("pooler",)))


def test_a_half_file_in_another_type_is_refused(tiny_classifier, tmp_path):
    step = HalfPrecision(dtype="bf16")
    folder = saved(quantize_classifier(tiny_classifier, step), tmp_path / "artifact", step)
    with pytest.raises(ModelError, match=r"must be torch\.float16, and it is torch\.bfloat16"):
        load_quantized(folder, HalfPrecision(dtype="fp16"))


@pytest.mark.parametrize("config", ["{", "{}", '{"model_type": "xlm-roberta", "num_attention_heads": 7}'])
def test_a_damaged_config_is_refused(damaged, config):
    (damaged / "config.json").write_text(config, encoding="utf-8")
    with pytest.raises(ModelError, match=r"config\.json"):
        load_quantized(damaged, Int8(embeddings=True))


def test_a_config_of_another_size_is_refused(damaged):
    path = damaged / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | {"num_hidden_layers": 3}
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match="does not fit its recipe or config"):
        load_quantized(damaged, Int8(embeddings=True))
