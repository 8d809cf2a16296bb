"""Translation models of every family: loaded, told their languages, saved as plain folders, and loaded again."""

import json

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from leanglot.models.translation_model import is_translation_model, load_translation_model, save_translation_model
from leanglot.quiet import quiet_transformers
from tiny_translators import ALL_KINDS, load_tiny, make_translator
from translator_edits import edit, rename_tokens

TOLD = {
    "marian": ("source-token", {"de": ">>de<<", "en": ">>en<<", "fr": ">>fr<<", "ru": ">>ru<<"}),
    "marian-separate": ("none", {}),
    "m2m_100": ("source-and-start", {"de": "__de__", "en": "__en__", "fr": "__fr__", "ru": "__ru__"}),
    "nllb": ("source-and-start", {"de": "deu_Latn", "en": "eng_Latn", "fr": "fra_Latn", "ru": "rus_Cyrl"}),
    "mbart": ("source-and-start", {"de": "de_DE", "en": "en_XX", "fr": "fr_XX", "ru": "ru_RU"}),
    "t5": ("prefix", {"de": "German", "en": "English", "fr": "French", "ru": "Russian"}),
}


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_the_facts_of_each_family(kind, tmp_path):
    model = load_tiny(tmp_path / "model", kind)
    telling, codes = TOLD[kind]
    assert (model.facts.telling, model.facts.codes) == (telling, codes)
    assert model.facts.eos_id == model.target_tokenizer.token_to_id("</s>")
    assert model.facts.suppressed == (model.pad_id,)
    # Two decoder layers, two heads of width 8, keys and values.
    assert model.facts.cache_numbers == 2 * 2 * 16
    assert model.facts.vocabulary == model.target_tokenizer.get_vocab_size()
    assert (model.target_tokenizer is model.tokenizer) == (kind != "marian-separate")
    assert model.max_length == 64
    assert model.notes == ()
    assert not model.module.training
    assert {weight.dtype for weight in model.module.parameters()} == {torch.float32}


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_saved_model_is_the_same_again(kind, tmp_path):
    model = load_tiny(tmp_path / "model", kind)
    (tmp_path / "saved").mkdir()
    save_translation_model(model, tmp_path / "saved")
    again = load_translation_model(tmp_path / "saved")
    assert again.facts == model.facts
    assert (again.max_length, again.pad_id) == (model.max_length, model.pad_id)
    weights = again.module.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in model.module.state_dict().items())
    assert again.tokenizer.to_str() == model.tokenizer.to_str()
    assert again.target_tokenizer.to_str() == model.target_tokenizer.to_str()


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_transformers_reads_what_is_saved(kind, tmp_path):
    model = load_tiny(tmp_path / "model", kind)
    (tmp_path / "saved").mkdir()
    save_translation_model(model, tmp_path / "saved")
    with quiet_transformers():
        module = AutoModelForSeq2SeqLM.from_pretrained(str(tmp_path / "saved")).eval()
        tokenizer = AutoTokenizer.from_pretrained(str(tmp_path / "saved"))
    assert tokenizer("The lamp")["input_ids"] == model.tokenizer.encode("The lamp").ids
    ids, start = torch.tensor([[5, 6, 7]]), torch.tensor([[model.facts.decoder_start_id]])
    with torch.inference_mode():
        own = model.module(input_ids=ids, decoder_input_ids=start).logits
        assert torch.equal(module(input_ids=ids, decoder_input_ids=start).logits, own)


def test_saving_leaves_the_model_as_it_is(tmp_path):
    model = load_tiny(tmp_path / "model")
    before = model.module.config.to_dict()
    (tmp_path / "saved").mkdir()
    save_translation_model(model, tmp_path / "saved")
    assert model.module.config.to_dict() == before


def test_nllb_in_its_older_behaviour_puts_the_source_language_behind(tmp_path):
    folder = make_translator(tmp_path / "model", "nllb")
    assert load_translation_model(folder).facts.source_code == "front"
    edit(folder, "tokenizer_config.json", legacy_behaviour=True)
    facts = load_translation_model(folder).facts
    assert (facts.source_code, facts.start_code) == ("end", "after")


