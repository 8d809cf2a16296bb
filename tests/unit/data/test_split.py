"""Smaller sets of examples are drawn evenly."""

from collections import Counter

import pytest

from leanglot.data.examples import Examples
from leanglot.data.split import sample_balanced, sample_per_language
from leanglot.errors import DataError


def made(sizes, labels=("on", "off"), groups=None):
    """Examples with unique texts: ``sizes`` of each language, labels and groups in turn."""
    rows = [(f"{tag} {i}", labels[i % len(labels)], tag) for tag, size in sizes.items() for i in range(size)]
    texts, names, tags = zip(*rows, strict=True)
    clusters = None if groups is None else tuple(groups(i) for size in sizes.values() for i in range(size))
    return Examples(texts, names, tags, clusters)


def test_each_language_gives_at_most_the_limit():
    sample = sample_per_language(made({"de": 50, "en": 8, "sw": 3}), limit=8, seed=1)
    assert Counter(sample.languages) == {"de": 8, "en": 8, "sw": 3}


def test_labels_keep_their_share():
    sample = sample_per_language(made({"de": 100}, labels=("a", "a", "a", "b")), limit=20, seed=1)
    assert Counter(sample.labels) == {"a": 15, "b": 5}


def test_a_rare_label_is_kept():
    sample = sample_per_language(made({"de": 100}, labels=("a",) * 99 + ("b",)), limit=10, seed=1)
    assert Counter(sample.labels) == {"a": 9, "b": 1}


def test_every_group_gives_one_before_any_gives_two():
    examples = made({"de": 100}, labels=("a",), groups=lambda i: "large" if i < 91 else f"small{i}")
    sample = sample_per_language(examples, limit=10, seed=1)
    assert sorted(Counter(sample.groups).values()) == [1] * 10
    sample = sample_per_language(examples, limit=12, seed=1)
    assert Counter(sample.groups)["large"] == 3


def test_the_old_order_is_kept():
    examples = made({"de": 50, "en": 50})
    sample = sample_per_language(examples, limit=10, seed=1)
    positions = [examples.texts.index(text) for text in sample.texts]
    assert positions == sorted(positions)


def test_the_seed_decides():
    examples = made({"de": 50})
    assert sample_per_language(examples, 10, seed=1) == sample_per_language(examples, 10, seed=1)
    assert sample_per_language(examples, 10, seed=1) != sample_per_language(examples, 10, seed=2)


def test_a_language_is_drawn_the_same_whatever_the_others():
    alone = sample_per_language(made({"de": 50}), limit=10, seed=1)
    together = sample_per_language(made({"de": 50, "ar": 30, "zu": 9}), limit=10, seed=1)
    assert [text for text in together.texts if text.startswith("de")] == list(alone.texts)


def test_uniform_gives_each_language_the_same():
    sample = sample_balanced(made({"de": 900, "en": 50, "sw": 40}), n=90, seed=1)
    assert Counter(sample.languages) == {"de": 30, "en": 30, "sw": 30}


def test_uniform_passes_on_what_a_small_language_lacks():
    sample = sample_balanced(made({"de": 900, "en": 50, "sw": 5}), n=65, seed=1)
    assert Counter(sample.languages) == {"de": 30, "en": 30, "sw": 5}


def test_proportional_keeps_shares_and_every_language():
    sample = sample_balanced(made({"de": 900, "en": 99, "sw": 1}), n=100, seed=1, by="proportional")
    assert Counter(sample.languages) == {"de": 89, "en": 10, "sw": 1}


@pytest.mark.parametrize(
    ("temperature", "counts"), [(1, {"de": 64, "en": 8}), (3, {"de": 48, "en": 24}), (100, {"de": 36, "en": 36})]
)
def test_temperature_lies_between_proportional_and_uniform(temperature, counts):
    sample = sample_balanced(made({"de": 640, "en": 80}), n=72, seed=1, by="temperature", temperature=temperature)
    assert Counter(sample.languages) == counts


def test_traffic_takes_the_shares_given():
    shares = {"en": 6, "sw": 3, "de": 1, "fr": 5}
    sample = sample_balanced(
        made({"de": 900, "en": 90, "sw": 50, "th": 50}), n=50, seed=1, by="traffic", traffic=shares
    )
    assert Counter(sample.languages) == {"en": 30, "sw": 15, "de": 5}


def test_what_a_language_lacks_goes_to_the_others_by_their_weights():
    shares = {"en": 0.8, "sw": 0.1, "de": 0.1}
    sample = sample_balanced(made({"de": 900, "en": 10, "sw": 50}), n=50, seed=1, by="traffic", traffic=shares)
    assert Counter(sample.languages) == {"en": 10, "sw": 20, "de": 20}
    alone = sample_balanced(made({"de": 900, "en": 10}), n=50, seed=1, by="traffic", traffic={"en": 1.0})
    assert Counter(alone.languages) == {"en": 10}


def test_a_language_with_little_traffic_is_not_forgotten():
    shares = {"de": 0.999, "en": 0.001}
    sample = sample_balanced(made({"de": 90, "en": 90}), n=10, seed=1, by="traffic", traffic=shares)
    assert Counter(sample.languages) == {"de": 9, "en": 1}


@pytest.mark.parametrize("shares", [None, {}, {"th": 1.0}])
def test_traffic_needs_a_language_with_examples(shares):
    with pytest.raises(DataError, match="No language of the traffic") as caught:
        sample_balanced(made({"de": 9, "en": 9}), n=2, seed=1, by="traffic", traffic=shares)
    assert "de, en" in caught.value.hint


@pytest.mark.parametrize("by", ["uniform", "proportional"])
def test_fewer_examples_than_languages(by):
    assert len(sample_balanced(made({"de": 9, "en": 9, "sw": 9}), n=2, seed=1, by=by)) == 2


@pytest.mark.parametrize("by", ["uniform", "proportional"])
def test_more_than_there_is_gives_all(by):
    examples = made({"de": 5, "en": 2})
    assert sample_balanced(examples, n=100, seed=1, by=by) == examples


@pytest.mark.parametrize("number", [0, -1])
def test_nothing_cannot_be_drawn(number):
    with pytest.raises(DataError, match=str(number)):
        sample_per_language(made({"de": 5}), number, seed=1)
    with pytest.raises(DataError, match=str(number)):
        sample_balanced(made({"de": 5}), number, seed=1)
