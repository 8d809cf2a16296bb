"""Surgery on a tokenizer: which ids change, and where."""
# ruff: noqa: S106 - the names of tokens are no passwords

import json

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from leanglot.compress.tokenizer_trim import take_inventory, trim_tokenizer
from leanglot.errors import RecipeError


def bpe(**settings):
    pieces = ["<s>", "</s>", "<unk>", "a", "b", "c", "ab", "bc", "abc"]
    merges = [("a", "b"), ("b", "c"), ("ab", "c")]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", **settings))


def unigram():
    pieces = [("<s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), ("a", -3.0), ("▁a", -2.5), ("aa", -9.0), ("ab", -4.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=1))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


def wordpiece():
    pieces = ["[PAD]", "x", "[UNK]", "y", "[CLS]", "[SEP]", "a", "##b"]
    tokenizer = Tokenizer(models.WordPiece({piece: at for at, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def state_of(tokenizer):
    return json.loads(tokenizer.to_str())


def with_state(tokenizer, change):
    state = state_of(tokenizer)
    change(state)
    return Tokenizer.from_str(json.dumps(state))


def test_new_ids_keep_the_old_order_and_the_original_stays():
    tokenizer = wordpiece()
    before = tokenizer.to_str()
    trimmed = trim_tokenizer(tokenizer, [7, 0, 3, 6])
    assert trimmed.rows == (0, 2, 3, 6, 7)  # the unknown token stays unasked
    assert state_of(trimmed.tokenizer)["model"]["vocab"] == {"[PAD]": 0, "[UNK]": 1, "y": 2, "a": 3, "##b": 4}
    assert tokenizer.to_str() == before


def test_added_tokens_behind_the_models_own_come_last():
    tokenizer = unigram()
    tokenizer.add_special_tokens(["<mask>", "<s>"])
    trimmed = trim_tokenizer(tokenizer, [3])
    assert trimmed.rows == (0, 1, 3, 5, 7)
    assert trimmed.tokenizer.token_to_id("<mask>") == 4
    assert [(token["id"], token["content"]) for token in state_of(trimmed.tokenizer)["added_tokens"]] == [
        (0, "<s>"),
        (4, "<mask>"),
    ]


def test_the_unknown_id_and_scores_of_unigram_follow():
    model = state_of(trim_tokenizer(unigram(), [0, 4]).tokenizer)["model"]
    assert model["vocab"] == [["<s>", 0.0], ["<unk>", 0.0], ["▁a", -2.5], ["aa", -9.0]]
    assert model["unk_id"] == 1
    assert take_inventory(unigram()).unknown == 1


def test_unigram_keeps_its_lowest_score_which_unknown_characters_hang_on():
    pieces = [("<unk>", 0.0), ("w", -30.0), ("xü", -30.0), ("wx", -1.0), ("lowest", -100.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    assert tokenizer.encode("wxü").tokens == ["w", "xü"]
    assert trim_tokenizer(tokenizer, [1, 2, 3]).tokenizer.encode("wxü").tokens == ["w", "xü"]

    def without_it(state):
        del state["model"]["vocab"][4]

    assert with_state(tokenizer, without_it).encode("wxü").tokens == ["wx", "ü"]


def test_a_unigram_without_an_unknown_token_has_none_afterwards():
    tokenizer = Tokenizer(models.Unigram([("a", -1.0), ("b", -2.0), ("c", -3.0)]))
    assert take_inventory(tokenizer).unknown is None
    trimmed = trim_tokenizer(tokenizer, [0])
    assert (trimmed.rows, state_of(trimmed.tokenizer)["model"]["unk_id"]) == ((0, 2), None)


def test_a_merge_stays_where_its_parts_and_its_outcome_do():
    def merges(*kept):
        return state_of(trim_tokenizer(bpe(), kept).tokenizer)["model"]["merges"]

    assert merges(3, 4, 5, 6, 7, 8) == [["a", "b"], ["b", "c"], ["ab", "c"]]
    assert merges(3, 4, 5, 6) == [["a", "b"]]
    assert merges(3, 4, 5, 7, 8) == [["b", "c"]]
    assert merges(3, 4, 8) == []


def test_merges_may_be_written_as_one_string_each(monkeypatch):
    import leanglot.compress.tokenizer_trim as module

    def old_state(tokenizer):
        state = json.loads(tokenizer.to_str())
        state["model"]["merges"] = [" ".join(pair) for pair in state["model"]["merges"]]
        return state

    new = take_inventory(bpe()), trim_tokenizer(bpe(), [3, 4, 6])
    monkeypatch.setattr(module, "_state", old_state)
    old = take_inventory(bpe()), trim_tokenizer(bpe(), [3, 4, 6])
    assert old[0] == new[0]
    assert state_of(old[1].tokenizer) == state_of(new[1].tokenizer)


def test_a_merge_of_marked_pieces_gives_a_piece_without_the_inner_mark():
    pieces = ["a", "##b", "##c", "ab", "##bc", "a##b"]
    model = models.BPE(
        vocab={piece: number for number, piece in enumerate(pieces)},
        merges=[("a", "##b"), ("##b", "##c")],
        continuing_subword_prefix="##",
    )
    tokenizer = Tokenizer(model)
    assert state_of(trim_tokenizer(tokenizer, [0, 1, 3]).tokenizer)["model"]["merges"] == [["a", "##b"]]
    assert state_of(trim_tokenizer(tokenizer, [0, 1, 2, 5]).tokenizer)["model"]["merges"] == []


TEMPLATE = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 4), ("[SEP]", 5)])


@pytest.mark.parametrize(
    "processor",
    [
        processors.BertProcessing(("[SEP]", 5), ("[CLS]", 4)),
        processors.RobertaProcessing(("[SEP]", 5), ("[CLS]", 4)),
        TEMPLATE,
        processors.Sequence([processors.ByteLevel(), TEMPLATE]),
    ],
)
def test_what_is_put_around_a_text_stays_and_gets_its_new_ids(processor):
    tokenizer = wordpiece()
    tokenizer.post_processor = processor
    trimmed = trim_tokenizer(tokenizer, [0, 6, 7])
    assert trimmed.rows == (0, 2, 4, 5, 6, 7)
    encoding = trimmed.tokenizer.encode("ab")
    assert encoding.tokens == ["[CLS]", "a", "##b", "[SEP]"]
    assert encoding.ids == [2, 4, 5, 3]


def test_truncation_and_padding_stay_and_the_padding_gets_its_new_id():
    tokenizer = wordpiece()
    tokenizer.enable_truncation(3, direction="left")
    tokenizer.enable_padding(pad_id=3, pad_token="y")
    trimmed = trim_tokenizer(tokenizer, [6])
    assert trimmed.rows == (2, 3, 6)
    assert trimmed.tokenizer.padding["pad_id"] == 1
    assert trimmed.tokenizer.truncation == tokenizer.truncation
    assert trimmed.tokenizer.encode_batch(["a", "a a"])[0].ids == [2, 1]


def test_an_id_without_a_piece_is_refused():
    tokenizer = wordpiece()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 99), ("[CLS]", 4))
    with pytest.raises(RecipeError, match="post-processor uses the id 99"):
        trim_tokenizer(tokenizer, [1])
    tokenizer = wordpiece()
    tokenizer.enable_padding(pad_id=77, pad_token="[PAD]")
    with pytest.raises(RecipeError, match="padding uses the id 77"):
        trim_tokenizer(tokenizer, [1])


def test_gaps_between_ids_are_closed():
    pieces = {"[UNK]": 0, "a": 1, "b": 5}
    tokenizer = Tokenizer(models.WordLevel(pieces, unk_token="[UNK]"))
    trimmed = trim_tokenizer(tokenizer, [1, 5])
    assert trimmed.rows == (0, 1, 5)
    assert trimmed.tokenizer.get_vocab() == {"[UNK]": 0, "a": 1, "b": 2}


def test_a_model_that_splits_at_random_is_refused():
    with pytest.raises(RecipeError, match="at random"):
        take_inventory(bpe(dropout=0.1))


def test_another_model_is_refused_by_name(monkeypatch):
    import leanglot.compress.tokenizer_trim as module

    state = state_of(bpe())
    state["model"]["type"] = "Other"
    monkeypatch.setattr(module, "_state", lambda _: state)
    with pytest.raises(RecipeError, match="model is Other") as raised:
        take_inventory(bpe())
    assert raised.value.hint == "Supported are Unigram, BPE, WordPiece, WordLevel."
    with pytest.raises(RecipeError, match="model is Other"):
        trim_tokenizer(bpe(), [1])


def test_what_cannot_be_read_back_is_refused():
    import leanglot.compress.tokenizer_trim as module

    with pytest.raises(RecipeError, match="cannot be read back"):
        module._read_back({"model": {}}, {})
    with pytest.raises(RecipeError, match="other ids"):
        module._read_back(state_of(bpe()), {"a": 0})


@pytest.mark.parametrize(
    ("tokenizer", "expected"),
    [
        (unigram(), ("Unigram", "▁", "", "", False)),
        (bpe(), ("BPE", "▁", "", "", False)),
        (bpe(continuing_subword_prefix="", end_of_word_suffix="</w>"), ("BPE", "▁", "", "</w>", False)),
        (wordpiece(), ("WordPiece", "", "##", "", False)),
        (Tokenizer(models.WordLevel({"a": 0}, unk_token="u")), ("WordLevel", "", "", "", False)),
    ],
)
def test_how_pieces_are_marked(tokenizer, expected):
    found = take_inventory(tokenizer)
    assert (found.kind, found.mark, found.prefix, found.suffix, found.byte_level) == expected


def test_marks_of_other_components():
    tokenizer = bpe()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(), pre_tokenizers.ByteLevel()])
    assert (take_inventory(tokenizer).mark, take_inventory(tokenizer).byte_level) == ("Ġ", True)
    tokenizer = bpe()
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.ByteLevel()])
    assert take_inventory(tokenizer).byte_level
    tokenizer = bpe()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="_")
    assert take_inventory(tokenizer).mark == "_"


def test_an_unknown_token_that_is_not_there_is_none():
    tokenizer = Tokenizer(models.WordLevel({"a": 0}, unk_token="u"))
    assert take_inventory(tokenizer).unknown is None
    assert take_inventory(tokenizer).fixed == frozenset()
