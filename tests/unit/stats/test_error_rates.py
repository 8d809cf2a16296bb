import numpy as np
import pytest
from scipy.stats import beta, kstest

from leanglot.stats.error_rates import ErrorCount, counted_draws, error_rate_draws, weighted_sum


def answers(right, wrong):
    return np.array([True] * right + [False] * wrong)


def test_a_rate_alone_is_the_beta_of_the_jeffreys_prior():
    found = error_rate_draws({"a": answers(47, 3)}, ["de"] * 50, draws=20_000)
    assert kstest(found.rates[0, 0], beta(3.5, 47.5).cdf).pvalue > 0.001
    assert found.observed[0, 0] == pytest.approx(0.06)
    assert (found.errors[0, 0], found.examples[0, 0]) == (3, 50)


def test_ten_right_of_ten_are_no_proof_of_an_error_rate_of_0():
    rates = error_rate_draws({"a": answers(10, 0)}, ["de"] * 10).rates[0, 0]
    assert np.quantile(rates, 0.975) > 0.15
    assert rates.min() > 0


def test_common_examples_cancel():
    one = answers(180, 20)
    other = one.copy()
    other[0] = False  # one answer more is wrong
    draws = error_rate_draws({"one": one, "other": other}, ["de"] * 200, draws=8_000).rates[:, 0]
    apart = counted_draws({"one": {"de": ErrorCount(20, 200)}, "other": {"de": ErrorCount(21, 200)}}, 8_000).rates[:, 0]
    assert np.std(draws[1] - draws[0]) < 0.5 * np.std(apart[1] - apart[0])
    assert draws[0].std() == pytest.approx(apart[0].std(), rel=0.05)


def test_groups_that_err_together_widen():
    wrong = np.repeat([True] * 18 + [False] * 2, 10)
    groups = [str(number) for number in np.repeat(np.arange(20), 10)]
    alone = error_rate_draws({"a": wrong}, ["de"] * 200).rates[0, 0]
    together = error_rate_draws({"a": wrong}, ["de"] * 200, groups).rates[0, 0]
    assert together.std() > 2.5 * alone.std()
    # Groups that are all of one kind are as good as one example each.
    assert together.mean() == pytest.approx(beta(2.5, 18.5).mean(), abs=0.01)


def test_groups_of_one_are_no_groups():
    correct = {"a": answers(45, 5)}
    grouped = error_rate_draws(correct, ["de"] * 50, [str(number) for number in range(50)])
    assert np.allclose(grouped.rates, error_rate_draws(correct, ["de"] * 50).rates)


def test_candidates_keep_the_order_they_are_given_in():
    correct = {"z": answers(9, 1), "a": answers(5, 5)}
    found = error_rate_draws(correct, ["de"] * 10)
    turned = error_rate_draws(dict(reversed(correct.items())), ["de"] * 10)
    assert found.candidates == ("z", "a")
    assert np.array_equal(found.rates[0], turned.rates[1])
    assert found.observed[:, 0].tolist() == pytest.approx([0.1, 0.5])


def test_joined_draws_have_all_languages_and_say_what_is_unknown():
    one = error_rate_draws({"a": answers(9, 1)}, ["de"] * 10, draws=100)
    both = one.joined(counted_draws({"b": {"sw": ErrorCount(1, 5), "th": ErrorCount(0, 0)}}, draws=100))
    assert (both.candidates, both.languages) == (("a", "b"), ("de", "sw", "th"))
    assert np.isnan(both.observed[0, 1])
    assert np.isnan(both.rates[1, 2]).all()
    assert both.observed[1, 1] == pytest.approx(0.2)


def test_draws_of_one_candidate_are_not_joined_twice_nor_of_other_numbers():
    one = error_rate_draws({"a": answers(9, 1)}, ["de"] * 10, draws=100)
    with pytest.raises(ValueError, match="same candidate"):
        one.joined(one)
    with pytest.raises(ValueError, match="numbers of draws"):
        one.joined(counted_draws({"b": {"de": ErrorCount(1, 5)}}, draws=99))


def test_a_sum_over_many_languages_lies_around_what_was_observed():
    """The prior of each language alone would pull the sum of 24 out of its own interval."""
    found = error_rate_draws({"a": np.tile(answers(29, 1), 24)}, [f"l{number}" for number in np.repeat(range(24), 30)])
    weights = np.full(24, 1 / 24)
    low, high = np.quantile(found.weighted("a", weights), [0.025, 0.975])
    assert low < 1 / 30 < high
    raw = np.quantile(weights @ found.rates[0], 0.025)
    assert raw > low


def test_a_sum_over_one_language_is_that_language():
    found = error_rate_draws({"a": answers(9, 1)}, ["de"] * 10)
    assert np.allclose(found.weighted("a", np.array([3.0])), 3 * found.rates[0, 0])


def test_what_is_unknown_may_stand_in_a_sum_with_no_weight():
    rates, observed = np.array([[0.1, 0.2], [np.nan, np.nan]]), np.array([0.15, np.nan])
    assert np.allclose(weighted_sum(rates, observed, np.array([2.0, 0.0])), [0.2, 0.4])
    assert np.array_equal(weighted_sum(rates, observed, np.zeros(2)), np.zeros(2))


@pytest.mark.parametrize(
    ("correct", "languages", "groups"),
    [({}, [], None), ({"a": answers(1, 0)}, [], None), ({"a": answers(1, 0)}, ["de"], ["x", "y"])],
)
def test_lengths_that_differ_are_refused(correct, languages, groups):
    with pytest.raises(ValueError, match=r"candidate|each example"):
        error_rate_draws(correct, languages, groups)


def test_more_errors_than_answers_cannot_be():
    with pytest.raises(ValueError, match="3 errors of 2"):
        ErrorCount(3, 2)


def test_the_interval_of_a_sum_over_many_languages_covers():
    rng, misses, runs = np.random.default_rng(7), 0, 60
    tags = [f"l{number:02d}" for number in np.repeat(range(24), 120)]
    groups = [str(number) for number in np.tile(np.repeat(range(12), 10), 24)]
    for run in range(runs):
        rates = np.repeat(rng.beta(0.8, 19.2, size=24 * 12), 10)  # 4% on average, and unlike from group to group
        correct = rng.random(rates.size) >= rates
        draws = error_rate_draws({"a": correct}, tags, groups, draws=400, seed=run)
        low, high = np.quantile(draws.weighted("a", np.full(24, 1 / 24)), [0.025, 0.975])
        misses += not low < 0.04 < high
    assert misses <= 9  # were the true level 95%, more would come in one of 1,000 runs
