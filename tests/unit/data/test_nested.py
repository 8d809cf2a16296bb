from collections import Counter

import pytest

from leanglot.data.examples import Examples
from leanglot.data.nested import doubling, nested_samples
from leanglot.errors import DataError


def examples(sizes):
    rows = [(f"{tag} {number}", f"l{number % 3}", tag) for tag, size in sizes.items() for number in range(size)]
    texts, labels, languages = zip(*rows, strict=True)
    return Examples(texts, labels, languages)


def test_each_set_is_a_part_of_the_next_and_as_large_as_asked_for():
    drawn = nested_samples(examples({"de": 50, "en": 30, "th": 20}), [12, 30, 100, 60], 3)
    assert [len(each) for each in drawn.values()] == list(drawn) == [12, 30, 60, 100]
    sets = [set(each.texts) for each in drawn.values()]
    assert sets[0] < sets[1] < sets[2] < sets[3]


def test_languages_are_balanced_as_far_as_they_reach():
    drawn = nested_samples(examples({"de": 50, "en": 30, "sw": 4}), [12, 44], 0)
    assert Counter(drawn[12].languages) == {"de": 4, "en": 4, "sw": 4}
    assert Counter(drawn[44].languages) == {"de": 20, "en": 20, "sw": 4}


def test_a_size_does_not_depend_on_the_others():
    given = examples({"de": 50, "en": 30, "th": 20})
    assert nested_samples(given, [12, 60], 3)[12].texts == nested_samples(given, [12], 3)[12].texts


def test_labels_keep_their_shares_and_groups_take_turns():
    texts = tuple(f"t{number}" for number in range(60))
    labels = tuple("often" if number < 48 else "seldom" for number in range(60))
    groups = tuple(f"g{number // 4}" for number in range(60))
    given = Examples(texts, labels, ("de",) * 60, groups)
    drawn = nested_samples(given, [15, 30], 0)
    assert Counter(drawn[15].labels) == {"often": 12, "seldom": 3}
    assert Counter(drawn[30].labels) == {"often": 24, "seldom": 6}
    assert max(Counter(drawn[15].groups).values()) == 1


def test_the_seed_decides():
    given = examples({"de": 50, "en": 30})
    assert nested_samples(given, [10], 1)[10].texts == nested_samples(given, [10], 1)[10].texts
    assert nested_samples(given, [10], 1)[10].texts != nested_samples(given, [10], 2)[10].texts


@pytest.mark.parametrize("sizes", [[], [0, 5], [5, 5], [-1]])
def test_sizes_that_cannot_be_drawn(sizes):
    with pytest.raises(DataError, match="cannot be drawn"):
        nested_samples(examples({"de": 50}), sizes, 0)


def test_more_than_there_are_is_refused_with_both_numbers():
    with pytest.raises(DataError, match=r"51 examples is asked for, and there are 50"):
        nested_samples(examples({"de": 50}), [10, 51], 0)


@pytest.mark.parametrize(
    ("available", "languages", "sizes"),
    [
        (1500, 3, (250, 500, 1000, 1500)),
        (1000, 3, (250, 500, 1000)),
        (100, 3, (100,)),
        (2000, 200, (800, 1600, 2000)),
    ],
)
def test_sizes_double_up_to_all(available, languages, sizes):
    assert doubling(available, languages) == sizes
