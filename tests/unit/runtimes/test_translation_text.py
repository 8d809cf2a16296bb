"""Sources become tokens as each family wants them; what cannot be translated is refused with what can."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanglot.errors import DataError
from leanglot.results.translation import TranslationFacts
from leanglot.runtimes.translation_text import TranslationText, checked_sources
from tiny_translators import ALL_KINDS, load_tiny


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """By family, what turns texts into tokens."""
    root = tmp_path_factory.mktemp("texts")
    models = {kind: load_tiny(root / kind, kind) for kind in ALL_KINDS}
    return {
        kind: TranslationText(model.tokenizer, model.target_tokenizer, model.facts, model.max_length)
        for kind, model in models.items()
    }


def tokens(text: TranslationText, source: str, pair: str) -> list[str]:
    return [text.tokenizer.id_to_token(number) for number in text.encode([source], [pair]).rows[0].ids]


WORDS = ["▁The", "▁lamp"]


@pytest.mark.parametrize(
    ("kind", "expected", "start"),
    [
        ("marian", [">>de<<", *WORDS, "</s>"], ["<pad>"]),
        ("marian-separate", [*WORDS, "</s>"], ["<pad>"]),
        ("m2m_100", ["__en__", *WORDS, "</s>"], ["</s>", "__de__"]),
        ("nllb", ["eng_Latn", *WORDS, "</s>"], ["</s>", "deu_Latn"]),
        ("mbart", [*WORDS, "</s>", "en_XX"], ["de_DE"]),
        ("t5", ["▁translate", "▁English", "▁to", "▁German:", *WORDS, "</s>"], ["<pad>"]),
    ],
)
def test_each_family_is_told_its_languages(kind, expected, start, texts):
    text = texts[kind]
    assert tokens(text, "The lamp", "en→de") == expected
    (row,) = text.encode(["The lamp"], ["en→de"]).rows
    assert [text.target_tokenizer.id_to_token(number) for number in row.start] == start


def test_a_decoder_that_alone_is_told_the_target(texts):
    own = texts["m2m_100"]
    facts = own.facts.model_copy(update={"telling": "start"})
    text = TranslationText(own.tokenizer, own.target_tokenizer, facts, 64)
    assert tokens(text, "The lamp", "en→de") == [*WORDS, "</s>"]
    assert text.encode(["The lamp"], ["en→de"]).rows[0].start == (2, own.tokenizer.token_to_id("__de__"))


def test_a_long_source_is_cut_between_its_special_tokens(texts):
    for kind, text in texts.items():
        whole = tokens(text, "The lamp is on.", "en→de")
        encoded = text.encode(["The lamp is on." * 40, "The lamp"], ["en→de", "en→de"])
        assert encoded.truncated == (True, False)
        assert len(encoded.rows[0]) == text.max_length
        ids = [text.tokenizer.id_to_token(number) for number in encoded.rows[0].ids]
        assert (ids[0] == whole[0]) or kind == "marian-separate"
        assert ids[-1] == whole[-1]


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_targets_end_and_are_spelt_again(kind, texts):
    text = texts[kind]
    (ids,) = text.encode_targets(["Küche: Lampe ist an."])
    assert ids[-1] == text.facts.eos_id
    assert text.decode(ids) == "Küche: Lampe ist an."


def test_a_target_longer_than_the_model_makes_is_cut_without_an_end(texts):
    (ids,) = texts["marian"].encode_targets(["Küche: " * 100])
    assert len(ids) == texts["marian"].facts.max_target
    assert ids[-1] != texts["marian"].facts.eos_id


@pytest.mark.parametrize("spelt", ["</s>", ">>fr<<", "<pad>"])
def test_special_tokens_in_a_source_are_not_obeyed(spelt, texts):
    got = tokens(texts["marian"], f"The {spelt} lamp", "en→de")
    assert got[0] == ">>de<<"
    assert got[-1] == "</s>"
    assert spelt not in got[1:-1]
    assert "<unk>" in got


@given(source=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
def test_whatever_the_source_only_its_own_frame_steers(source, texts):
    text = texts["nllb"]
    (row,) = text.encode([source], ["en→ru"]).rows
    special = {text.tokenizer.token_to_id(token) for token in ("</s>", "<s>", "<pad>", *text.facts.codes.values())}
    assert row.ids[0] == text.tokenizer.token_to_id("eng_Latn")
    assert row.ids[-1] == text.facts.eos_id
    assert not special & set(row.ids[1:-1].tolist())


@pytest.mark.parametrize(("asked", "tag"), [("en->de", "en→de"), ("EN>de_DE", "en→de-DE"), ("en→ru", "en→ru")])
def test_pairs_in_their_normal_spelling(asked, tag, texts):
    assert texts["m2m_100"].check_pair(asked) == tag


def test_a_variety_does_for_its_language(texts):
    text = texts["mbart"]
    assert text.encode(["The"], ["en-GB→de-AT"]).rows[0].start == text.encode(["The"], ["en→de"]).rows[0].start


def test_another_script_does_not(texts):
    facts = TranslationFacts(
        family="m2m_100",
        telling="source-and-start",
        codes={"en": "__en__", "zh-Hans": "__de__"},
        decoder_start_id=2,
        eos_id=2,
        max_target=60,
    )
    own = texts["m2m_100"]
    text = TranslationText(own.tokenizer, own.target_tokenizer, facts, 64)
    assert text.check_pair("en→zh") == "en→zh"
    with pytest.raises(DataError, match="zh-TW"):
        text.check_pair("en→zh-TW")


@pytest.mark.parametrize(
    ("kind", "pair", "said"),
    [
        ("marian", "en→it", "no target language it"),
        ("m2m_100", "it→en", "no source language it"),
        ("m2m_100", "en→it", "It knows: de, en, fr, ru"),
        ("t5", "fr→ru", "It translates: de→en, en→de, en→fr, en→ru"),
        ("marian-separate", "de→en", "It translates: en→de"),
        ("marian", "de", "a translation needs two"),
    ],
)
def test_what_cannot_be_translated(kind, pair, said, texts):
    with pytest.raises(DataError) as met:
        texts[kind].check_pair(pair)
    assert said in str(met.value)


def test_a_missing_language_token(texts):
    own = texts["marian"]
    facts = own.facts.model_copy(update={"codes": {**own.facts.codes, "it": ">>it<<"}})
    text = TranslationText(own.tokenizer, own.target_tokenizer, facts, 64)
    with pytest.raises(DataError, match="lacks >>it<<"):
        text.encode(["The lamp"], ["en→it"])


@pytest.mark.parametrize(
    ("kind", "source", "target", "pair"),
    [
        ("marian", None, "de", "und→de"),
        ("marian", "en", "german", None),
        ("marian-separate", None, None, "en→de"),
        ("t5", None, "fr", "en→fr"),
        ("m2m_100", "en", "de", "en→de"),
        ("m2m_100", None, "de", None),
        ("m2m_100", "en", None, None),
        ("m2m_100", "en", "en", None),
        ("t5", "fr", "en", None),
        ("t5", None, "it", None),
    ],
)
def test_two_languages_make_a_pair(kind, source, target, pair, texts):
    if pair is not None:
        assert texts[kind].pair_of(source, target) == pair
        return
    with pytest.raises(DataError) as met:
        texts[kind].pair_of(source, target)
    assert met.value.hint


def test_a_target_that_no_pair_has_is_named_before_the_source_is_missed(texts):
    with pytest.raises(DataError, match=r"does not translate into it \(Italian\)"):
        texts["t5"].pair_of(None, "it")


def test_texts_that_are_none():
    assert checked_sources(iter(["a", "b"])) == ["a", "b"]
    for wrong in ["one", [""], ["a", " \n"], [3], ["a\ud800"], ["\udc00b"]]:
        with pytest.raises(DataError):
            checked_sources(wrong)


def test_the_room_for_a_text(texts):
    assert texts["marian"].room("en→de") == 62
    assert texts["t5"].room("en→de") == 64 - 1 - 4
    assert texts["m2m_100"].room("en→de") == 62
