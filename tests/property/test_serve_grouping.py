"""Groups of like length: all texts once, within the budget, and no cheaper grouping in order of length."""

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from leanglot.serve.grouping import by_length

LENGTHS = st.lists(st.integers(1, 64), min_size=1, max_size=40)


@given(LENGTHS, st.integers(8, 200), st.integers(0, 60))
def test_each_text_is_in_one_group_within_the_budget(lengths, budget, call):
    groups = by_length(lengths, budget, call)
    assert sorted(position for group in groups for position in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[position] for position in group) <= budget


def cost(groups, lengths, call):
    return sum(call + len(group) * max(lengths[position] for position in group) for group in groups)


@given(st.lists(st.integers(1, 64), min_size=1, max_size=9), st.integers(0, 60))
def test_no_cut_of_the_sorted_lengths_is_cheaper(lengths, call):
    ordered = tuple(sorted(lengths))

    @cache
    def cheapest(start):
        if start == len(ordered):
            return 0
        ends = range(start + 1, len(ordered) + 1)
        return min(call + (end - start) * ordered[end - 1] + cheapest(end) for end in ends)

    assert cost(by_length(lengths, 10**6, call), lengths, call) == cheapest(0)


def test_texts_of_one_length_are_one_group():
    assert by_length([7] * 5, 1000) == [[0, 1, 2, 3, 4]]


def test_one_long_text_does_not_pad_many_short_ones():
    assert by_length([5, 60, 5, 5, 5, 6], 1000) == [[0, 2, 3, 4, 5], [1]]
