"""References that come later: chrF as sacrebleu has it, and a bounded memory of what was translated."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sacrebleu.metrics import CHRF

from fake_pair_engine import FakePairEngine
from leanglot.serve.references import Hypotheses, sentence_chrf

PAIR = ["en→de"]
LETTERS = st.text(st.sampled_from("ab c\nä灯"), max_size=30)


@given(LETTERS, LETTERS)
@example("", "")
@example("a", "")
@example("die Lampe ist an", "die Lampe ist aus")
def test_the_chrf_of_a_sentence_is_that_of_sacrebleu(translation, reference):
    theirs = CHRF().sentence_score(translation, [reference]).score / 100
    assert sentence_chrf(translation, reference) == pytest.approx(theirs, abs=1e-9)


def answers(*texts):
    return FakePairEngine().answer(texts, PAIR * len(texts))


def test_a_translation_is_kept_until_its_reference_came():
    kept = Hypotheses()
    kept.keep(answers("one two", "three"))
    assert kept.take("id-one two") == "two one"
    assert kept.take("id-one two") is None
    assert kept.take("id-three") == "three"
    assert kept.take("never") is None


def test_the_oldest_make_room():
    kept = Hypotheses(most=2)
    kept.keep(answers("a", "b", "c"))
    assert [kept.take(f"id-{name}") for name in "abc"] == [None, "b", "c"]
    few = Hypotheses(most_characters=6)
    few.keep(answers("aaaa", "bbb", "cc"))
    assert [few.take(f"id-{name}") for name in ("aaaa", "bbb", "cc")] == [None, "bbb", "cc"]
    few.keep(answers("aaaa", "bb"))  # what was taken gave its room back
    assert [few.take("id-aaaa"), few.take("id-bb")] == ["aaaa", "bb"]


def test_a_translation_that_comes_again_under_its_identifier_counts_once():
    kept = Hypotheses(most_characters=6)
    for _ in range(5):
        kept.keep(answers("aaaa"))
    kept.keep(answers("bb"))
    assert [kept.take("id-aaaa"), kept.take("id-bb")] == ["aaaa", "bb"]


def test_labels_are_not_kept():
    kept = Hypotheses()
    kept.keep(FakePairEngine().inner.answer(["a"], PAIR))
    assert kept.take("id-a") is None
