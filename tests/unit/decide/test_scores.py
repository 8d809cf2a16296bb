import math

import numpy as np
import pytest

from leanglot.decide.scores import scale_of, split_by_language
from leanglot.errors import DataError


class Arrow:
    """Stands for pandas and Arrow columns: anything that numpy can convert."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


def test_examples_are_split_by_language_and_keep_their_pairing():
    scores = split_by_language([1, 0, 1], [0, 0, 1], ["sw", "de", "sw"], None)
    assert list(scores) == ["de", "sw"]
    assert scores["sw"].differences.tolist() == [1.0, 0.0]
    assert scores["sw"].groups is None


@pytest.mark.parametrize(
    "values", [[True, False], np.array([1, 0], dtype=np.int8), np.array([1.0, 0.0]), Arrow([1, 0]), (1, 0)]
)
def test_many_kinds_of_arrays_are_taken(values):
    scores = split_by_language(values, values, Arrow(["de", "de"]), None)
    assert scores["de"].baseline.tolist() == [1.0, 0.0]


def test_groups_of_several_types_stay_apart():
    scores = split_by_language([1] * 4, [1] * 4, ["de"] * 4, [1, "1", 2**53, 2**53 + 1])
    assert scores["de"].groups is None  # four groups of one


def test_a_group_is_scoped_within_its_language():
    scores = split_by_language([1] * 4, [1] * 4, ["de", "de", "fr", "fr"], [7, 7, 7, 8])
    assert scores["de"].groups.tolist() == [0, 0]
    assert scores["fr"].groups is None  # two groups of one


@pytest.mark.parametrize(
    ("baseline", "candidate", "languages", "groups", "message"),
    [
        ([], [], [], None, "no examples"),
        ([1, 0], [1], ["de", "de"], None, "baseline 2, candidate 1, languages 2"),
        ([1, 0], [1, 0], ["de", "de"], [1], "groups 1"),
        ([1, np.nan], [1, 0], ["de", "sw"], None, r"baseline score at position 1 \(sw\)"),
        ([1, 0], [np.inf, 0], ["de", "sw"], None, r"candidate score at position 0 \(de\)"),
        ([1, None], [1, 0], ["de", "sw"], None, r"baseline score at position 1 \(sw\) is None"),
        (["1", "0"], [1, 0], ["de", "sw"], None, "baseline score at position 0"),
        ([1 + 2j, 0], [1, 0], ["de", "sw"], None, "baseline score at position 0"),
        ([[1, 0]], [1, 0], ["de", "sw"], None, "2 dimensions"),
        ([1, 0], [1, 0], "de", None, "0 dimensions"),
        ([1, 0], [1, 0], ["de", ""], None, "language at position 1"),
        ([1, 0], [1, 0], ["de", None], None, "language at position 1 is None"),
        ([1, 0], [1, 0], ["de", "sw"], ["a", None], r"group at position 1 \(sw\) is None"),
        ([1, 0], [1, 0], ["de", "sw"], [1.0, np.nan], r"group at position 1 \(sw\) is nan"),
        ([1, 0], [1, 0], ["de", "sw"], ["", "a"], r"group at position 0 \(de\)"),
        ([1, 0], [1, 0], ["de", math.nan], None, "language at position 1 is nan"),
        ([1, 0], [1, 0], ["de", 5], None, "language at position 1 is 5"),
        ([1, 0], [1, 0], ["de", "sw"], ["a", math.nan], r"group at position 1 \(sw\) is nan"),
        ([1, "0.5"], [1, 0], ["de", "sw"], None, r"baseline score at position 1 \(sw\) is '0.5'"),
        ([1, 10**400], [1, 0], ["de", "sw"], None, "baseline score at position 1"),
        ([1, 1e200], [1, 0], ["de", "sw"], None, "baseline score at position 1"),
        (np.array([1, 2], "datetime64[ns]"), [1, 0], ["de", "sw"], None, "baseline score at position 0"),
        (np.ma.array([1, 0], mask=[0, 1]), [1, 0], ["de", "sw"], None, "masked"),
    ],
)
def test_unusable_inputs_are_named_with_their_place(baseline, candidate, languages, groups, message):
    with pytest.raises(DataError, match=message) as caught:
        split_by_language(baseline, candidate, languages, groups)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("values", "binary", "fraction", "span"),
    [
        ([0, 1, 1], True, True, 1.0),
        ([1, 1, 1], True, True, 1.0),
        ([0.2, 0.9, 1], False, True, 1.0),
        ([12.0, 61.5, 30.0], False, False, 49.5),
        ([-2.0, -2.0, -2.0], False, False, None),
    ],
)
def test_scale(values, binary, fraction, span):
    scale = scale_of(split_by_language(values, values, ["de"] * 3, None))
    assert (scale.binary, scale.fraction, scale.span) == (binary, fraction, span)
