"""Long texts are split by sentence, nothing is lost, and the parts are joined as the target language writes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanglot.runtimes.sentences import join_parts, split_text
from tiny_translators import load_tiny


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return load_tiny(tmp_path_factory.mktemp("model") / "m").tokenizer


def count(tokenizer, text):
    return len(tokenizer.encode(text, add_special_tokens=False).ids)


def test_a_text_is_split_after_its_sentences(tokenizer):
    parts = split_text("The lamp is on. Is it?  今日は。明日は。\n\nEnd", tokenizer, 20)
    assert [part.text for part in parts] == ["The lamp is on.", "Is it?", "今日は。", "明日は。", "End"]
    assert [part.gap for part in parts] == [" ", "  ", "", "\n\n", ""]
    assert not any(part.cut for part in parts)


def test_a_sentence_that_is_too_long_is_cut_between_words(tokenizer):
    text = "the lamp in the kitchen " * 8
    parts = split_text(text.strip(), tokenizer, 7)
    assert [part.cut for part in parts] == [True] * (len(parts) - 1) + [False]
    assert " ".join(part.text for part in parts) == text.strip()
    assert all(count(tokenizer, part.text) <= 7 for part in parts)


def test_a_word_that_is_too_long_is_cut_inside(tokenizer):
    parts = split_text("lamp" * 30, tokenizer, 6)
    assert "".join(part.text for part in parts) == "lamp" * 30
    assert all(count(tokenizer, part.text) <= 6 for part in parts)


@given(text=st.text(alphabet="ab .!?\n今。日 lamp", max_size=300), room=st.integers(1, 12))
@settings(max_examples=60)
def test_nothing_is_lost_and_every_part_fits(text, room, tokenizer):
    parts = split_text(text, tokenizer, room)
    assert "".join(part.text + part.gap for part in parts).split() == text.split()
    for part in parts:
        assert part.text == part.text.strip()
        assert part.text
        assert count(tokenizer, part.text) <= max(room, 2)  # a character alone may be the blank before it and itself


def test_ten_thousand_characters(tokenizer):
    text = ("The lamp in the kitchen is on. " * 400)[:10_000]
    parts = split_text(text, tokenizer, 60)
    assert len(parts) == 323
    assert "".join(part.text + part.gap for part in parts) == text


def test_one_sentence_of_ten_thousand_characters(tokenizer):
    text = ("the lamp and " * 800)[:10_000].strip()
    parts = split_text(text, tokenizer, 60)
    assert all(count(tokenizer, part.text) <= 60 for part in parts)
    assert "".join(part.text + part.gap for part in parts) == text


@pytest.mark.parametrize(("target", "joined"), [("de", "A b.\n\nC."), ("zh", "A b.\n\nC."), ("th", "A b.\n\nC.")])
def test_line_breaks_stay(target, joined, tokenizer):
    parts = split_text("x y.\n\nz.", tokenizer, 20)
    assert join_parts(["A b.", "C."], parts, target) == joined


@pytest.mark.parametrize(("target", "joined"), [("de", "A. B."), ("zh", "A.B."), ("ja", "A.B."), ("ko", "A. B.")])
def test_blanks_are_put_where_the_target_writes_them(target, joined, tokenizer):
    parts = split_text("今日は。明日は。", tokenizer, 20)
    assert join_parts(["A.", "B."], parts, target) == joined


def test_an_empty_translation_leaves_no_blank(tokenizer):
    parts = split_text("One. Two. Three.", tokenizer, 20)
    assert join_parts(["A.", "", "C."], parts, "de") == "A. C."
