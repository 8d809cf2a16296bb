"""Examples keep their columns together."""

import numpy as np
import pytest

from leanglot.data.examples import Examples, summarize
from leanglot.errors import DataError


@pytest.fixture
def examples():
    return Examples(
        texts=("hallo", "hi", "licht an", "light on"),
        labels=("greet", "greet", "on", "on"),
        languages=("de", "en", "de", "en"),
        groups=("a", "b", "a", "c"),
    )


@pytest.mark.parametrize("column", ["texts", "labels", "languages", "groups"])
def test_columns_must_be_equally_long(column):
    columns = dict.fromkeys(("texts", "labels", "languages", "groups"), ("x", "y"))
    with pytest.raises(DataError, match=f"1 {column}"):
        Examples(**{**columns, column: ("x",)})


def test_a_subset_keeps_the_columns_aligned_in_the_order_asked(examples):
    subset = examples.subset(np.array([3, 0]))
    assert subset == Examples(("light on", "hallo"), ("on", "greet"), ("en", "de"), ("c", "a"))
    assert len(examples.subset([])) == 0


def test_a_subset_without_groups_has_none():
    assert Examples(("x",), ("l",), ("en",)).subset([0]).groups is None


@pytest.mark.parametrize("position", [-1, 4])
def test_a_position_outside_is_an_error(examples, position):
    with pytest.raises(IndexError, match=r"\[0, 4\)"):
        examples.subset([position])


def test_positions_by_language_are_ascending_and_sorted_by_tag(examples):
    by_language = examples.by_language()
    assert list(by_language) == ["de", "en"]
    assert by_language["de"].tolist() == [0, 2]
    assert by_language["en"].tolist() == [1, 3]
    assert by_language["en"].dtype == np.int64


def test_no_examples_have_no_languages():
    assert Examples((), (), ()).by_language() == {}


def test_the_digest_is_stable(examples):
    assert examples.digest() == "d3fc78e1285dae9524e0a903f90a01bb7bdfb784f50ac441b9a05d7d548011dc"


@pytest.mark.parametrize(
    "other",
    [
        Examples(("a", "b"), ("l", "l"), ("en", "en"), ("g", "g")),
        Examples(("b", "a"), ("l", "l"), ("en", "en")),
        Examples(("a", "b"), ("l", "m"), ("en", "en")),
        Examples(("a", "b"), ("l", "l"), ("en", "de")),
        Examples(("a",), ("l",), ("en",)),
        Examples(('a", "l', "b"), ("l", "l"), ("en", "en")),
    ],
)
def test_the_digest_tells_every_column_and_the_order(other):
    assert other.digest() != Examples(("a", "b"), ("l", "l"), ("en", "en")).digest()


def test_an_empty_group_is_not_a_missing_one():
    with_group = Examples(("a",), ("l",), ("en",), ("",))
    assert with_group.digest() != Examples(("a",), ("l",), ("en",)).digest()


def test_the_summary_counts_examples_and_groups_by_language(examples):
    summary = summarize(examples, "test.jsonl", ["greet", "on"], ["One note."])
    assert summary.examples == {"de": 2, "en": 2}
    assert summary.groups == {"de": 1, "en": 2}
    assert summary.labels == ("greet", "on")
    assert summary.notes == ("One note.",)
    assert summary.digest == examples.digest()


def test_the_summary_without_groups_counts_none():
    assert summarize(Examples(("a",), ("l",), ("en",)), "x", ["l"]).groups == {}