def test_an_mbart_whose_tokenizer_puts_the_language_in_front_starts_as_mbart_50(tmp_path):
    folder = make_translator(tmp_path / "model", "mbart")
    facts = load_translation_model(folder).facts
    assert (facts.source_code, facts.start_code) == ("end", "alone")
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["post_processor"]["single"].insert(0, content["post_processor"]["single"].pop())
    path.write_text(json.dumps(content), encoding="utf-8")
    edit(folder, decoder_start_token_id=2)
    facts = load_translation_model(folder).facts
    assert (facts.source_code, facts.start_code, facts.decoder_start_id) == ("front", "after", 2)


def test_codes_of_scripts_and_countries_become_the_tags_that_are_in_use(tmp_path):
    folder = make_translator(tmp_path / "model", "nllb")
    rename_tokens(folder, {"fra_Latn": "zho_Hant", "rus_Cyrl": "arb_Arab", "deu_Latn": "srp_Cyrl"})
    codes = load_translation_model(folder).facts.codes
    assert codes == {"zh-Hant": "zho_Hant", "arb-Arab": "arb_Arab", "sr": "srp_Cyrl", "en": "eng_Latn"}


@pytest.mark.parametrize(
    ("name", "settings", "pair"),
    [
        ("opus-mt-en-de", {"source_lang": None, "target_lang": None}, "en→de"),
        ("opus-mt-tc-big-zle-en", {"source_lang": "rus", "target_lang": "eng"}, "ru→en"),
        ("whatever", {"source_lang": "eng", "target_lang": "deu"}, "en→de"),
    ],
)
def test_the_pair_of_a_model_without_language_tokens(name, settings, pair, tmp_path):
    folder = make_translator(tmp_path / name, "marian-separate")
    edit(folder, "tokenizer_config.json", **settings)
    assert load_translation_model(folder).facts.pairs == (pair,)


def test_pairs_that_the_caller_names_come_first(tmp_path):
    folder = make_translator(tmp_path / "model", "marian-separate")
    assert load_translation_model(folder, pairs=("fr->en",)).facts.pairs == ("fr→en",)
    model = load_translation_model(folder)
    (tmp_path / "saved").mkdir()
    save_translation_model(model, tmp_path / "saved")
    assert load_translation_model(tmp_path / "saved", pairs=("nl>en",)).facts.pairs == ("nl→en",)


def test_how_a_model_is_meant_to_be_used(tmp_path):
    folder = make_translator(tmp_path / "model")
    edit(folder, "generation_config.json", num_beams=6, length_penalty=0.8, max_length=30, bad_words_ids=[[5], [3, 4]])
    facts = load_translation_model(folder).facts
    assert (facts.beam, facts.length_penalty, facts.max_target) == (6, 0.8, 30)
    assert 5 in facts.suppressed
    assert not {3, 4} & set(facts.suppressed)


def test_the_longest_translation_stays_within_the_positions(tmp_path):
    folder = make_translator(tmp_path / "model")
    edit(folder, "generation_config.json", max_length=512)
    assert load_translation_model(folder).facts.max_target == 62


def test_rows_that_no_token_has_are_told(tmp_path):
    model = load_tiny(tmp_path / "model")
    model.module.resize_token_embeddings(model.facts.vocabulary + 3, mean_resizing=False)
    (tmp_path / "saved").mkdir()
    save_translation_model(model, tmp_path / "saved")
    assert "3 rows" in load_translation_model(tmp_path / "saved").notes[0]


def test_what_a_folder_holds(tmp_path, tiny_model):
    assert is_translation_model(make_translator(tmp_path / "model"))
    assert not is_translation_model(tiny_model)
    assert not is_translation_model(tmp_path)


def test_the_tokenizers_neither_cut_nor_pad(tmp_path):
    folder = make_translator(tmp_path / "model")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=9)
    tokenizer.save(str(folder / "tokenizer.json"))
    model = load_translation_model(folder)
    assert len(model.tokenizer.encode("The lamp in the bath is on.").ids) == 8
    assert len(model.tokenizer.encode("The").ids) == 2
