"""Trimming a model's vocabulary: the answers to the texts it was cut for are the same."""

# ruff: noqa: S106 - the names of tokens are no passwords
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import nn
from transformers import ElectraConfig, ElectraForSequenceClassification

from leanglot.compress.vocabulary import trim
from leanglot.data.pool import TextPool
from leanglot.errors import DataError, RecipeError
from leanglot.models.text_classifier import TextClassifier, load_text_classifier, save_text_classifier
from leanglot.techniques import TrimVocabulary
from stored_tokenizers import read_back
from tiny_models import make_model

LETTERS = {"de": "aeinstäß", "th": "กขคงจาเ", "sw": "akiumnw"}
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
LONGEST = 20
SPLIT = "of the tokens of further texts will be split into smaller pieces"
ADVICE = "give more texts, or set neighbours."


def sentences(language, count, seed):
    rng = random.Random(f"{language} {seed}")
    words = ["".join(rng.choices(LETTERS[language], k=rng.randint(2, 6))) for _ in range(60)]
    return [" ".join(rng.choices(words, k=rng.randint(1, 9))) for _ in range(count)]


def make_trained_tokenizer(kind):
    """A tokenizer trained on three languages, with XLM-R's special tokens, one of them behind all others."""
    options = {"special_tokens": SPECIAL, "show_progress": False}
    match kind:
        case "unigram":
            tokenizer = Tokenizer(models.Unigram())
            tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
            trainer = trainers.UnigramTrainer(vocab_size=300, unk_token="<unk>", **options)
        case "bpe":
            tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
            alphabet = pre_tokenizers.ByteLevel.alphabet()
            trainer = trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, **options)
        case _:
            tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
            tokenizer.normalizer = normalizers.Lowercase()
            tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
            trainer = trainers.WordPieceTrainer(vocab_size=300, **options)
    tokenizer.train_from_iterator([text for tag in LETTERS for text in sentences(tag, 120, 1)], trainer)
    tokenizer.add_special_tokens(["<mask>"])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.enable_truncation(LONGEST)
    return read_back(tokenizer)


def classifier(module, tokenizer, pad_id=1):
    return TextClassifier(
        module=module.eval(),
        tokenizer=tokenizer,
        labels=("lights", "music", "weather"),
        max_length=LONGEST,
        pad_id=pad_id,
        source="0" * 64,
        name="tiny",
    )


@pytest.fixture(scope="module", params=["unigram", "bpe", "wordpiece"])
def tokenizer(request):
    return make_trained_tokenizer(request.param)


@pytest.fixture(params=["xlm-roberta", "bert", "distilbert"])
def model(request, tokenizer):
    """Its table has rows beyond the tokenizer's, as many have."""
    module = make_model(request.param, tokenizer.get_vocab_size() + 7)
    module.config.mask_token_id = tokenizer.token_to_id("<mask>")
    return classifier(module, tokenizer)


@pytest.fixture(scope="module")
def tiny():
    tokenizer = make_trained_tokenizer("unigram")
    return classifier(make_model("xlm-roberta", tokenizer.get_vocab_size()), tokenizer)


def pool(**counts):
    texts = {tag: sentences(tag, count, 1) for tag, count in counts.items()}
    return TextPool(
        tuple(text for found in texts.values() for text in found),
        tuple(tag for tag, found in texts.items() for _ in found),
        "corpus.jsonl",
    )


def percent(share):
    return f"{100 * share:.0f}%" if share >= 0.1 else f"{100 * share:.2g}%"


