"""What holds for every trimmed tokenizer: the texts that it was cut for are split exactly as before."""
# ruff: noqa: S106, RUF001 - names of tokens are no passwords, and scripts are mixed on purpose

import functools
import itertools
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from leanglot.compress.merges import steps
from leanglot.compress.pieces import choose_pieces
from leanglot.compress.tokenizer_trim import take_inventory, trim_tokenizer
from leanglot.measure.fragmentation import compare_tokenizers
from stored_tokenizers import read_back

# Few characters of many scripts, so that random texts meet learned pieces; the last ones are in no training text.
LETTERS = "aabbcdeEßäгдеяαβあい漢字กา"
UNSEEN = "zЖ語✓"
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
KINDS = (
    "unigram",
    "unigram-bytes",
    "bpe",
    "bpe-affixes",
    "bpe-bytes",
    "bpe-byte-level",
    "bpe-ignore-merges",
    "bpe-all-pairs",
    "wordpiece",
    "wordlevel",
)
TEXTS = st.lists(
    st.text(LETTERS + UNSEEN + "    ", max_size=24) | st.sampled_from(["a<mask>b", "<mask>", "<unk> ab", " "]),
    min_size=1,
    max_size=12,
)


def training_texts():
    rng = random.Random(5)
    words = ["".join(rng.choices(LETTERS, k=rng.randint(1, 7))) for _ in range(150)]
    return [" ".join(rng.choices(words, k=6)) for _ in range(200)]


def trained(model, trainer, pre_tokenizer):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(training_texts(), trainer)
    return read_back(tokenizer)


def edited(tokenizer, **settings):
    state = json.loads(tokenizer.to_str())
    state["model"] |= settings
    return Tokenizer.from_str(json.dumps(state))


def bpe(**settings):
    options = {"vocab_size": 260, "special_tokens": SPECIAL, "show_progress": False, **settings}
    affixes = {name: options[name] for name in ("continuing_subword_prefix", "end_of_word_suffix") if name in options}
    model = models.BPE(unk_token="<unk>", fuse_unk=True, **affixes)
    return trained(model, trainers.BpeTrainer(**options), pre_tokenizers.Metaspace(split=True))


def with_bytes(tokenizer, vocabulary):
    """The bytes added to a vocabulary, as SentencePiece does for characters that it does not know."""
    return edited(tokenizer, vocab=vocabulary, byte_fallback=True)


def all_pairs(tokenizer):
    """Every way to make a piece out of two others as a merge, as in tokenizers converted from SentencePiece."""
    model = json.loads(tokenizer.to_str())["model"]
    pieces = model["vocab"]
    merges = [
        [piece[:cut], piece[cut:]]
        for piece in sorted(pieces, key=pieces.get)
        for cut in range(1, len(piece))
        if piece[:cut] in pieces and piece[cut:] in pieces
    ]
    return edited(tokenizer, merges=merges)


