"""What BPE makes on the way to a piece."""

import json

from tokenizers import Tokenizer, models

from leanglot.compress.merges import steps
from leanglot.compress.tokenizer_trim import take_inventory, trim_tokenizer


def bpe(pieces, merges, **settings):
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return Tokenizer(models.BPE(vocab=vocabulary, merges=merges, **settings))


def met(tokenizer, *pieces):
    """The pieces that come up on the way to some."""
    inventory = take_inventory(tokenizer)
    names = {number: piece for piece, number in inventory.ids.items()}
    return {names[step] for _, step in steps(inventory, [inventory.ids[piece] for piece in pieces])}


def splits_alike(tokenizer, text):
    """Whether pieces on the way are enough, and whether the pieces of the text alone are."""
    before = tokenizer.encode(text)
    inventory = take_inventory(tokenizer)
    single = {number for piece, number in inventory.ids.items() if len(piece) == 1}
    enough = single | {step for _, step in steps(inventory, set(before.ids))}
    return [
        trim_tokenizer(tokenizer, kept).tokenizer.encode(text).tokens == before.tokens
        for kept in (enough, single | set(before.ids))
    ]


def test_only_the_way_that_bpe_takes_counts():
    tokenizer = bpe(["a", "b", "c", "ab", "bc", "abc"], [("b", "c"), ("a", "b"), ("ab", "c"), ("a", "bc")])
    assert met(tokenizer, "abc") == {"a", "b", "c", "bc", "abc"}
    assert met(tokenizer, "ab", "a") == {"a", "b", "ab"}
    assert splits_alike(tokenizer, "abc") == [True, False]


def test_an_entry_of_the_queue_whose_parts_are_gone_is_passed_over():
    """ "b" + "c" and "c" + "d" both wait; after the first, the second has no "c" any more."""
    pieces = ["a", "b", "c", "d", "ab", "bc", "abc", "cd", "bcd"]
    merges = [("a", "bc"), ("b", "c"), ("a", "b"), ("c", "d"), ("ab", "c"), ("bc", "d")]
    tokenizer = bpe(pieces, merges)
    assert met(tokenizer, "bcd") == {"b", "c", "d", "bc", "bcd"}
    for text in ("abc", "abcd", "abcabcd", "bcdabc"):
        assert splits_alike(tokenizer, text)[0]


def test_pieces_at_each_place_in_a_word_are_spelled_out_with_their_marks():
    pieces = ["a", "##b", "b", "##c", "c", "##c</w>", "##bc</w>", "abc</w>", "##bc", "a</w>", "##b</w>"]
    merges = [("##b", "##c</w>"), ("##b", "##c"), ("a", "##bc</w>")]
    settings = {"continuing_subword_prefix": "##", "end_of_word_suffix": "</w>"}
    tokenizer = bpe(pieces, merges, **settings)
    assert tokenizer.encode("abc").tokens == ["abc</w>"]
    assert met(tokenizer, "abc</w>") == {"a", "##b", "##c</w>", "##bc</w>", "abc</w>"}
    assert met(tokenizer, "##bc") == {"##b", "##c", "##bc"}


def test_a_word_that_is_taken_whole_needs_every_way_to_it_that_there_is():
    """Its own characters lead elsewhere: "b" and "c" are joined first."""
    merges = [("b", "c"), ("a", "b"), ("ab", "c")]
    tokenizer = bpe(["a", "b", "c", "ab", "bc", "abc"], merges, ignore_merges=True)
    assert tokenizer.encode("abc").tokens == ["abc"]
    assert met(tokenizer, "abc") == {"a", "b", "c", "ab", "abc"}
    assert splits_alike(tokenizer, "abc") == [True, True]


def test_joined_bytes_need_their_parts():
    pieces = ["<0xC3>", "<0xA4>", "<0xC3><0xA4>", "a"]
    tokenizer = bpe(pieces, [("<0xC3>", "<0xA4>")], byte_fallback=True)
    assert tokenizer.encode("äa").tokens == ["<0xC3><0xA4>", "a"]
    assert met(tokenizer, "<0xC3><0xA4>") == {"<0xC3>", "<0xA4>", "<0xC3><0xA4>"}
    assert splits_alike(tokenizer, "äa") == [True, False]


def test_of_a_pair_that_is_listed_twice_the_last_counts():
    tokenizer = bpe(["a", "b", "c", "ab", "bc", "abc"], [("a", "b"), ("b", "c"), ("a", "bc"), ("a", "b")])
    assert json.loads(tokenizer.to_str())["model"]["merges"]
    for text in ("abc", "ab"):
        assert splits_alike(tokenizer, text)[0]
