"""Model folders: what loads, what is saved, and what is measured of them."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from leanglot.measure.subject import describe
from leanglot.models.text_classifier import (
    folder_digest,
    linear_layers,
    linear_sparsity,
    load_text_classifier,
    save_text_classifier,
    save_tokenizer,
)
from leanglot.results.manifest import write_manifest
from leanglot.runtimes.loading import load_tokenizer

TEXTS = ["filler-1 de-lights-3", "th-music-0", " ".join(f"filler-{number}" for number in range(60))]


def change_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def logits_of(module, rows):
    """Logits of token rows, one at a time."""
    with torch.inference_mode():
        return torch.cat([module(input_ids=torch.tensor([row])).logits for row in rows])


@pytest.fixture
def folder(any_family, tmp_path):
    """A copy of a model of each family, free to change."""
    return shutil.copytree(any_family, tmp_path / any_family.name)


def test_a_model_is_loaded_ready_to_answer(any_family):
    model = load_text_classifier(any_family)
    assert model.labels == ("lights", "music", "weather")
    assert model.name == any_family.name
    assert model.pad_id == 1
    assert model.max_length == 32
    assert not model.module.training
    assert {weight.dtype for weight in model.module.parameters()} == {torch.float32}
    assert model.source == folder_digest(any_family)


def test_the_tokenizer_cuts_and_never_pads(any_family):
    encodings = load_text_classifier(any_family).tokenizer.encode_batch(TEXTS)
    assert [len(encoding.ids) for encoding in encodings] == [4, 3, 32]
    assert [bool(encoding.overflowing) for encoding in encodings] == [False, False, True]


def test_without_a_limit_of_the_tokenizer_the_positions_are_used_to_the_last(folder):
    change_json(folder / "tokenizer_config.json", model_max_length=10**30)
    model = load_text_classifier(folder)
    assert model.max_length == (38 if folder.name == "xlm-roberta" else 40)
    longest = [[5] * model.max_length]
    assert torch.isfinite(logits_of(model.module, longest)).all()
    with pytest.raises((IndexError, RuntimeError)):
        logits_of(model.module, [[5] * (model.max_length + 1)])


@pytest.mark.parametrize(("asked", "expected"), [(None, 32), (7, 7), (32, 32)])
def test_the_smallest_limit_wins(tiny_model, asked, expected):
    model = load_text_classifier(tiny_model, max_length=asked)
    assert model.max_length == expected
    assert len(model.tokenizer.encode(TEXTS[2]).ids) == expected


def test_texts_are_cut_where_the_tokenizer_says(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "left")
    change_json(folder / "tokenizer_config.json", truncation_side="left")
    model = load_text_classifier(folder)
    whole = AutoTokenizer.from_pretrained(folder)(TEXTS[2], truncation=True, max_length=32)["input_ids"]
    assert model.tokenizer.encode(TEXTS[2]).ids == whole
    save_text_classifier(model, tmp_path / "saved")
    manifest = write_manifest(tmp_path / "saved", describe(model))
    assert load_tokenizer(tmp_path / "saved", manifest).encode(TEXTS[2]).ids == whole


@pytest.mark.parametrize("any_family", ["bert"], indirect=True)
def test_a_model_without_padding_id_pads_with_zero(folder):
    change_json(folder / "config.json", pad_token_id=None)
    assert load_text_classifier(folder).pad_id == 0


def test_what_is_saved_is_a_plain_transformers_folder(any_family, tmp_path):
    model = load_text_classifier(any_family, max_length=20)
    save_text_classifier(model, tmp_path)
    plain = AutoModelForSequenceClassification.from_pretrained(str(tmp_path)).eval()
    tokenizer = AutoTokenizer.from_pretrained(str(tmp_path))
    rows = [encoding.ids for encoding in model.tokenizer.encode_batch(TEXTS)]
    assert tokenizer(TEXTS, truncation=True)["input_ids"] == rows
    assert sorted(tokenizer(TEXTS[0])) == ["attention_mask", "input_ids"]
    assert tokenizer.pad_token_id == 1
    assert torch.equal(logits_of(plain, rows), logits_of(model.module, rows))
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_what_is_saved_loads_as_the_same_model(tiny_model, tmp_path):
    model = load_text_classifier(tiny_model)
    save_text_classifier(model, tmp_path)
    again = load_text_classifier(tmp_path)
    assert (again.labels, again.max_length, again.pad_id) == (model.labels, model.max_length, model.pad_id)


def test_a_padding_id_that_is_no_token_is_left_out_of_the_tokenizers_settings(tiny_model, tmp_path):
    model = load_text_classifier(tiny_model)
    object.__setattr__(model, "pad_id", 10_000)
    save_tokenizer(model, tmp_path)
    assert "pad_token" not in json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))


def test_changing_a_copy_leaves_the_original_alone(tiny_model):
    model = load_text_classifier(tiny_model)
    before = {name: weight.clone() for name, weight in model.module.state_dict().items()}
    own = linear_layers(model.module)
    copied = model.with_own(own.values())
    with torch.no_grad():
        for layer in linear_layers(copied.module).values():
            layer.weight.zero_()
            layer.bias.zero_()
    assert all(torch.equal(weight, before[name]) for name, weight in model.module.state_dict().items())
    assert linear_sparsity(copied.module) == 1
    assert (copied.labels, copied.source) == (model.labels, model.source)


def test_a_copy_shares_what_it_is_not_to_change(tiny_model):
    model = load_text_classifier(tiny_model)
    own = linear_layers(model.module)
    copied = dict(model.with_own(own.values()).module.named_parameters())
    for name, weight in model.module.named_parameters():
        assert (copied[name] is weight) == (name.rpartition(".")[0] not in own), name


def test_sparsity_counts_the_exact_zeros_of_linear_weights_alone():
    module = nn.Sequential(nn.Embedding(3, 4), nn.Linear(4, 2), nn.LayerNorm(2), nn.Linear(2, 1))
    with torch.no_grad():
        module[0].weight.zero_()
        module[1].weight.copy_(torch.tensor([[0.0, 1.0, -0.0, 1e-30], [1.0, 1.0, 0.0, 1.0]]))
        module[1].bias.zero_()
        module[3].weight.fill_(1.0)
    assert sorted(linear_layers(module)) == ["1", "3"]
    assert linear_sparsity(module) == 3 / 10


def test_a_module_without_linear_layers_has_no_sparsity():
    assert linear_sparsity(nn.Embedding(3, 4)) is None


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
def test_the_digest_changes_with_every_file_that_shapes_the_answers(tiny_model, tmp_path, name):
    copied = shutil.copytree(tiny_model, tmp_path / "copy")
    assert folder_digest(copied) == folder_digest(tiny_model)
    with (copied / name).open("ab") as stream:
        stream.write(b" ")
    assert folder_digest(copied) != folder_digest(tiny_model)


def test_the_digest_changes_with_a_files_name_and_not_with_the_notes_beside_it(tiny_model, tmp_path):
    copied = shutil.copytree(tiny_model, tmp_path / "copy")
    (copied / "README.md").write_text("notes", encoding="utf-8")
    assert folder_digest(copied) == folder_digest(tiny_model)
    (copied / "tokenizer_config.json").rename(copied / "tokenizer_settings.json")
    assert folder_digest(copied) != folder_digest(tiny_model)
