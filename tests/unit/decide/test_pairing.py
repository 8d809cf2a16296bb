from dataclasses import replace

import numpy as np

from gate_answers import answers
from leanglot.decide.pairing import differences

ONE = answers(["de", "de", "th"], [1, 0, 1], group=["a", "a", "b"])


def test_the_same_examples_have_no_differences_whatever_the_answers():
    assert differences(ONE, answers(["de", "de", "th"], [0, 0, 0], group=["a", "a", "b"])) == ()


def test_other_numbers_are_told_by_language():
    assert differences(ONE, answers(["de", "th", "th", "sw"], [1, 1, 1, 1])) == (
        "numbers of examples: de 2 and 1, sw 0 and 1, th 1 and 2; 3 and 4 in all",
    )
    many = answers([f"x{letter}" for letter in "abcdefgh"], [1] * 8)
    assert "xc 0 and 1 and 5 languages more; 3 and 8 in all" in differences(ONE, many)[0]


def test_another_order_is_told_as_one():
    swapped = answers(["th", "de", "de"], [1, 1, 1], group=["b", "a", "a"])
    swapped = replace(swapped, index=np.array([2, 0, 1]))
    assert differences(ONE, swapped) == ("the same 3 examples stand in another order",)


def test_other_labels_are_told_with_the_first():
    other = replace(ONE, label=("lights", "weather", "lights"))
    assert differences(ONE, other) == ("the label of 1 of 3 examples, first in row 2: 'lights' and 'weather'",)


def test_languages_in_another_order_are_told():
    other = answers(["de", "th", "de"], [1, 1, 1], group=["a", "a", "b"])
    assert differences(ONE, other) == ("the language of 2 of 3 examples, first in row 2: 'de' and 'th'",)


def test_groups_are_compared():
    other = replace(ONE, group=("a", "c", "b"))
    assert differences(ONE, other) == ("the group of 1 of 3 examples, first in row 2: 'a' and 'c'",)
    assert differences(ONE, replace(ONE, group=None)) == ("the first has 2 groups, the second no groups",)
    assert differences(replace(ONE, group=None), ONE) == ("the first has no groups, the second 2 groups",)


def test_other_numbers_of_examples_are_told():
    assert differences(ONE, replace(ONE, index=np.array([0, 1, 5])))[0].startswith("the number of 1 of 3 examples")
