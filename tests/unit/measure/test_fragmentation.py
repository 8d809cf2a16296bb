"""How two tokenizers split the same texts."""
# ruff: noqa: S106 - the names of tokens are no passwords

import json

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from leanglot.measure.fragmentation import compare_tokenizers
from leanglot.results.shaping import TokenChange


def unigram(*pieces):
    listed = [("<s>", 0.0), ("<unk>", 0.0), *((piece, -1.0) for piece in pieces)]
    tokenizer = Tokenizer(models.Unigram(listed, unk_id=1))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return tokenizer


BEFORE = unigram("a", "b", "ab", "c")


def test_tokens_and_unknown_ones_are_counted_by_language():
    found = compare_tokenizers(BEFORE, unigram("a", "b"), ["ab", "a", "c x", "b"], ["th", "th", "de", "de"])
    assert list(found) == ["de", "th"]
    assert found["th"] == TokenChange(texts=2, before=2, after=2.5, unknown_before=0, unknown_after=0, same=0.5)
    assert found["de"] == TokenChange(
        texts=2, before=2.5, after=2.5, unknown_before=1 / 5, unknown_after=2 / 5, same=0.5
    )


def test_a_piece_that_became_unknown_is_not_the_same():
    """Though the library shows both under the same characters."""
    after = unigram("a", "b", "ab")
    assert BEFORE.encode("c").tokens == after.encode("c").tokens
    assert compare_tokenizers(BEFORE, after, ["c"], ["de"])["de"].same == 0


def test_other_ids_for_the_same_pieces_are_the_same():
    found = compare_tokenizers(BEFORE, unigram("c", "ab", "a"), ["ab c a x"], ["de"])
    assert (found["de"].same, found["de"].unknown_before) == (1, found["de"].unknown_after)


def test_neither_is_cut_or_padded_nor_changed():
    before, after = unigram("a", "b"), unigram("a", "b")
    before.enable_truncation(2)
    after.enable_padding(length=9)
    states = before.to_str(), after.to_str()
    assert compare_tokenizers(before, after, ["a b a b"], ["de"])["de"].before == 5
    assert compare_tokenizers(before, after, ["a b a b"], ["de"])["de"].after == 5
    assert (before.to_str(), after.to_str()) == states


@pytest.mark.parametrize("unknown", ["<unk>", None, "gone"])
def test_models_without_an_unknown_token_have_no_unknown_ones(unknown):
    def bpe(*merges):
        pieces = {"<unk>": 0, "a": 1, "b": 2} | {"".join(pair): 3 + at for at, pair in enumerate(merges)}
        tokenizer = Tokenizer(models.BPE(vocab=pieces, merges=list(merges), unk_token="<unk>"))
        state = json.loads(tokenizer.to_str())
        state["model"]["unk_token"] = unknown
        return Tokenizer.from_str(json.dumps(state))

    found = compare_tokenizers(bpe(("a", "b")), bpe(), ["ab", "ba"], ["de", "de"])["de"]
    assert (found.before, found.after, found.same) == (1.5, 2, 0.5)
    assert found.unknown_before == found.unknown_after == 0


def test_texts_without_a_token_have_no_unknown_one():
    bare = Tokenizer(models.WordLevel({"a": 0, "u": 1}, unk_token="u"))
    bare.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    found = compare_tokenizers(bare, bare, [" "], ["de"])["de"]
    assert found == TokenChange(texts=1, before=0, after=0, unknown_before=0, unknown_after=0, same=1)


def test_no_texts_no_languages():
    assert compare_tokenizers(BEFORE, BEFORE, [], []) == {}


def test_many_texts_are_compared_in_order():
    texts = ["ab"] * 5000 + ["a"] * 5000
    found = compare_tokenizers(BEFORE, unigram("a", "b"), texts, ["de"] * 5000 + ["en"] * 5000)
    assert (found["de"].same, found["en"].same) == (0, 1)
