"""Vocabulary trimming of translation models: the same tokens and logits for what is shown, and smaller tables."""

import copy
import json
from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer

from leanglot.compress.seq2seq_importance import logits_of, taught_batches
from leanglot.compress.seq2seq_vocabulary import trim
from leanglot.compress.tokenizer_trim import trim_tokenizer
from leanglot.data.parallel import ParallelExamples
from leanglot.errors import DataError, RecipeError
from leanglot.models.translation_model import load_translation_model, save_translation_model
from leanglot.runtimes.translation_text import TranslationText
from leanglot.techniques import TrimVocabulary
from leanglot.techniques.support import task_fault
from seq2seq_shapes import KINDS, answers, examples, many_layered
from tiny_translators import parallel


def text_of(model):
    return TranslationText(model.tokenizer, model.target_tokenizer, model.facts, model.max_length)


def tables(model):
    module = model.module
    return tuple(
        len(each.weight)
        for each in (
            module.get_encoder().get_input_embeddings(),
            module.get_decoder().get_input_embeddings(),
            module.get_output_embeddings(),
        )
    )


def pieces(tokenizer, ids):
    return [tokenizer.id_to_token(int(number)) for number in ids]


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_shown_is_split_as_before_on_both_sides(kind):
    model, sentences = many_layered(kind), examples(kind)
    trimmed = trim(model, TrimVocabulary(), sentences).model
    for one, other in zip(tables(trimmed), tables(model), strict=True):
        assert one < other
    old, new = text_of(model), text_of(trimmed)
    rows = [text.encode(sentences.sources, sentences.pairs).rows for text in (old, new)]
    for before, after in zip(*rows, strict=True):
        assert pieces(model.tokenizer, before.ids) == pieces(trimmed.tokenizer, after.ids)
        assert pieces(model.target_tokenizer, before.start) == pieces(trimmed.target_tokenizer, after.start)
    for before, after in zip(*(text.encode_targets(sentences.references) for text in (old, new)), strict=True):
        assert pieces(model.target_tokenizer, before) == pieces(trimmed.target_tokenizer, after)
        assert new.decode(after[:-1]) == old.decode(before[:-1])


@pytest.mark.parametrize("kind", KINDS)
def test_the_pieces_that_stay_get_the_logits_they_had(kind, tmp_path):
    model, sentences = many_layered(kind), examples(kind)
    before = answers(model)
    trimmed = trim(model, TrimVocabulary(), sentences).model
    names = [trimmed.target_tokenizer.id_to_token(number) for number in range(tables(trimmed)[1])]
    old = [model.target_tokenizer.token_to_id(name) for name in names if name is not None]
    assert len(old) == len(names), "every row has a token"
    torch.testing.assert_close(answers(trimmed), before[:, old], rtol=1e-4, atol=1e-4)
    assert torch.equal(answers(model), before), "the caller's model stays as it was"
    save_translation_model(trimmed, tmp_path / "model")
    loaded = load_translation_model(tmp_path / "model")
    assert torch.equal(answers(loaded), answers(trimmed))
    assert loaded.facts == trimmed.facts
    assert loaded.pad_id == trimmed.pad_id


@pytest.mark.parametrize("kind", KINDS)
def test_every_id_that_the_model_knows_moves_along(kind):
    model = many_layered(kind)
    trimmed = trim(model, TrimVocabulary(), examples(kind)).model
    for one, other, tokenizers in (
        (model.facts.eos_id, trimmed.facts.eos_id, "target_tokenizer"),
        (model.facts.decoder_start_id, trimmed.facts.decoder_start_id, "target_tokenizer"),
        (model.pad_id, trimmed.pad_id, "target_tokenizer"),
        (model.module.config.eos_token_id, trimmed.module.config.eos_token_id, "target_tokenizer"),
        (model.module.config.pad_token_id, trimmed.module.config.pad_token_id, "target_tokenizer"),
        (model.facts.eos_id, trimmed.facts.eos_id, "tokenizer"),
    ):
        before, after = (getattr(each, tokenizers) for each in (model, trimmed))
        assert before.id_to_token(one) == after.id_to_token(other)
    assert trimmed.facts.vocabulary == tables(trimmed)[1]
    assert set(pieces(trimmed.target_tokenizer, trimmed.facts.suppressed)) == set(
        pieces(model.target_tokenizer, model.facts.suppressed)
    )
    assert trimmed.module.generation_config.eos_token_id in (None, trimmed.facts.eos_id)
    assert trimmed.module.generation_config.pad_token_id in (None, trimmed.pad_id)
    for code in () if model.facts.telling == "prefix" else model.facts.codes.values():
        assert trimmed.tokenizer.token_to_id(code) is not None


