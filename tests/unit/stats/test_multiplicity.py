import pytest

from leanglot.stats.multiplicity import holm


def test_holm_gives_the_textbook_adjustment():
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})


def test_what_was_not_tested_counts_neither_as_a_test_nor_as_a_pass():
    assert holm({"a": 0.02, "b": None, "c": 0.5}) == {"a": 0.04, "b": None, "c": 0.5}
    assert holm({"a": None}) == {"a": None}
    assert holm({}) == {}


def test_adjusted_values_stay_at_most_one():
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
