"""Parallel examples: their pairs, digests, subsets and summary."""

import pytest

from leanglot.data.parallel import ParallelExamples, summarize_parallel
from leanglot.errors import DataError

ROWS = ParallelExamples(
    ("Open", "Close", "Zu", "Open"),
    ("Auf", "Zu", "Close", "開く"),
    ("en", "en", "de", "en"),
    ("de", "de", "en", "ja"),
    ("door", "door", "door", "lock"),
)


def test_pairs_take_the_place_of_languages():
    assert ROWS.pairs == ("en→de", "en→de", "de→en", "en→ja")
    assert {pair: list(places) for pair, places in ROWS.by_pair().items()} == {
        "de→en": [2],
        "en→de": [0, 1],
        "en→ja": [3],
    }


def test_a_subset_keeps_order_and_groups():
    chosen = ROWS.subset([3, 0])
    assert chosen.references == ("開く", "Auf")
    assert chosen.groups == ("lock", "door")
    with pytest.raises(IndexError):
        ROWS.subset([4])


def test_every_column_shapes_the_digest():
    columns = [ROWS.sources, ROWS.references, ROWS.source_languages, ROWS.target_languages, ROWS.groups]
    digests = {ROWS.digest(), ParallelExamples(*columns[:4]).digest()}
    for place in range(5):
        changed = [*columns]
        changed[place] = (*columns[place][:-1], "fr")
        digests.add(ParallelExamples(*changed).digest())
    assert len(digests) == 7


def test_columns_of_different_length_are_refused():
    with pytest.raises(DataError, match="differ in length: 1, 2"):
        ParallelExamples(("a", "b"), ("c",), ("en", "en"), ("de", "de"))


def test_a_pair_of_one_language_is_refused():
    with pytest.raises(DataError, match="the same, en"):
        _ = ParallelExamples(("a",), ("b",), ("en",), ("en",)).pairs


def test_the_summary_counts_by_pair():
    summary = summarize_parallel(ROWS, "strings.jsonl", ["one note"])
    assert summary.examples == {"de→en": 1, "en→de": 2, "en→ja": 1}
    assert summary.groups == {"de→en": 1, "en→de": 1, "en→ja": 1}
    assert (summary.labels, summary.notes) == ((), ("one note",))
