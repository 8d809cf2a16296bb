import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from leanglot.stats.error_rates import ErrorCount, counted_draws, error_rate_draws

DRAWS = 6_000


@st.composite
def exams(draw):
    """Answers of two candidates to the same examples in one to three languages, in up to six groups of each."""
    languages = draw(st.lists(st.sampled_from(["de", "sw", "th"]), min_size=1, max_size=60))
    n = len(languages)
    bits = [draw(st.lists(st.booleans(), min_size=n, max_size=n)) for _ in range(2)]
    groups = draw(st.none() | st.lists(st.sampled_from("abcdef"), min_size=n, max_size=n))
    return {"one": np.array(bits[0]), "two": np.array(bits[1])}, languages, groups


@given(right=st.integers(0, 60), wrong=st.integers(0, 60))
@settings(max_examples=40)
def test_marginals_are_the_beta(right, wrong):
    if right + wrong == 0:
        return
    expected = beta(wrong + 0.5, right + 0.5)
    correct = np.array([True] * right + [False] * wrong)
    paired = error_rate_draws({"a": correct}, ["de"] * correct.size, draws=DRAWS).rates[0, 0]
    counted = counted_draws({"a": {"de": ErrorCount(wrong, right + wrong)}}, DRAWS).rates[0, 0]
    for draws in (paired, counted):
        assert abs(draws.mean() - expected.mean()) < 6 * expected.std() / DRAWS**0.5
        assert abs(draws.std() / expected.std() - 1) < 0.12


@given(exam=exams(), seed=st.integers(0, 2**32 - 1), data=st.data())
@settings(max_examples=50)
def test_the_order_of_the_examples_is_irrelevant(exam, seed, data):
    correct, languages, groups = exam
    order = data.draw(st.permutations(range(len(languages))))
    moved = error_rate_draws(
        {name: each[order] for name, each in correct.items()},
        [languages[number] for number in order],
        None if groups is None else [groups[number] for number in order],
        draws=50,
        seed=seed,
    )
    assert np.array_equal(moved.rates, error_rate_draws(correct, languages, groups, draws=50, seed=seed).rates)


@given(exam=exams())
@settings(max_examples=50)
def test_a_language_does_not_depend_on_the_others(exam):
    correct, languages, groups = exam
    whole = error_rate_draws(correct, languages, groups, draws=50)
    for place, tag in enumerate(whole.languages):
        chosen = [number for number, each in enumerate(languages) if each == tag]
        alone = error_rate_draws(
            {name: each[chosen] for name, each in correct.items()},
            [tag] * len(chosen),
            None if groups is None else [groups[number] for number in chosen],
            draws=50,
        )
        assert np.array_equal(alone.rates[:, 0], whole.rates[:, place])


@given(exam=exams())
@settings(max_examples=50)
def test_rates_are_rates_and_counts_are_counts(exam):
    correct, languages, groups = exam
    found = error_rate_draws(correct, languages, groups, draws=50)
    assert ((found.rates > 0) & (found.rates < 1)).all()
    assert found.examples[0].sum() == len(languages)
    assert found.errors.sum(axis=1).tolist() == [int((~each).sum()) for each in correct.values()]


@given(right=st.integers(1, 60), wrong=st.integers(1, 60))
@settings(max_examples=25)
def test_the_difference_of_equal_answers_spreads_less_than_of_equal_counts(right, wrong):
    correct = np.array([True] * right + [False] * wrong)
    paired = error_rate_draws({"one": correct, "two": correct}, ["de"] * correct.size, draws=DRAWS).rates[:, 0]
    count = {"de": ErrorCount(wrong, right + wrong)}
    apart = counted_draws({"one": count, "two": count}, DRAWS).rates[:, 0]
    assert np.std(paired[0] - paired[1]) < np.std(apart[0] - apart[1])
