"""Translation model folders that cannot be used, and what is said of them."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from leanglot.errors import ModelError
from leanglot.models.translation_model import load_translation_model, save_translation_model
from tiny_translators import load_tiny, make_translator
from translator_edits import edit, rename_tokens


def refusal(folder, **settings) -> str:
    with pytest.raises(ModelError) as met:
        load_translation_model(folder, **settings)
    assert met.value.hint
    return str(met.value)


def test_a_classifier_is_no_translation_model(tiny_model):
    assert "XLMRobertaForSequenceClassification" in refusal(tiny_model)


def test_an_unsupported_family_is_named_with_the_supported_ones(tmp_path):
    folder = make_translator(tmp_path / "model")
    edit(folder, model_type="pegasus", architectures=["PegasusForConditionalGeneration"])
    said = refusal(folder)
    assert "pegasus" in said
    assert "marian" in said


def test_a_vocabulary_larger_than_the_table(tmp_path):
    folder = make_translator(tmp_path / "model")
    small = make_translator(tmp_path / "small", "marian-separate")
    (small / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    said = refusal(small)
    assert "source tokenizer" in said
    assert "ids up to 140; the model knows 48 tokens" in said


def test_a_target_vocabulary_larger_than_its_table(tmp_path):
    folder = make_translator(tmp_path / "model", "marian-separate")
    (folder / "target_tokenizer.json").write_bytes(
        (make_translator(tmp_path / "other") / "tokenizer.json").read_bytes()
    )
    assert "target tokenizer" in refusal(folder)


def test_a_vocabulary_far_smaller_than_the_table(tmp_path):
    model = load_tiny(tmp_path / "model")
    model.module.resize_token_embeddings(2000, mean_resizing=False)
    (tmp_path / "saved").mkdir()
    save_translation_model(model, tmp_path / "saved")
    assert "has 141 tokens; the model knows 2,000" in refusal(tmp_path / "saved")


@pytest.mark.parametrize("kind", ["m2m_100", "nllb", "mbart"])
def test_a_tokenizer_without_language_tokens(kind, tmp_path):
    folder = make_translator(tmp_path / "model", kind)
    rename_tokens(folder, {f"__{tag}__": f"lang-{tag}" for tag in ("en", "de", "fr", "ru")})
    rename_tokens(folder, {"_Latn": "-latn", "_Cyrl": "-cyrl", "_XX": "-xx", "_DE": "-d", "_RU": "-r"})
    assert "no language tokens" in refusal(folder)


def test_a_model_of_one_pair_that_nothing_names(tmp_path):
    folder = make_translator(tmp_path / "model", "marian-separate")
    edit(folder, "tokenizer_config.json", source_lang=None, target_lang=None)
    said = refusal(folder)
    assert "nothing says which pair" in said
    assert "opus-mt-en-de" in said
    assert "2 pairs were named" in refusal(folder, pairs=("en→de", "en→fr"))


def test_a_t5_that_names_no_pairs(tmp_path):
    folder = make_translator(tmp_path / "model", "t5")
    edit(folder, task_specific_params=None)
    assert "translation_en_to_de" in refusal(folder)
    facts = load_translation_model(folder, pairs=("en→de",)).facts
    assert facts.codes == {"de": "German", "en": "English"}


def test_a_t5_with_other_words(tmp_path):
    folder = make_translator(tmp_path / "model", "t5")
    edit(folder, task_specific_params={"translation_en_to_de": {"prefix": "en2de: "}})
    assert "'en2de: '" in refusal(folder)


def test_a_single_language_is_no_pair(tmp_path):
    assert "de is one language" in refusal(make_translator(tmp_path / "model"), pairs=("de",))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(value, tmp_path):
    folder = make_translator(tmp_path / "model")
    path = folder / "model.safetensors"
    tensors = load_file(path)
    name = next(name for name in sorted(tensors) if "fc1.weight" in name)
    tensors[name][0, 0] = value
    save_file(tensors, path, metadata={"format": "pt"})
    assert name.removeprefix("model.") in refusal(folder)


def test_weights_that_are_missing(tmp_path):
    folder = make_translator(tmp_path / "model")
    path = folder / "model.safetensors"
    tensors = {name: value for name, value in load_file(path).items() if "decoder.layers.1.fc2" not in name}
    save_file(tensors, path, metadata={"format": "pt"})
    assert "decoder.layers.1.fc2" in refusal(folder)


def test_pickled_weights_are_read_only_where_that_is_allowed(tmp_path):
    folder = make_translator(tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    torch.save(tensors, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert "pickle" in refusal(folder)
    assert load_translation_model(folder, allow_pickle=True).facts.telling == "source-token"


def test_a_folder_without_a_tokenizer(tmp_path):
    folder = make_translator(tmp_path / "model")
    (folder / "tokenizer.json").unlink()
    assert "has no tokenizer" in refusal(folder)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "config.json"])
def test_damaged_files(name, tmp_path):
    folder = make_translator(tmp_path / "model")
    (folder / name).write_text("{", encoding="utf-8")
    assert name in refusal(folder)


@pytest.mark.parametrize("key", ["eos_token_id", "decoder_start_token_id", "pad_token_id"])
def test_missing_ids(key, tmp_path):
    folder = make_translator(tmp_path / "model")
    for name in ("config.json", "generation_config.json"):
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        (folder / name).write_text(json.dumps(content | {key: None}), encoding="utf-8")
    assert key in refusal(folder)


def test_an_id_that_is_the_default_of_its_family_may_go_unsaid(tmp_path):
    folder = make_translator(tmp_path / "model", "m2m_100")
    for name in ("config.json", "generation_config.json"):
        edit(folder, name, decoder_start_token_id=None, eos_token_id=None)
    facts = load_translation_model(folder).facts
    assert (facts.decoder_start_id, facts.eos_id) == (2, 2)


def test_damaged_facts(tmp_path):
    folder = make_translator(tmp_path / "model")
    edit(folder, leanglot_translation={"family": "marian"})
    assert "leanglot_translation" in refusal(folder)


def test_a_longer_source_than_the_model_reads(tmp_path):
    folder = make_translator(tmp_path / "model")
    assert "100 tokens" in refusal(folder, max_length=100)
    assert load_translation_model(folder, max_length=10).max_length == 10