def test_lists_of_generation_are_renumbered():
    model = many_layered("marian")
    module = copy.deepcopy(model.module)
    gone = model.tokenizer.token_to_id("▁ла")
    module.generation_config.bad_words_ids = [[model.pad_id], [gone]]
    module.generation_config.suppress_tokens = [model.facts.eos_id + 1, gone]
    english = examples("marian").subset(examples("marian").by_pair()["en→de"])
    trimmed = trim(replace(model, module=module), TrimVocabulary(), english).model
    assert trimmed.tokenizer.token_to_id("▁ла") is None
    assert trimmed.module.generation_config.bad_words_ids == [[trimmed.pad_id]]
    assert pieces(trimmed.tokenizer, trimmed.module.generation_config.suppress_tokens) == ["<unk>"]
    assert module.generation_config.bad_words_ids == [[model.pad_id], [gone]]


def test_fewer_languages_leave_fewer_pieces_and_are_told():
    model, sentences = many_layered("marian"), examples("marian")
    everything = trim(model, TrimVocabulary(), sentences)
    some = trim(model, TrimVocabulary(languages=("en", "de")), sentences)
    one = trim(model, TrimVocabulary(languages=("en->de",)), sentences)
    assert some.model.vocabulary.pieces_after < everything.model.vocabulary.pieces_after
    assert one.model.vocabulary.pieces_after <= some.model.vocabulary.pieces_after
    assert some.model.vocabulary.languages == ("de", "en")
    assert "The vocabulary is cut for de→en, en→de; not for en→fr, en→ru." in some.notes
    assert some.model.vocabulary.texts == {"de": 24, "en": 24}, "each sentence once, though it is translated both ways"
    assert everything.model.vocabulary.pieces_before == tables(model)[0]


def test_a_sentence_of_many_pairs_is_one_witness():
    """en→de, en→fr and en→ru show the same English sentences: what one of them alone uses may be missing elsewhere."""
    model = many_layered("marian")
    sources = ("The lamp in the kitchen is on.", "The door in the bath is off.") * 2
    references = (
        "Küche: Lampe ist an.",
        "Bad: Tür ist aus.",
        "lampe est allumé (cuisine).",
        "porte est éteint (bain).",
    )
    sentences = ParallelExamples(sources, references, ("en",) * 4, ("de", "de", "fr", "fr"))
    facts = trim(model, TrimVocabulary(), sentences).model.vocabulary
    assert facts.texts == {"de": 2, "en": 2, "fr": 2}
    assert facts.expected_missing["en"] > 0


@pytest.mark.parametrize("side", ["source", "target"])
def test_one_side_alone_is_cut_where_each_has_its_own(side):
    model, sentences = many_layered("marian-separate"), examples("marian-separate").subset(range(6))
    step = TrimVocabulary(side=side)
    shaped = trim(model, step, sentences)
    before, after = tables(model), tables(shaped.model)
    cut, whole = (0, 1) if side == "source" else (1, 0)
    assert after[cut] < before[cut]
    assert after[whole] == before[whole]
    assert after[1] == after[2]
    whole_tokenizer = ("target_tokenizer", "tokenizer")[cut]
    assert set(getattr(shaped.model, whole_tokenizer).get_vocab()) == set(getattr(model, whole_tokenizer).get_vocab())
    assert shaped.model.vocabulary.pieces_before == before[0] + before[1]
    both = trim(model, TrimVocabulary(), sentences).model.vocabulary
    assert both.pieces_after < shaped.model.vocabulary.pieces_after


def test_sides_of_their_own_end_and_pad_with_the_same_ids():
    model = many_layered("marian-separate")
    trimmed = trim(model, TrimVocabulary(), examples("marian-separate").subset([0])).model
    for tokenizer in (trimmed.tokenizer, trimmed.target_tokenizer):
        assert tokenizer.token_to_id("</s>") == trimmed.facts.eos_id
        assert tokenizer.token_to_id("<pad>") == trimmed.pad_id
    assert trimmed.tokenizer is not trimmed.target_tokenizer