def answers(model, texts):
    """Logits of all texts in one batch, padded as in production."""
    rows = [encoding.ids for encoding in model.tokenizer.encode_batch(list(texts))]
    longest = max(map(len, rows))
    assert min(map(len, rows)) < longest
    ids = torch.tensor([[*row, *[model.pad_id] * (longest - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    with torch.inference_mode():
        return model.module(input_ids=ids, attention_mask=mask).logits.numpy()


def test_texts_of_the_corpus_are_answered_as_before(model):
    before = {name: weight.clone() for name, weight in model.module.state_dict().items()}
    corpus = pool(de=40, th=30)
    shaped = trim(model, TrimVocabulary(), corpus)
    np.testing.assert_allclose(answers(shaped.model, corpus.texts), answers(model, corpus.texts), atol=1e-6, rtol=0)
    table, old = (item.module.get_input_embeddings() for item in (shaped.model, model))
    size = shaped.model.tokenizer.get_vocab_size(with_added_tokens=True)
    assert table.weight.shape == (size, old.embedding_dim)
    assert table.num_embeddings == shaped.model.module.config.vocab_size == size < old.num_embeddings
    assert table.padding_idx == shaped.model.pad_id == shaped.model.module.config.pad_token_id
    assert shaped.model.tokenizer.token_to_id("<mask>") == shaped.model.module.config.mask_token_id == size - 1
    assert shaped.model.tokenizer.truncation == model.tokenizer.truncation
    assert shaped.model.tokenizer.padding is None
    after = model.module.state_dict()
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())
    assert model.module.config.vocab_size == old.num_embeddings
    assert model.module.config.mask_token_id == model.tokenizer.token_to_id("<mask>")


def test_all_other_weights_are_shared_and_the_rows_are_the_models_own(model):
    shaped = trim(model, TrimVocabulary(), pool(de=20))
    own = dict(model.module.named_parameters())
    (table,) = [name for name, weight in own.items() if weight is model.module.get_input_embeddings().weight]
    for name, weight in shaped.model.module.named_parameters():
        assert (weight is own[name]) == (name != table)
    old, new = model.tokenizer.get_vocab(), shaped.model.tokenizer.get_vocab()
    for piece, number in new.items():
        assert torch.equal(shaped.model.module.get_input_embeddings().weight[number], own[table][old[piece]])
    assert shaped.model.module.get_input_embeddings().weight.requires_grad
    assert not shaped.model.module.training


def test_a_trimmed_model_comes_back_from_disk_as_it_was(model, tmp_path):
    corpus = pool(de=20, sw=20)
    shaped = trim(model, TrimVocabulary(), corpus)
    save_text_classifier(shaped.model, tmp_path)
    loaded = load_text_classifier(tmp_path, max_length=LONGEST)
    np.testing.assert_array_equal(answers(loaded, corpus.texts), answers(shaped.model, corpus.texts))


def test_texts_in_dropped_languages_still_work(model):
    shaped = trim(model, TrimVocabulary(languages=("de",)), pool(de=30, th=30))
    for text in [*sentences("th", 5, 2), "日本語 123", "<mask> x"]:
        assert np.isfinite(answers(shaped.model, [text, "aa", "ein sein ein sein"])).all()


def test_it_says_what_it_did(tiny):
    shaped = trim(tiny, TrimVocabulary(), pool(th=150, de=120))
    facts = shaped.model.vocabulary
    assert facts.languages == ("de", "th")
    assert facts.texts == {"de": 120, "th": 150}
    assert facts.pieces_before == tiny.module.get_input_embeddings().num_embeddings
    assert facts.pieces_after == shaped.model.module.get_input_embeddings().num_embeddings
    assert all(0 <= share < 0.01 for share in facts.expected_missing.values())
    assert shaped.notes == ()
    assert shaped.importance is None
    assert (shaped.model.recipe, shaped.model.source) == (tiny.recipe, tiny.source)
    assert tiny.vocabulary is None


def test_few_texts_are_told_with_what_to_expect(tiny):
    corpus = pool(de=120, sw=10)
    shaped = trim(tiny, TrimVocabulary(), corpus)
    share = shaped.model.vocabulary.expected_missing["sw"]
    assert share > 0.01
    assert shaped.notes == (f"sw: 10 texts only: about {percent(share)} {SPLIT}; {ADVICE}",)
    shaped = trim(tiny, TrimVocabulary(neighbours=True), corpus)
    assert shaped.notes[0].endswith("; give more texts.")


def test_what_to_expect_is_told_for_each_language_that_is_not_well_covered(tiny):
    corpus = replace(pool(de=120), notes=("Empty texts were left out: 3.",))
    shaped = trim(tiny, TrimVocabulary(coverage=0.5), corpus)
    share = shaped.model.vocabulary.expected_missing["de"]
    assert shaped.notes == ("Empty texts were left out: 3.", f"de: about {percent(share)} {SPLIT}; {ADVICE}")


def test_one_text_and_texts_without_news_say_so(tiny):
    corpus = TextPool(("a", "ein", "ein"), ("th", "de", "de"), "corpus.jsonl")
    shaped = trim(tiny, TrimVocabulary(), corpus)
    assert shaped.model.vocabulary.expected_missing == {"de": 0, "th": None}
    nothing_new = "all their pieces stand in other texts too, but further texts may have tokens that will be"
    assert shaped.notes == (
        f"de: 2 texts only: {nothing_new} split into smaller pieces; {ADVICE}",
        f"th: 1 text only: too few to tell how many {SPLIT}; {ADVICE}",
    )


def test_a_tokenizer_of_whole_words_has_unknown_ones(tiny_classifier):
    texts = ("filler-1 filler-2", "filler-1 filler-3")
    corpus = TextPool(texts, ("de", "de"), "corpus.jsonl")
    shaped = trim(tiny_classifier, TrimVocabulary(), corpus)
    assert shaped.notes == (f"de: 2 texts only: about 50% of the tokens of further texts will be unknown; {ADVICE}",)
    asked = [*texts, "filler-1"]
    np.testing.assert_array_equal(answers(shaped.model, asked), answers(tiny_classifier, asked))
    assert shaped.model.module.get_input_embeddings().num_embeddings == 4 + 3


def test_trimming_again_starts_from_what_is_left(tiny):
    first = trim(tiny, TrimVocabulary(), pool(de=40, th=40)).model
    second = trim(first, TrimVocabulary(languages=("DE",)), pool(de=40, th=40))
    assert second.model.vocabulary.pieces_before == first.vocabulary.pieces_after
    assert second.model.vocabulary.pieces_after < first.vocabulary.pieces_after
    assert second.model.vocabulary.languages == ("de",)
    assert second.notes[0] == "The vocabulary is cut for de; not for th."
    texts = sentences("de", 40, 1)
    np.testing.assert_allclose(answers(second.model, texts), answers(tiny, texts), atol=1e-6, rtol=0)
    third = trim(second.model, TrimVocabulary(languages=("de",)), pool(de=40))
    assert third.notes == (f"All {second.model.vocabulary.pieces_after:,} pieces stay: there is nothing to trim.",)


def test_a_language_without_texts_is_refused(tiny):
    with pytest.raises(DataError, match=r"cut for sw, uk, and corpus\.jsonl has no such texts") as raised:
        trim(tiny, TrimVocabulary(languages=("uk", "de", "SW")), pool(de=5, th=5))
    assert raised.value.hint == "There are texts in de, th."


def test_ids_that_only_the_model_knows_keep_their_rows(tiny):
    """Such as a padding that has a row in the table and no piece in the tokenizer."""
    rows = tiny.tokenizer.get_vocab_size() + 5
    module = make_model("bert", rows)
    module.config.pad_token_id = rows - 1
    module.config.eos_token_id = [2, rows - 3]
    module.config.bos_token_id = 999_999  # in no table
    module.get_input_embeddings().padding_idx = rows - 1
    model = classifier(module, tiny.tokenizer, pad_id=rows - 1)
    corpus = pool(de=30)
    shaped = trim(model, TrimVocabulary(), corpus).model
    size = shaped.tokenizer.get_vocab_size()
    assert (shaped.pad_id, shaped.module.config.pad_token_id) == (size + 1, size + 1)
    assert shaped.module.config.eos_token_id == [shaped.tokenizer.token_to_id("</s>"), size]
    assert shaped.module.config.bos_token_id == 999_999
    assert shaped.module.get_input_embeddings().padding_idx == size + 1
    assert shaped.module.get_input_embeddings().num_embeddings == size + 2
    np.testing.assert_allclose(answers(shaped, corpus.texts), answers(model, corpus.texts), atol=1e-6, rtol=0)


def xlm_roberta(tokenizer, pad_id):
    """An XLM-R whose positions are counted from this id on."""
    torch.manual_seed(0)
    config = make_model("xlm-roberta", tokenizer.get_vocab_size()).config
    config.pad_token_id, config.max_position_embeddings = pad_id, 40 + pad_id
    return classifier(type(make_model("xlm-roberta", 9))(config), tokenizer, pad_id)


def test_a_padding_that_positions_are_counted_from_stays_where_it_is(tiny):
    model = xlm_roberta(tiny.tokenizer, 150)
    corpus = pool(de=30)
    shaped = trim(model, TrimVocabulary(), corpus)
    assert shaped.model.pad_id == 150
    told = "151 pieces stay because the model counts positions from the padding's id, which cannot move."
    assert shaped.notes[0] == told
    assert shaped.model.vocabulary.pieces_after < shaped.model.vocabulary.pieces_before
    np.testing.assert_allclose(answers(shaped.model, corpus.texts), answers(model, corpus.texts), atol=1e-6, rtol=0)


def test_a_padding_that_would_move_is_refused():
    pieces = {"<unk>": 0, "a": 2, "<pad>": 3, "b": 4}
    tokenizer = Tokenizer(models.WordLevel(pieces, unk_token="<unk>"))
    module = make_model("xlm-roberta", 5)
    module.config.pad_token_id = 3
    model = classifier(type(module)(module.config), tokenizer, 3)
    with pytest.raises(RecipeError, match="counts positions from the padding's id, 3, which would move"):
        trim(model, TrimVocabulary(), TextPool(("a",), ("de",), "corpus"))


def test_an_embedding_of_another_width_than_the_model_is_cut_alike(tiny):
    size = tiny.tokenizer.get_vocab_size()
    widths = {"embedding_size": 8, "hidden_size": 16, "intermediate_size": 8}
    heads = {"num_hidden_layers": 1, "num_attention_heads": 2, "num_labels": 3}
    config = ElectraConfig(vocab_size=size, pad_token_id=1, **widths, **heads)
    torch.manual_seed(0)
    model = classifier(ElectraForSequenceClassification(config), tiny.tokenizer)
    corpus = pool(de=30)
    shaped = trim(model, TrimVocabulary(), corpus).model
    assert shaped.module.get_input_embeddings().embedding_dim == 8
    np.testing.assert_allclose(answers(shaped, corpus.texts), answers(model, corpus.texts), atol=1e-6, rtol=0)


def test_a_table_in_use_elsewhere_is_refused(tiny):
    module = make_model("bert", tiny.tokenizer.get_vocab_size())
    module.head = nn.Linear(32, tiny.tokenizer.get_vocab_size(), bias=False)
    module.head.weight = module.get_input_embeddings().weight
    with pytest.raises(RecipeError, match=r"more than one place: .*word_embeddings\.weight, head\.weight"):
        trim(classifier(module, tiny.tokenizer), TrimVocabulary(), pool(de=5))


def test_a_table_that_is_none_is_refused(tiny):
    module = make_model("bert", tiny.tokenizer.get_vocab_size())
    module.set_input_embeddings(nn.Identity())
    with pytest.raises(RecipeError, match="keeps its pieces in a Identity"):
        trim(classifier(module, tiny.tokenizer), TrimVocabulary(), pool(de=5))


def test_a_family_that_keeps_ids_elsewhere_is_noticed(tiny, monkeypatch):
    module = make_model("bert", tiny.tokenizer.get_vocab_size())
    forward = type(module).forward

    def with_own_id(self, input_ids, attention_mask):
        output = forward(self, input_ids=input_ids, attention_mask=attention_mask)
        output.logits = output.logits + (input_ids > 150).sum()
        return output

    monkeypatch.setattr(type(module), "forward", with_own_id)
    with pytest.raises(RecipeError, match="BertForSequenceClassification answers otherwise"):
        trim(classifier(module, tiny.tokenizer), TrimVocabulary(), pool(de=30))


def test_where_no_text_is_split_as_before_there_is_nothing_to_compare(tiny):
    corpus = TextPool((" ".join(sentences("de", 3, 1)),), ("de",), "corpus")
    shaped = trim(tiny, TrimVocabulary(coverage=0.01), corpus)
    assert shaped.model.vocabulary.pieces_after < tiny.module.get_input_embeddings().num_embeddings
