"""The stored translations of schema version 1 stay readable, and mean the same."""

from dataclasses import fields

import numpy as np
import pytest
from build_translations import GOLDEN, build

from leanglot.measure.translation_quality import pair_quality
from leanglot.results.translation_store import read_translations


@pytest.fixture(scope="module")
def stored():
    return read_translations(GOLDEN)


def test_the_builder_still_scores_so(stored):
    built = build()
    for field in fields(built):
        mine, theirs = getattr(built, field.name), getattr(stored, field.name)
        if field.name == "failed":
            assert {kind: each.tolist() for kind, each in mine.items()} == {
                kind: each.tolist() for kind, each in theirs.items()
            }
        elif isinstance(mine, np.ndarray):
            assert np.allclose(mine, theirs, rtol=1e-12)
        else:
            assert mine == theirs


def test_what_is_stored_means_the_same(stored):
    found = {kind: np.flatnonzero(shown).tolist() for kind, shown in stored.failed.items()}
    assert (found["copied"], found["empty"], found["repetition"], found["unfinished"]) == ([1], [3], [4], [2])
    qualities = pair_quality(stored, copying=False)
    assert {
        pair: (each.n, round(100 * each.chrf, 2), round(100 * each.bleu, 2)) for pair, each in qualities.items()
    } == {
        "de→en": (1, 31.26, 8.39),
        "en→de": (2, 43.69, 21.19),
        "en→ja": (2, 31.12, 19.39),
    }
