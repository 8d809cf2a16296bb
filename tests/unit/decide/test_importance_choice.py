"""Importance over languages: what one language needs counts, and exactly the asked share goes."""

import numpy as np
import pytest

from leanglot.decide.importance import choose, combine, floor_share, normalize
from leanglot.errors import DataError, ModelError


def layers(*rows):
    return tuple(np.asarray(row, dtype=float) for row in rows)


SCORES = {"en": layers([8, 2], [5, 5]), "th": layers([0.1, 0.3], [0.1, 0.0])}


def test_each_language_is_scaled_to_sum_to_one():
    shares = normalize(SCORES)
    assert [[list(row) for row in shares[tag]] for tag in ("en", "th")] == [
        [pytest.approx([0.4, 0.1]), pytest.approx([0.25, 0.25])],
        [pytest.approx([0.2, 0.6]), pytest.approx([0.2, 0.0])],
    ]


@pytest.mark.parametrize(
    ("how", "traffic", "expected"),
    [
        ("worst", None, [[0.4, 0.6], [0.25, 0.25]]),
        ("mean", None, [[0.3, 0.35], [0.225, 0.125]]),
        ("traffic", {"en": 3, "th": 1}, [[0.35, 0.225], [0.2375, 0.1875]]),
        ("traffic", {"EN": 2}, [[0.4, 0.1], [0.25, 0.25]]),
        ("traffic", {"en": 0.5, "eng": 0.25, "th": 0.25}, [[0.35, 0.225], [0.2375, 0.1875]]),
    ],
)
def test_the_languages_become_one(how, traffic, expected):
    combined = combine(SCORES, how, traffic)
    assert [list(row) for row in combined] == [pytest.approx(row) for row in expected]


def test_traffic_counts_for_traffic_only():
    assert [list(row) for row in combine(SCORES, "mean", {"en": 1})] == [list(row) for row in combine(SCORES, "mean")]


def test_traffic_without_texts_is_refused():
    with pytest.raises(DataError, match=r"traffic in sw, and no text to measure importance on") as caught:
        combine(SCORES, "traffic", {"en": 0.5, "sw": 0.5})
    assert "There are texts in en, th." in str(caught.value.hint)


def test_traffic_of_nothing_is_refused():
    with pytest.raises(DataError, match="sum to zero"):
        combine(SCORES, "traffic", {"en": 0.0})


@pytest.mark.parametrize("broken", [[np.nan, 1], [np.inf, 1], [-1, 3]])
def test_scores_that_are_no_scores_are_refused(broken):
    with pytest.raises(ModelError, match="importance of heads on the texts in th is not finite, or negative"):
        combine({**SCORES, "th": layers(broken, [1, 1])}, "worst", what="heads")


def test_a_language_that_needs_nothing_is_told_not_ignored():
    with pytest.raises(ModelError, match="answers to the texts in th depend on none of the heads"):
        combine({**SCORES, "th": layers([0, 0], [0, 0])}, "worst", what="heads")


def test_no_language_is_refused():
    with pytest.raises(DataError, match="measured in no language"):
        combine({}, "mean")


def test_one_ranking_takes_the_lowest_wherever_they_are():
    assert choose(layers([5, 1, 6, 2], [9, 8, 3, 7]), 0.375) == ((0, 2), (0, 1, 3))


def test_each_layers_own_ranking_takes_the_same_share_of_each():
    assert choose(layers([5, 1, 6, 2], [90, 80, 30, 70]), 0.5, "layer") == ((0, 2), (0, 1))


def test_each_layer_keeps_its_most_important_units():
    low = layers([1, 2, 3], [10, 20, 30])
    assert choose(low, 0.5) == ((2,), (1, 2))
    assert choose(low, 0.99, keep_at_least=2) == ((1, 2), (1, 2))


def test_of_equal_units_the_first_go():
    assert choose(layers([1, 1, 1], [1, 1, 1]), 0.5) == ((2,), (1, 2))


@pytest.mark.parametrize(("share", "total", "expected"), [(0.29, 100, 29), (0.3, 10, 3), (0.7, 12, 8), (0.999, 12, 11)])
def test_shares_are_rounded_down_whatever_the_last_bit(share, total, expected):
    assert floor_share(share, total) == expected


def test_kept_counts_are_multiples():
    scores = layers(range(10), range(100, 110))
    assert choose(scores, 0.3, multiple=4) == (tuple(range(6, 10)), tuple(range(10)))
    assert choose(scores, 0.25, multiple=4) == (tuple(range(2, 10)), tuple(range(10)))


def test_a_portion_that_would_exceed_the_share_stays():
    assert [len(some) for some in choose(layers(range(8), range(8)), 0.7, multiple=4)] == [4, 4]
    assert [len(some) for some in choose(layers(range(8)), 0.49, multiple=4)] == [8]


def test_portions_are_ranked_by_their_mean():
    scores = layers([0, 10, 20, 20], [4, 4, 20, 20])
    assert choose(scores, 0.25, multiple=2) == ((0, 1, 2, 3), (2, 3))


def test_a_layer_narrower_than_the_multiple_loses_nothing():
    assert choose(layers([1, 1, 1], range(9, 25)), 0.5, multiple=8) == ((0, 1, 2), tuple(range(8, 16)))
