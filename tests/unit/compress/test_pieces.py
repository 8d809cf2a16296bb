"""Which pieces stay, and what share of further tokens is expected to be gone."""
# ruff: noqa: S106 - the names of tokens are no passwords

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from leanglot.compress.pieces import choose_pieces
from leanglot.compress.tokenizer_trim import take_inventory


def words(*more, **settings):
    """A tokenizer that knows words as wholes: what is used is plain to see."""
    pieces = ["<unk>", "one", "two", "three", "four", "five", *more]
    tokenizer = Tokenizer(models.WordLevel({piece: at for at, piece in enumerate(pieces)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def unigram(*pieces):
    listed = [("<unk>", 0.0), *((piece, -float(len(piece))) for piece in ("▁", "a", "b", "c", "d", "▁a", "▁b", "A"))]
    tokenizer = Tokenizer(models.Unigram([*listed, *((piece, -0.5) for piece in pieces)], unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


def chosen(tokenizer, texts, languages=None, **settings):
    """The pieces that stay, by name, and the expected shares."""
    inventory = take_inventory(tokenizer)
    choice = choose_pieces(tokenizer, inventory, texts, languages or ["de"] * len(texts), **settings)
    return {piece for piece, number in inventory.ids.items() if number in choice.kept}, choice.missing


def test_what_is_used_stays():
    assert chosen(words(), ["one two", "two"])[0] == {"<unk>", "one", "two"}


def test_neither_truncation_nor_padding_hides_a_piece():
    tokenizer = words()
    tokenizer.enable_truncation(1)
    tokenizer.enable_padding(pad_id=5, pad_token="five", length=4)
    assert chosen(tokenizer, ["one two three"])[0] == {"<unk>", "one", "two", "three", "five"}
    assert tokenizer.truncation["max_length"] == 1
    assert tokenizer.padding["length"] == 4


def test_many_texts_are_counted_whole():
    texts = ["one"] * 5000 + ["two"]
    assert chosen(words(), texts)[0] == {"<unk>", "one", "two"}


def test_coverage_counts_each_languages_own_tokens():
    texts = ["one one one two", "one one one one", "three three three four"]
    languages = ["de", "de", "th"]
    kept, missing = chosen(words(), texts, languages, coverage=0.75)
    assert kept == {"<unk>", "one", "three"}
    assert missing == {"de": 1 / 8, "th": None}
    assert chosen(words(), texts, languages, coverage=0.76)[0] == {"<unk>", "one", "three", "four"}


def test_of_equally_frequent_pieces_the_lower_id_stays():
    assert chosen(words(), ["four two three one"], coverage=0.5)[0] == {"<unk>", "one", "two"}


def test_a_text_of_nothing_uses_nothing():
    assert chosen(words(), ["", " "]) == ({"<unk>"}, {"de": None})


def test_single_characters_stay_in_all_their_forms():
    tokenizer = unigram("ab", "▁ab", "<0x0A>", "▁▁")
    kept, _ = chosen(tokenizer, ["a"])
    assert kept == {"<unk>", "▁", "a", "b", "c", "d", "▁a", "▁b", "A", "<0x0A>", "▁▁"}


def test_expected_missing_leaves_one_text_out_at_a_time():
    texts = ["one two", "one three", "one four five"]
    assert chosen(words(), texts, ["de", "de", "th"])[1] == {"de": 2 / 4, "th": None}
    assert chosen(words(), [*texts, "four"], ["de", "de", "th", "th"])[1] == {"de": 2 / 4, "th": 1 / 4}
    assert chosen(words(), ["one", "one"])[1] == {"de": 0}


def test_what_would_stay_anyway_is_not_expected_to_be_missing():
    tokenizer = unigram("ab", "cd")
    _, missing = chosen(tokenizer, ["a b", "ab c d", "cd"])
    assert missing == {"de": 2 / 10}  # of ▁a ▁b, ▁ ab ▁ c ▁ d, ▁ cd


def test_a_piece_seen_twice_in_one_text_is_still_its_only_witness():
    assert chosen(words(), ["one one two", "two"])[1] == {"de": 2 / 4}


def test_neighbours_stand_within_words():
    tokenizer = unigram("abcd", "bc", "cd", "ad", "▁abcd")
    assert "bc" not in chosen(tokenizer, ["abcd"])[0]
    kept, _ = chosen(tokenizer, ["abcd"], neighbours=True)
    assert {"bc", "cd", "abcd"} <= kept
    assert "ad" not in kept


def test_neighbours_differ_in_letter_case_or_in_standing_at_the_start():
    tokenizer = unigram("▁cad", "▁Cad", "▁CAD", "Cad", "cad", "▁CAd", "bad")
    assert chosen(tokenizer, ["cad"])[0] & {"▁cad", "▁Cad", "▁CAD", "Cad", "cad", "▁CAd", "bad"} == {"▁cad"}
    kept, _ = chosen(tokenizer, ["cad"], neighbours=True)
    assert kept & {"▁cad", "▁Cad", "▁CAD", "Cad", "cad", "▁CAd", "bad"} == {"▁cad", "▁Cad", "▁CAD", "Cad", "cad"}


def test_a_neighbour_of_another_text_is_not_expected_to_be_missing():
    tokenizer = unigram("▁cad", "▁Cad", "▁bad", "bca")
    assert chosen(tokenizer, ["cad", "Cad"])[1] == {"de": 1}
    assert chosen(tokenizer, ["cad", "Cad"], neighbours=True)[1] == {"de": 0}
    assert chosen(tokenizer, ["cad", "bad"], neighbours=True)[1] == {"de": 1}


def test_neighbours_do_not_bring_back_what_coverage_left_out():
    tokenizer = unigram("▁cad", "▁bad", "ad")
    kept, missing = chosen(tokenizer, ["cad cad cad", "cad bad"], coverage=0.8, neighbours=True)
    assert "▁bad" not in kept
    assert {"▁cad", "ad"} <= kept
    assert missing == {"de": 1 / 5}


def test_words_are_normalized_before_their_parts_are_looked_up():
    tokenizer = unigram("abc", "bc", "▁abc")
    tokenizer.normalizer = normalizers.Lowercase()
    assert {"bc", "abc"} <= chosen(tokenizer, ["ABC"], neighbours=True)[0]
    tokenizer.pre_tokenizer = None  # the whole text is one word
    assert {"bc", "abc"} <= chosen(tokenizer, ["ABC"], neighbours=True)[0]


def wordpiece(*pieces, unknown="[UNK]", longest=100):
    vocabulary = {piece: number for number, piece in enumerate(("[UNK]", *pieces))}
    model = models.WordPiece(vocabulary, unk_token=unknown, max_input_chars_per_word=longest)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def test_parts_within_a_word_are_looked_up_with_their_prefix():
    tokenizer = wordpiece("a", "##b", "abc", "##bc", "bc", "##ab", "ab")
    kept, _ = chosen(tokenizer, ["abc"], neighbours=True)
    assert kept == {"[UNK]", "a", "##b", "abc", "##bc", "ab"}


def test_wordpiece_keeps_what_it_takes_before_it_gives_a_word_up():
    """Without "ab" it would get through "abcd", which the original does not know."""
    tokenizer = wordpiece("a", "ab", "##bc", "##d", "##c")
    assert tokenizer.encode("abcd").tokens == ["ab", "##c", "##d"]
    tokenizer = wordpiece("a", "ab", "##bc", "##d", "xy")
    assert tokenizer.encode("abcd").tokens == ["[UNK]"]
    kept, missing = chosen(tokenizer, ["abcd", "a"])
    assert "ab" in kept
    assert missing == {"de": 0}


@pytest.mark.parametrize("added", [[], ["[UNK]"], ["[UNK]", "[M]"]])
def test_words_beside_added_tokens_are_given_up_alike(added):
    tokenizer = wordpiece("a", "ab", "##bc", "##d", "xy", "zz", "zzz")
    tokenizer.add_special_tokens(added)
    text = "[UNK] a[M]abcd[M]" if "[M]" in added else "[UNK] a abcd"
    assert tokenizer.encode(text).tokens.count("[UNK]") == 2
    kept, _ = chosen(tokenizer, [text])
    assert "ab" in kept
    assert not {"xy", "zz", "zzz"} & kept


def test_words_that_are_too_long_or_known_need_no_more():
    tokenizer = wordpiece("a", "ab", "##bc", "##d", "xy", longest=3)
    assert "ab" not in chosen(tokenizer, ["abcd"])[0]
    assert chosen(tokenizer, ["xy abcd"])[0] == {"[UNK]", "a", "##d", "xy"}


def byte_level(*pieces):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: number for number, piece in enumerate((*alphabet, *pieces))}
    merges = [(piece[:cut], piece[cut:]) for piece in pieces for cut in range(1, len(piece))]
    known = [pair for pair in merges if set(pair) <= vocabulary.keys()]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=known))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def test_letter_case_is_that_of_the_text_and_not_of_the_alphabet_of_bytes():
    def spelled(text):
        return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text)[0][0]

    lower, upper, marked, half = spelled("ä"), spelled("Ä"), spelled(" ä"), spelled("ä")[0]
    tokenizer = byte_level(lower, upper, marked)
    assert tokenizer.encode("ä").tokens == [lower]
    letters = set(pre_tokenizers.ByteLevel.alphabet())
    assert chosen(tokenizer, ["ä"])[0] - letters == {lower}
    assert chosen(tokenizer, ["ä"], neighbours=True)[0] - letters == {lower, upper, marked}
    assert half in chosen(tokenizer, ["ä"], neighbours=True)[0]


def test_bpe_keeps_what_it_makes_on_the_way():
    tokenizer = byte_level("ab", "abc", "abcd", "bc")
    assert tokenizer.encode("abcd").tokens == ["abcd"]
    letters = set(pre_tokenizers.ByteLevel.alphabet())
    kept, missing = chosen(tokenizer, ["abcd", "abc", "abc"])
    assert kept - letters == {"ab", "abc", "abcd"}
    assert missing == {"de": 1 / 3}
    assert chosen(tokenizer, ["abcd", "ab"])[1] == {"de": 1 / 2}  # what the longer one needs stays with it