@pytest.mark.parametrize(
    ("kind", "config", "error", "told"),
    [
        ("marian", TrimVocabulary(side="target"), RecipeError, "one vocabulary for both sides"),
        ("marian", TrimVocabulary(languages=("ja",)), DataError, "cut for ja, and there are no such sentences"),
        ("marian", TrimVocabulary(languages=("fr", "ru")), DataError, "No pair has both of its languages among fr, ru"),
    ],
    ids=["side", "absent", "no pair"],
)
def test_what_cannot_be_cut_is_told(kind, config, error, told):
    with pytest.raises(error, match=told):
        trim(many_layered(kind), config, examples(kind))


def test_no_sentences_are_told():
    with pytest.raises(DataError, match="there are none"):
        trim(many_layered("marian"), TrimVocabulary(), examples("marian").subset([]))


def test_tokens_weighed_by_their_ids_are_refused():
    module = copy.deepcopy(many_layered("marian").module)
    module.generation_config.sequence_bias = {(3,): 1.0}
    with pytest.raises(RecipeError, match="sequence_bias"):
        trim(replace(many_layered("marian"), module=module), TrimVocabulary(), examples("marian"))


def test_ids_hidden_in_a_model_are_noticed():
    """A family that adds something by token id gives other logits once ids move."""
    model = many_layered("marian")
    module = copy.deepcopy(model.module)
    by_id = torch.linspace(-3, 3, tables(model)[0])
    module.model.encoder.embed_tokens.register_forward_hook(
        lambda _, inputs, output: output + by_id[inputs[0]][..., None]
    )
    with pytest.raises(RecipeError, match="answers otherwise"):
        trim(replace(model, module=module), TrimVocabulary(), examples("marian"))


def test_less_coverage_keeps_the_words_that_tell_t5_its_languages():
    model = many_layered("t5")
    trimmed = trim(model, TrimVocabulary(coverage=0.3), examples("t5")).model
    words = "translate English to Russian: "
    before, after = (each.tokenizer.encode(words, add_special_tokens=False).tokens for each in (model, trimmed))
    assert before == after


@pytest.mark.parametrize("kind", ["marian", "t5"])
def test_a_trimmed_model_says_what_it_said_before_where_nothing_it_says_was_cut(kind):
    model, sentences = many_layered(kind), parallel()
    trimmed = trim(model, TrimVocabulary(), sentences).model
    for old, new in zip(*(taught_batches(each, sentences, 4096) for each in (model, trimmed)), strict=True):
        with torch.inference_mode():
            best = logits_of(trimmed.module, new)[new.labels >= 0].argmax(-1)
            logits = logits_of(model.module, old)[old.labels >= 0]
        known = [
            model.target_tokenizer.token_to_id(name)
            for name in pieces(trimmed.target_tokenizer, range(tables(trimmed)[1]))
        ]
        assert torch.equal(torch.tensor(known)[best], torch.tensor(known)[logits[:, known].argmax(-1)])


def test_leading_pieces_get_the_first_ids():
    tokenizer = many_layered("marian").tokenizer
    lead = (tokenizer.token_to_id("</s>"), tokenizer.token_to_id("<pad>"))
    cut = trim_tokenizer(tokenizer, set(range(20)), lead)
    assert cut.rows[:2] == lead
    assert cut.tokenizer.id_to_token(0) == "</s>"
    assert cut.tokenizer.id_to_token(1) == "<pad>"
    text = "The <pad> lamp </s> is on"
    assert Tokenizer.from_str(cut.tokenizer.to_str()).encode(text).tokens == cut.tokenizer.encode(text).tokens
    whole = trim_tokenizer(tokenizer, set(tokenizer.get_vocab().values()), lead).tokenizer
    assert whole.encode(text).tokens == tokenizer.encode(text).tokens
    assert json.loads(whole.to_str())["model"]["unk_id"] == whole.token_to_id("<unk>")


def test_the_side_is_written_down_only_where_it_says_something():
    """Records of classifiers, which have no sides, stay as they were."""
    assert "side" not in TrimVocabulary().model_dump(mode="json")
    assert TrimVocabulary.model_validate(TrimVocabulary(side="target").model_dump(mode="json")).side == "target"
    assert task_fault((TrimVocabulary(side="source"),), "pytorch", "translation") is None
    fault = task_fault((TrimVocabulary(side="source"),), "pytorch", "text-classification")
    assert fault == "vocabulary trimming with side: source is for translation models: a classifier has no two sides"
