"""What holds for every draw of examples."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from leanglot.data.examples import Examples
from leanglot.data.split import sample_balanced, sample_per_language

ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["de", "en", "sw"]), st.sampled_from("ghij")),
    min_size=1,
    max_size=60,
)


def examples_of(rows):
    labels, languages, groups = zip(*rows, strict=True)
    return Examples(tuple(str(i) for i in range(len(rows))), labels, languages, groups)


@given(ROWS, st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_a_limited_sample_is_a_subset_of_exact_size(rows, limit, seed):
    examples = examples_of(rows)
    sample = sample_per_language(examples, limit, seed)
    before, after = Counter(examples.languages), Counter(sample.languages)
    assert after == {tag: min(limit, count) for tag, count in before.items()}
    positions = [int(text) for text in sample.texts]
    assert positions == sorted(set(positions))
    assert sample == examples.subset(positions)


BALANCES = st.sampled_from(["uniform", "proportional", "temperature"])


@given(ROWS, st.integers(1, 80), st.integers(0, 2**32 - 1), BALANCES)
def test_a_balanced_sample_has_exactly_the_number_asked(rows, n, seed, by):
    examples = examples_of(rows)
    sample = sample_balanced(examples, n, seed, by=by, temperature=3.0)
    assert len(sample) == min(n, len(examples))
    assert len(set(sample.texts)) == len(sample)
    if n >= len(set(examples.languages)):
        assert set(sample.languages) == set(examples.languages)


@given(ROWS, st.integers(1, 80), st.integers(0, 2**32 - 1))
def test_uniform_counts_differ_by_one_at_most_where_supply_allows(rows, n, seed):
    examples = examples_of(rows)
    supply, drawn = Counter(examples.languages), Counter(sample_balanced(examples, n, seed).languages)
    largest = max(drawn.values())
    assert all(drawn[tag] >= largest - 1 for tag in supply if drawn[tag] < supply[tag])


SHARES = st.dictionaries(st.sampled_from(["de", "en", "sw", "th"]), st.floats(1e-6, 1e6), min_size=1)


@given(ROWS, st.integers(1, 80), st.integers(0, 2**32 - 1), SHARES)
def test_traffic_is_followed_as_far_as_there_are_examples(rows, n, seed, shares):
    examples = examples_of(rows)
    supply = {tag: size for tag, size in Counter(examples.languages).items() if tag in shares}
    if not supply:
        return
    drawn = Counter(sample_balanced(examples, n, seed, by="traffic", traffic=shares).languages)
    assert drawn.total() == min(n, sum(supply.values()))
    assert set(drawn) == set(supply) if n >= len(supply) else set(drawn) <= set(supply)
    open_ = [tag for tag in supply if drawn[tag] < supply[tag]]
    # Between two languages that could give more, numbers are as their shares, but for rounding and the one for each.
    for tag in open_:
        for other in open_:
            if shares[tag] >= shares[other]:
                assert drawn[tag] >= drawn[other] - 1


@given(ROWS, st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_labels_are_drawn_within_one_of_their_share(rows, limit, seed):
    examples = examples_of([(label, "en", group) for label, _, group in rows])
    sample = sample_per_language(examples, limit, seed)
    share = len(sample) / len(examples)
    before, after = Counter(examples.labels), Counter(sample.labels)
    # A label raised to one example takes it from another, so a share can move by the number of labels.
    assert all(abs(after[label] - share * count) <= len(before) for label, count in before.items())
    if len(sample) >= len(before):
        assert set(after) == set(before)


@given(ROWS, st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_no_group_repeats_before_all_were_used(rows, limit, seed):
    examples = examples_of([("same", "en", group) for _, _, group in rows])
    sample = sample_per_language(examples, limit, seed)
    supply, drawn = Counter(examples.groups), Counter(sample.groups)
    most = max(drawn.values())
    assert all(drawn[group] >= min(supply[group], most - 1) for group in supply)
