"""Model folders that are refused: each says what is wrong and what to do, and none runs foreign code."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from leanglot.errors import ModelError
from leanglot.models import text_classifier
from leanglot.models.text_classifier import load_text_classifier


@pytest.fixture
def folder(tiny_model, tmp_path):
    """A copy of the trained model, free to damage."""
    return shutil.copytree(tiny_model, tmp_path / "model")


def refusal(folder: Path, **options: object) -> ModelError:
    with pytest.raises(ModelError) as caught:
        load_text_classifier(folder, **options)
    return caught.value


def set_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def to_pickle(folder: Path) -> None:
    """Store the weights the old way."""
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return (Path.touch, (self.marker,))


def test_a_folder_that_is_not_there(tmp_path):
    error = refusal(tmp_path / "nowhere")
    assert "nowhere does not exist" in error.message
    assert "save_pretrained()" in error.hint


def test_a_file_in_place_of_a_folder(tiny_data):
    assert "does not exist" in refusal(tiny_data).message


def test_an_empty_folder(tmp_path):
    assert "has no config.json; it holds nothing" in refusal(tmp_path).message


def test_a_folder_without_config_names_what_it_holds(folder):
    (folder / "config.json").unlink()
    assert "it holds model.safetensors, tokenizer.json, tokenizer_config.json" in refusal(folder).message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "no valid JSON"),
        (b"\xff\xfe{}", "no valid JSON"),
        (b"[" * 200_000, "no valid JSON"),
        (b"[]", "names no model_type"),
        (b'{"architectures": ["BertForSequenceClassification"]}', "names no model_type"),
    ],
)
def test_a_broken_config(folder, content, told):
    (folder / "config.json").write_bytes(content)
    error = refusal(folder)
    assert told in error.message
    assert "Save the model again" in error.hint


def test_a_huge_config_is_not_even_read(folder):
    with (folder / "config.json").open("r+b") as stream:
        stream.truncate(10_000_001)
    assert "larger than 10000000 bytes" in refusal(folder).message


@pytest.mark.parametrize(
    ("architectures", "told"),
    [
        (["XLMRobertaForMaskedLM"], "holds XLMRobertaForMaskedLM, which is no text classifier"),
        ([], "a model of unnamed architecture"),
        (None, "a model of unnamed architecture"),
        ("XLMRobertaForSequenceClassification", "which is no text classifier"),
        (7, "which is no text classifier"),
    ],
)
def test_a_model_that_is_no_text_classifier(folder, architectures, told):
    set_config(folder, architectures=architectures)
    error = refusal(folder)
    assert told in error.message
    assert "ForSequenceClassification" in error.hint


def test_no_weights_at_all(folder):
    (folder / "model.safetensors").unlink()
    assert "has no weights" in refusal(folder).message


def test_pickled_weights_need_permission(folder):
    to_pickle(folder)
    error = refusal(folder)
    assert "only pickled weights" in error.message
    assert "--allow-pickle" in error.hint


def test_permitted_pickled_weights_are_the_same_weights(folder, tiny_model):
    to_pickle(folder)
    loaded = load_text_classifier(folder, allow_pickle=True).module.state_dict()
    expected = load_text_classifier(tiny_model).module.state_dict()
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[name], expected[name]) for name in expected)


def test_a_pickle_that_would_run_code_runs_none_even_with_permission(folder, tmp_path):
    to_pickle(folder)
    marker = tmp_path / "executed"
    weights = torch.load(folder / "pytorch_model.bin", weights_only=True)
    torch.save(weights | {"payload": Payload(marker)}, folder / "pytorch_model.bin")
    assert "cannot load" in refusal(folder, allow_pickle=True).message
    assert not marker.exists()


def test_code_that_comes_with_a_model_is_not_run(folder, tmp_path):
    marker = tmp_path / "executed"
    (folder / "own.py").write_text(f"open({str(marker)!r}, 'w').close()\n", encoding="utf-8")
    auto_map = {"AutoConfig": "own.Config", "AutoModelForSequenceClassification": "own.Model"}
    set_config(folder, model_type="of-its-own", auto_map=auto_map)
    refusal(folder)
    assert not marker.exists()


@pytest.mark.parametrize("kept", [0, 4, 2000])
def test_weights_that_were_cut_off(folder, kept):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    error = refusal(folder)
    assert f"model.safetensors is damaged or cut off ({kept} bytes)" in error.message
    assert "compare its size" in error.hint


def test_a_missing_part_of_the_weights(folder):
    (folder / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {"classifier.dense.weight": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    assert "transformers cannot load" in refusal(folder).message


def test_weights_of_another_shape(folder):
    set_config(folder, num_hidden_layers=2, intermediate_size=48)
    error = refusal(folder)
    assert "transformers cannot load" in error.message
    assert "AutoModelForSequenceClassification" in error.hint


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ("classifier.out_proj", "lacks the weights of classifier.out_proj.bias, classifier.out_proj.weight; they"),
        ("classifier", "classifier.out_proj.weight; they would be random"),
        ("roberta.encoder.layer.1.output", " and 2 more; they would be random"),
    ],
)
def test_weights_that_would_be_random(folder, lost, told):
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith(lost)}
    if lost.startswith("roberta"):
        kept = {name: value for name, value in kept.items() if not name.startswith("classifier.out_proj")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    error = refusal(folder)
    assert told in error.message
    assert "Fine-tune the model for classification first" in error.hint


def test_no_tokenizer(folder):
    (folder / "tokenizer.json").unlink()
    error = refusal(folder)
    assert "has no tokenizer: none of tokenizer.json" in error.message
    assert "tokenizer.save_pretrained" in error.hint


def test_a_broken_tokenizer(folder):
    (folder / "tokenizer.json").write_text('{"version": "1.0"', encoding="utf-8")
    assert "tokenizer" in refusal(folder).message


def test_a_tokenizer_without_fast_version(folder, monkeypatch):
    class Slow:
        model_max_length = 512

    monkeypatch.setattr(text_classifier.AutoTokenizer, "from_pretrained", lambda *_, **__: Slow())
    error = refusal(folder)
    assert "is a Slow, which has no fast version" in error.message
    assert "tokenizer.json" in error.hint
