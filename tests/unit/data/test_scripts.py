"""The script of a text."""

import pytest
from fontTools import unicodedata
from hypothesis import given
from hypothesis import strategies as st

from leanglot.data.scripts import main_script


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("turn on the lights", "Latn"),
        ("zapal światła", "Latn"),
        ("включи свет", "Cyrl"),
        ("बत्ती चालू करो", "Deva"),  # its vowel signs are marks, not letters
        ("打开灯", "Hani"),
        ("電気をつけてください", "Hira"),
        ("コーヒー", "Kana"),  # the long mark belongs to two scripts
        ("불을 켜 주세요", "Hang"),
        ("เปิดไฟ", "Thai"),
        ("Включи WLAN", "Cyrl"),
        ("WLANé вкл", "Latn"),
        ("21 °C", "Latn"),
        ("21 °", "Zyyy"),
        ("12:30 !", "Zyyy"),
        ("😀👍🏽", "Zyyy"),
        ("", "Zyyy"),
        ("aя", "Latn"),
        ("яa", "Cyrl"),
    ],
)
def test_the_script_is_that_of_most_letters(text, script):
    assert main_script(text) == script


@given(st.text())
def test_it_agrees_with_counting_every_letter_by_itself(text):
    scripts = [unicodedata.script(character) for character in text if character.isalpha()]
    told = [script for script in scripts if script not in {"Zyyy", "Zinh", "Zzzz"}]
    most = max(map(told.count, told), default=0)
    expected = {script for script in told if told.count(script) == most} or {"Zyyy"}
    assert main_script(text) in expected
