"""Silent failures beside the baseline's: what is found, what is chance, and what it does to a verdict."""

import numpy as np
import pytest
from scipy.stats import binomtest

from leanglot.decide.failure_changes import failure_changes, with_failures
from leanglot.decide.translation_verdict import judge_translations
from leanglot.errors import DataError
from scored_translations import drawn_counts, failing, of_counts


def both(n=300, group=None, pair="en→de"):
    rng = np.random.default_rng(0)
    counts = drawn_counts(rng, np.full(n, 0.7), np.full(n, 30))
    one = of_counts(counts, pair=pair, group=group)
    return one, one


def first(n, number):
    return np.arange(n) < number


def test_more_failures_are_found_and_counted():
    one, other = both()
    old, new = failing(one, copied=first(300, 4), empty=first(300, 0)), failing(other, copied=first(300, 20))
    (change,) = failure_changes(old, new)
    assert (change.pair, change.kind, change.n, change.baseline, change.candidate) == ("en→de", "copied", 300, 4, 20)
    assert change.p_value == pytest.approx(binomtest(16, 16, alternative="greater").pvalue)
    assert change.found


def test_fewer_failures_are_no_finding():
    one, other = both()
    (change,) = failure_changes(failing(one, repetition=first(300, 20)), failing(other, repetition=first(300, 2)))
    assert not change.found
    assert change.p_value == 1.0


def test_lost_and_won_are_weighed_against_each_other():
    one, other = both()
    old, new = first(300, 9), np.roll(first(300, 14), 9)
    (change,) = failure_changes(failing(one, length=old), failing(other, length=new))
    assert change.p_value == pytest.approx(binomtest(14, 23, alternative="greater").pvalue)
    assert not change.found


def test_kinds_share_the_error_level_and_those_too_small_to_test_do_not_count():
    one, other = both()
    none = first(300, 0)
    old = failing(one, copied=none, empty=none, length=none)
    new = failing(other, copied=first(300, 5), empty=first(300, 5), length=first(300, 2))
    copied, empty, length = failure_changes(old, new)
    assert copied.p_value == 0.5**5
    assert copied.p_adjusted == empty.p_adjusted == 2 * 0.5**5
    assert (length.p_value, length.p_adjusted) == (0.25, 1.0)
    assert not any(change.found for change in (copied, empty, length))
    (alone,) = failure_changes(failing(one, copied=none), failing(other, copied=first(300, 5)))
    assert alone.found


def test_failures_of_one_group_count_once():
    group = tuple("a" if number < 20 else str(number) for number in range(300))
    (change,) = failure_changes(
        failing(both(group=group)[0], empty=first(300, 0)), failing(both(group=group)[1], empty=first(300, 20))
    )
    assert change.p_value == pytest.approx(0.5)
    assert not change.found


def test_a_kind_not_examined_on_both_sides_is_left_out():
    one, other = both()
    assert failure_changes(failing(one, empty=first(300, 0)), failing(other, copied=first(300, 50))) == ()


def test_found_failures_harm_a_pair_whose_score_is_safe():
    one, other = both(800)
    verdicts = judge_translations(one, other)
    assert verdicts["en→de"].verdict == "safe"
    changes = failure_changes(failing(one, copied=first(800, 0)), failing(other, copied=first(800, 12)))
    verdict = with_failures(verdicts, changes)["en→de"]
    assert verdict.verdict == "harmed"
    assert verdict.samples_needed == 0
    assert verdict.reason.startswith("12 of 800 translations hand the source back, 0 of the baseline's (p < 0.001). By")
    assert verdict.drop_bound == verdicts["en→de"].drop_bound
    assert with_failures(verdicts, ()) == verdicts


def test_other_pairs_keep_their_verdicts():
    pairs = ["en→de"] * 150 + ["en→ja"] * 150
    one, other = both(pair=pairs)
    changes = failure_changes(failing(one, empty=first(300, 0)), failing(other, empty=first(300, 9)))
    verdicts = judge_translations(one, other)
    found = with_failures(verdicts, changes)
    assert found["en→de"].verdict == "harmed"
    assert found["en→ja"] == verdicts["en→ja"]


def test_a_level_out_of_range_is_refused():
    one, other = both(20)
    with pytest.raises(DataError, match="alpha"):
        failure_changes(one, other, alpha=0)


@pytest.mark.parametrize("group", [None, tuple(str(number // 3) for number in range(120))], ids=["alone", "groups"])
def test_candidates_that_fail_as_often_are_found_in_5_percent(group):
    alarms, n = 0, 120
    for number in range(300):
        rng = np.random.default_rng(number)
        units = n if group is None else n // 3
        spread = 1 if group is None else 3
        sides = [
            failing(
                each, **{kind: np.repeat(rng.random(units) < 0.1, spread) for kind in ("copied", "empty", "length")}
            )
            for each in both(n, group)
        ]
        alarms += any(change.found for change in failure_changes(*sides))
    assert alarms / 300 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
