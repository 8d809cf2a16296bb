"""What can be seen of a translation without a reference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanglot.results.monitor_baseline import OUTCOMES
from leanglot.runtimes.translation_outcome import outcome_of

SOURCE = "The lamp in the kitchen is on."


@pytest.mark.parametrize(
    ("source", "translation", "pair", "outcome"),
    [
        (SOURCE, "Die Lampe in der Küche ist an.", "en→de", "translated"),
        (SOURCE, "", "en→de", "empty"),
        (SOURCE, " \n", "en→de", "empty"),
        (SOURCE, SOURCE, "en→de", "copied"),
        (SOURCE, "the LAMP  in the kitchen is on.", "en→de", "copied"),
        ("WiFi 5 GHz", "WiFi 5 GHz", "en→de", "translated"),
        (SOURCE, "Die Lampe ist ist ist ist ist an", "en→de", "repetition"),
        (SOURCE, "Die Lampe die Lampe die Lampe die Lampe die Lampe die Lampe", "en→de", "repetition"),
        (SOURCE, "灯" * 12, "en→zh", "repetition"),
        ("Loading" + "." * 20, "Wird geladen" + "." * 20, "en→de", "translated"),
        (SOURCE, "Wait...", "en→de", "translated"),
        (f"{SOURCE} " * 9, "Küche: Lampe an. " * 9, "en→de", "translated"),
        (SOURCE, "The light is on in the kitchen", "en→ru", "wrong-language"),
        (SOURCE, "Лампа на кухне включена", "en→ru", "translated"),
        (SOURCE, "Лампа на кухне включена", "en→de", "wrong-language"),
        (SOURCE, "厨房里的灯亮着", "en→zh-Hans", "translated"),
        (SOURCE, "台所のランプがついています", "en→ja", "translated"),
        (SOURCE, "부엌의 램프가 켜져 있습니다", "en→ko", "translated"),
        (SOURCE, "OK", "en→ru", "translated"),
        (SOURCE, "123 456 789", "en→ru", "translated"),
        (SOURCE, "any words will do here", "en→qaa", "translated"),
    ],
)
def test_each_failure_is_told_by_its_name(source, translation, pair, outcome):
    assert outcome_of(source, translation, pair, finished=True) == outcome


def test_what_reached_its_bound_is_unfinished_before_all_but_empty():
    assert outcome_of(SOURCE, SOURCE, "en→de", finished=False) == "unfinished"
    assert outcome_of(SOURCE, " ", "en→de", finished=False) == "empty"


@given(st.text(max_size=200), st.text(max_size=400), st.booleans())
def test_every_translation_has_one_outcome(source, translation, finished):
    assert outcome_of(source, translation, "en→hi", finished=finished) in OUTCOMES
