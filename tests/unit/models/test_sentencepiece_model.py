"""Converted SentencePiece models cut, number and spell texts as transformers' own slow tokenizers do."""

import io
import json
import warnings
from pathlib import Path

import pytest
import sentencepiece

from leanglot.errors import ModelError
from leanglot.models.translation_model import load_translation_model
from leanglot.models.translation_tokenizers import read_tokenizers
from tiny_translators import LANGUAGES, make_translator, sentences

ODD = ["  two  spaces ", "ﬁne ①", "日本 x", "a\tb", "Küche!", "Ünbekannt & größer", "лампа", "on.on.on", "(«»)"]
TEXTS = {"en": sentences("en"), "de": sentences("de")}


def train(texts: tuple[str, ...], kind: str, size: int) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        vocab_size=size,
        model_type=kind,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def pieces_of(model: bytes) -> list[str]:
    loaded = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [loaded.id_to_piece(number) for number in range(3, loaded.get_piece_size())]


def marian_folder(folder: Path, kind: str = "unigram") -> Path:
    """source.spm and target.spm over one vocabulary, as OPUS-MT models come."""
    folder.mkdir()
    models = {name: train(TEXTS[tag], kind, 60) for name, tag in (("source", "en"), ("target", "de"))}
    for name, model in models.items():
        (folder / f"{name}.spm").write_bytes(model)
    both = sorted({piece for model in models.values() for piece in pieces_of(model)})
    names = ["</s>", "<unk>", ">>de<<", *both, "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({name: number for number, name in enumerate(names)}))
    return folder


def m2m_folder(folder: Path, kind: str = "bpe") -> Path:
    folder.mkdir()
    model = train(tuple(text for tag in LANGUAGES for text in sentences(tag)), kind, 200)
    (folder / "sentencepiece.bpe.model").write_bytes(model)
    names = ["<s>", "<pad>", "</s>", "<unk>", *pieces_of(model)]
    (folder / "vocab.json").write_text(json.dumps({name: number for number, name in enumerate(names)}))
    return folder


def test_marian_sources_and_targets(tmp_path):
    from transformers import MarianTokenizer

    folder = marian_folder(tmp_path / "marian")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sacremoses is recommended
        slow = MarianTokenizer.from_pretrained(str(folder))
    source, target = read_tokenizers(folder, "marian")
    assert source is not target
    for text in (*TEXTS["en"], *TEXTS["de"], *ODD):
        ids = slow(f">>de<< {text}")["input_ids"]
        assert [source.token_to_id(">>de<<"), *source.encode(text).ids] == ids or 1 in ids, text
        labels = slow(text_target=text)["input_ids"]
        own = target.encode(text).ids
        # A row of characters that the model does not know is one unknown token to transformers.
        assert own == labels or 1 in labels, text
        assert target.decode(labels).strip() == slow.decode(labels, skip_special_tokens=True).strip()
    assert all(1 not in slow(text_target=text)["input_ids"] for text in TEXTS["de"])


def test_a_piece_of_the_other_side_can_be_spelt_and_is_never_cut(tmp_path):
    source, target = read_tokenizers(marian_folder(tmp_path / "marian"), "marian")
    ids = source.encode("The lamp in the kitchen is on.").ids
    assert target.decode(ids) == "The lamp in the kitchen is on."
    assert len(target.encode("The lamp in the kitchen is on.").ids) > len(ids)


def test_m2m_sources(tmp_path):
    from transformers import M2M100Tokenizer

    folder = m2m_folder(tmp_path / "m2m")
    slow = M2M100Tokenizer.from_pretrained(str(folder), src_lang="en", tgt_lang="de")
    source, target = read_tokenizers(folder, "m2m_100")
    assert source is target
    for text in (*TEXTS["en"], *sentences("ru"), *ODD):
        ids = slow(text)["input_ids"]
        assert [source.token_to_id("__en__"), *source.encode(text).ids] == ids, text
        assert source.decode(ids[1:]).strip() == slow.decode(ids[1:], skip_special_tokens=True).strip()
    assert source.token_to_id("__de__") == slow.get_lang_id("de")


def test_a_whole_marian_model_with_sentencepiece_files(tmp_path):
    from transformers import MarianConfig, MarianMTModel

    folder = marian_folder(tmp_path / "marian")
    size = len(json.loads((folder / "vocab.json").read_text()))
    shape = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 32}
    config = MarianConfig(
        vocab_size=size, pad_token_id=size - 1, eos_token_id=0, decoder_start_token_id=size - 1, **shape, **heads
    )
    MarianMTModel(config).save_pretrained(folder)
    model = load_translation_model(folder)
    assert model.facts.codes == {"de": ">>de<<"}
    assert model.facts.target_tokenizer == "target_tokenizer.json"


@pytest.mark.parametrize("kind", ["bpe", "char"])
def test_a_marian_model_of_another_kind_is_refused(kind, tmp_path):
    with pytest.raises(ModelError, match=r"source\.spm"):
        read_tokenizers(marian_folder(tmp_path / "marian", kind), "marian")


def test_an_m2m_model_of_another_kind_is_refused(tmp_path):
    with pytest.raises(ModelError, match="unigram"):
        read_tokenizers(m2m_folder(tmp_path / "m2m", "unigram"), "m2m_100")


@pytest.mark.parametrize("missing", ["target.spm", "vocab.json"])
def test_missing_files_are_named(missing, tmp_path):
    folder = marian_folder(tmp_path / "marian")
    (folder / missing).unlink()
    with pytest.raises(ModelError, match=missing):
        read_tokenizers(folder, "marian")


def test_damaged_files_are_named(tmp_path):
    folder = marian_folder(tmp_path / "marian")
    (folder / "source.spm").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"source\.spm is no"):
        read_tokenizers(folder, "marian")


@pytest.mark.parametrize(
    ("vocabulary", "said"),
    [({"</s>": 0, "<unk>": 0}, "id of its own"), ({"</s>": 0, "<unk>": 2}, "gaps"), ({"a": 0}, "lacks </s>, <unk>")],
    ids=["doubled", "gap", "no end"],
)
def test_a_vocabulary_that_is_none(vocabulary, said, tmp_path):
    folder = marian_folder(tmp_path / "marian")
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    with pytest.raises(ModelError, match=said):
        read_tokenizers(folder, "marian")


def test_a_model_that_transformers_converts(tmp_path):
    folder = make_translator(tmp_path / "model", "t5")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "T5Tokenizer", "extra_ids": 4}))
    (folder / "spiece.model").write_bytes(train(TEXTS["en"], "unigram", 60))
    source, _ = read_tokenizers(folder, "t5")
    assert source.decode(source.encode("The lamp is on.").ids) == "The lamp is on."
