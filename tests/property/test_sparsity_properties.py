"""What holds for every search for the highest sparsity, whatever the course of the losses."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leanglot.tune.requirement import Requirement, undecided_languages
from leanglot.tune.sparsity import Attempt, search

TOTAL = 128
LOST = st.integers(0, 8)


def searched(lost, **changes):
    """A search over as many levels as there are losses; answers of one language are lost at each."""
    levels = tuple((place + 1) / TOTAL for place in range(len(lost)))
    needed = Requirement(["de"] * 200, np.ones(200, dtype=bool), **changes)
    asked = []

    def attempt(sparsity):
        asked.append(sparsity)
        return Attempt(np.arange(200) >= lost[levels.index(sparsity)], sparsity)

    return search("heads", levels, attempt, needed), levels, asked


@given(st.lists(LOST, min_size=1, max_size=TOTAL - 1))
def test_what_is_found_is_within_and_the_next_above_was_tried_and_is_not(lost):
    found, levels, asked = searched(lost)
    tried = {probe.sparsity: probe.within for probe in found.probes}
    assert tried == {level: lost[levels.index(level)] <= 2 for level in asked}
    place = -1 if found.sparsity is None else levels.index(found.sparsity)
    assert place < 0 or tried[levels[place]]
    assert not any(within for sparsity, within in tried.items() if place < 0 or sparsity > levels[place])
    assert place + 1 == len(levels) or tried[levels[place + 1]] is False
    assert found.outcome == ("none" if place < 0 else "all" if place + 1 == len(levels) else "found")
    assert set(found.verdicts) == (set() if place < 0 else {"de"})


@given(st.lists(LOST, min_size=1, max_size=TOTAL - 1))
def test_where_more_hurts_more_the_highest_of_all_is_found(lost):
    lost = sorted(lost)
    found, levels, asked = searched(lost)
    within = [level for level, number in zip(levels, lost, strict=True) if number <= 2]
    assert found.sparsity == (within[-1] if within else None)
    assert len(asked) == len(set(asked)) <= 3 + 5
    assert found.model_validate_json(found.model_dump_json()) == found


@given(st.lists(LOST, min_size=1, max_size=40), st.floats(0.006, 0.5), st.floats(0.006, 0.5))
def test_a_larger_allowance_never_finds_less_where_more_hurts_more(lost, one, other):
    found = [searched(sorted(lost), max_drop=drop)[0].sparsity or 0 for drop in sorted((one, other))]
    assert found[0] <= found[1]


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(1, 400), min_size=1), st.floats(0.001, 0.9))
def test_no_single_answer_of_a_decided_language_moves_more_than_is_allowed(counts, drop):
    alone = undecided_languages(counts, drop, worst_language=True)
    together = undecided_languages(counts, drop, worst_language=False)
    assert set(together) <= set(alone)
    assert all(1 / counts[tag] <= drop * (1 + 1e-6) for tag in set(counts) - set(alone))
    left = set(counts) - set(together)
    assert all(1 / (counts[tag] * len(left)) <= drop * (1 + 1e-6) for tag in left)
