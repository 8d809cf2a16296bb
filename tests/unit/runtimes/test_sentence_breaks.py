"""Sentence boundaries are those of UAX #29, as a plain but slow implementation of it finds them."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from uniseg.sentencebreak import sentences

from leanglot.runtimes.sentence_breaks import sentence_ends


def split(text: str) -> list[str]:
    ends = sentence_ends(text)
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@pytest.mark.parametrize(
    "expected",
    [
        ["One. ", "Two? ", "Three! ", "Four"],
        ["It costs 3.50 a day. ", "Or more."],
        ["The U.S.A. won. ", "Really."],
        ["See p. 4, i.e. there. ", "Done."],
        ["He said “No.” ", "She left."],
        ["今日は。", "明日は。"],
        ["Line one\n", "line two\r\n", "three"],
        ["Wait... what"],
        ["Да. ", "Нет. ", "«Может.» ", "Конец"],
        ["क्या? ", "हाँ। ", "नहीं।"],
        [],
    ],
)
def test_sentences(expected):
    assert split("".join(expected)) == expected


ALPHABET = 'aA1.,!? \n\r\u2029"”)(。日́\u200dΣж:;-\t'


@given(text=st.text(alphabet=ALPHABET, max_size=40))
@settings(max_examples=300)
@example(text="a.\u0301B")
@example(text="\r\u0301a. A")
def test_as_the_plain_implementation_finds_them(text):
    assert split(text) == list(sentences(text))


def test_signs_of_no_class_may_stand_before_the_small_letter_of_rule_8():
    """uniseg leaves them out of the rule, the standard does not."""
    assert split("Approx. # five. # Six") == ["Approx. # five. ", "# Six"]


def test_a_long_text_without_an_end():
    assert sentence_ends(". " * 50_000) == [100_000]
    assert sentence_ends("a" * 100_000) == [100_000]