@functools.cache
def tokenizer_of(kind):
    byte_names = [f"<0x{value:02X}>" for value in range(256)]
    match kind:
        case "unigram" | "unigram-bytes":
            trainer = trainers.UnigramTrainer(
                vocab_size=200, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False
            )
            tokenizer = trained(models.Unigram(), trainer, pre_tokenizers.Metaspace())
            if kind == "unigram-bytes":
                pieces = json.loads(tokenizer.to_str())["model"]["vocab"]
                tokenizer = with_bytes(tokenizer, [*pieces, *([name, -20.0] for name in byte_names)])
        case "bpe":
            tokenizer = bpe()
        case "bpe-affixes":
            tokenizer = bpe(continuing_subword_prefix="##", end_of_word_suffix="</w>")
        case "bpe-bytes":
            tokenizer = bpe()
            pieces = json.loads(tokenizer.to_str())["model"]["vocab"]
            tokenizer = with_bytes(tokenizer, pieces | {name: len(pieces) + at for at, name in enumerate(byte_names)})
        case "bpe-byte-level":
            alphabet = pre_tokenizers.ByteLevel.alphabet()
            trainer = trainers.BpeTrainer(
                vocab_size=420, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
            )
            tokenizer = trained(models.BPE(), trainer, pre_tokenizers.ByteLevel())
            tokenizer.decoder = decoders.ByteLevel()
        case "bpe-ignore-merges":
            tokenizer = bpe()
            words = [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(" ".join(training_texts()[:9]))]
            model = json.loads(tokenizer.to_str())["model"]["vocab"]
            new = [word for word in dict.fromkeys(words) if word not in model]
            tokenizer = edited(
                tokenizer, vocab=model | {word: len(model) + at for at, word in enumerate(new)}, ignore_merges=True
            )
        case "bpe-all-pairs":
            tokenizer = all_pairs(bpe())
        case "wordpiece":
            model = models.WordPiece(unk_token="<unk>", max_input_chars_per_word=20)
            trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=SPECIAL, show_progress=False)
            tokenizer = trained(model, trainer, pre_tokenizers.Whitespace())
            tokenizer.normalizer = normalizers.Lowercase()
        case _:
            trainer = trainers.WordLevelTrainer(vocab_size=120, special_tokens=SPECIAL, show_progress=False)
            tokenizer = trained(models.WordLevel(unk_token="<unk>"), trainer, pre_tokenizers.Whitespace())
    tokenizer.add_special_tokens(["<mask>"])  # behind the model's own pieces
    ends = [(name, tokenizer.token_to_id(name)) for name in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    return tokenizer


def more_texts():
    return TEXTS | st.lists(st.sampled_from(training_texts()), min_size=1, max_size=12)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(texts=more_texts(), others=more_texts(), data=st.data())
def test_texts_that_were_counted_are_split_as_before(kind, texts, others, data):
    tokenizer = tokenizer_of(kind)
    inventory = take_inventory(tokenizer)
    languages = data.draw(st.lists(st.sampled_from(["de", "th"]), min_size=len(texts), max_size=len(texts)))
    neighbours = data.draw(st.booleans())
    choice = choose_pieces(tokenizer, inventory, texts, languages, neighbours=neighbours)
    more = data.draw(st.sets(st.sampled_from(sorted(inventory.ids.values())), max_size=20))
    for kept in (choice.kept, choice.kept | more):
        trimmed = trim_tokenizer(tokenizer, kept)
        for text in texts:
            before, after = tokenizer.encode(text), trimmed.tokenizer.encode(text)
            assert after.tokens == before.tokens
            assert [trimmed.rows[number] for number in after.ids] == before.ids
        assert all(
            change.same == 1 for change in compare_tokenizers(tokenizer, trimmed.tokenizer, texts, languages).values()
        )
        size = trimmed.tokenizer.get_vocab_size(with_added_tokens=True)
        assert len(trimmed.rows) == size
        for text in others:
            assert all(0 <= number < size for number in trimmed.tokenizer.encode(text).ids)
            assert trimmed.tokenizer.decode(trimmed.tokenizer.encode(text).ids) is not None


@pytest.mark.parametrize("kind", KINDS[:-1])  # the last knows whole words only
@settings(max_examples=20)
@given(texts=more_texts())
def test_no_character_becomes_unknown(kind, texts):
    tokenizer = tokenizer_of(kind)
    trimmed = trim_tokenizer(tokenizer, choose_pieces(tokenizer, take_inventory(tokenizer), ["a"], ["de"]).kept)
    for change in compare_tokenizers(tokenizer, trimmed.tokenizer, texts, ["de"] * len(texts)).values():
        assert (change.unknown_after > 0) <= (change.unknown_before > 0)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(texts=more_texts(), coverage=st.floats(0.05, 1))
def test_more_coverage_never_keeps_less(kind, texts, coverage):
    tokenizer = tokenizer_of(kind)
    inventory = take_inventory(tokenizer)
    languages = ["de" if at % 2 else "th" for at in range(len(texts))]
    some = choose_pieces(tokenizer, inventory, texts, languages, coverage=coverage)
    every = choose_pieces(tokenizer, inventory, texts, languages)
    assert inventory.fixed <= some.kept <= every.kept <= set(inventory.ids.values())
    for tag, missing in every.missing.items():
        assert missing is None or 0 <= missing <= (some.missing[tag] or 0) <= 1


PIECES = ["".join(letters) for size in range(1, 6) for letters in itertools.product("ab", repeat=size)]
PAIRS = [[piece[:cut], piece[cut:]] for piece in PIECES for cut in range(1, len(piece))]


@given(
    merges=st.permutations(PAIRS).flatmap(lambda pairs: st.integers(1, len(pairs)).map(lambda count: pairs[:count])),
    word=st.text("ab", min_size=2, max_size=12),
)
def test_a_word_needs_no_piece_that_does_not_come_up_on_the_way(merges, word):
    """Pieces here are made in many ways, in any order."""
    numbers = {piece: number for number, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(models.BPE(vocab=numbers, merges=[tuple(pair) for pair in merges]))
    before = tokenizer.encode(word)
    met = {step for _, step in steps(take_inventory(tokenizer), set(before.ids))}
    trimmed = trim_tokenizer(tokenizer, met | {numbers["a"], numbers["b"]})
    assert trimmed.tokenizer.encode(word).tokens == before.tokens
    assert all(len(PIECES[number]) <= max(map(len, before.tokens)) for number in met)
