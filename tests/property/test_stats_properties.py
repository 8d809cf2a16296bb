import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanglot.decide.verdict import judge
from leanglot.stats.intervals import PairedCounts, counted_interval
from leanglot.stats.multiplicity import holm
from leanglot.stats.paired import mcnemar, sign_flip_counts
from leanglot.stats.power import Plan, detectable_drop, further_examples

levels = st.floats(0.001, 0.5)
probabilities = st.dictionaries(st.text(min_size=1, max_size=3), st.none() | st.floats(0, 1), max_size=12)


@st.composite
def paired_counts(draw):
    lost, won, same = (draw(st.integers(0, 400)) for _ in range(3))
    return PairedCounts(lost, won, max(1, lost + won + same))


@given(paired_counts(), levels)
def test_an_interval_holds_the_drop_and_stays_within_the_possible(counts, alpha):
    interval = counted_interval(counts, alpha)
    assert -1 <= interval.low <= counts.drop + 1e-12
    assert counts.drop - 1e-12 <= interval.bound <= interval.high <= 1


@given(paired_counts(), levels)
def test_exchanging_the_models_mirrors_the_interval(counts, alpha):
    one, other = counted_interval(counts, alpha), counted_interval(counts.mirrored(), alpha)
    if counts.lost and counts.won:  # else the exact bound may lift one of the ends
        assert one.low == pytest.approx(-other.high, abs=1e-9)
    assert one.low >= -other.high - 1e-9


@given(paired_counts(), st.floats(0.001, 0.24))
def test_a_stricter_level_widens_the_interval(counts, alpha):
    strict, loose = counted_interval(counts, alpha), counted_interval(counts, 2 * alpha)
    assert strict.low <= loose.low + 1e-9
    assert strict.high >= loose.high - 1e-9
    assert strict.bound >= loose.bound - 1e-9


@given(paired_counts(), st.floats(0.01, 0.99), st.integers(1, 500), levels)
def test_fewer_effective_examples_and_few_clusters_widen_the_bound(counts, share, degrees, alpha):
    whole = counted_interval(counts, alpha)
    part = counted_interval(counts.scaled(counts.n * share), alpha, degrees)
    assert part.bound >= whole.bound - 1e-9
    assert part.high >= whole.high - 1e-9


@given(paired_counts(), levels)
def test_one_more_lost_answer_raises_the_bound(counts, alpha):
    same = counts.n - counts.flips
    if same >= 1:
        worse = PairedCounts(counts.lost + 1, counts.won, counts.n)
        assert counted_interval(worse, alpha).bound >= counted_interval(counts, alpha).bound - 1e-9


@given(st.integers(0, 200), st.integers(0, 200))
def test_clusters_of_one_give_mcnemar(lost, won):
    sums = np.array([1] * lost + [-1] * won + [0])
    assert sign_flip_counts(sums) == pytest.approx(mcnemar(lost, won), rel=1e-9)


@given(st.lists(st.integers(-30, 30), min_size=1, max_size=60))
def test_a_cluster_p_value_is_a_probability_and_blind_to_direction(sums):
    p = sign_flip_counts(np.array(sums))
    assert 0 < p <= 1
    assert p == pytest.approx(sign_flip_counts(-np.array(sums)))


@given(probabilities)
def test_holm_keeps_the_order_and_never_lowers(p_values):
    adjusted = holm(p_values)
    assert adjusted.keys() == p_values.keys()
    tested = sorted((p, adjusted[name]) for name, p in p_values.items() if p is not None)
    assert all(p <= a <= 1 for p, a in tested)
    assert [a for _, a in tested] == sorted(a for _, a in tested)
    assert all(adjusted[name] is None for name, p in p_values.items() if p is None)


@given(st.floats(0.5, 1e5), st.floats(-1, 1), st.floats(0.001, 1), st.floats(0.001, 0.5), st.floats(0.001, 0.2))
def test_further_examples_are_at_least_one_and_finite(n, drop, variance, margin, alpha):
    more = further_examples(Plan(n, drop, variance), margin, alpha, alpha / 10)
    assert 1 <= more < math.inf


@given(st.floats(1, 1e5), st.floats(0.001, 1), levels)
def test_four_times_the_examples_show_half_the_drop(n, variance, alpha):
    once, fourfold = (detectable_drop(Plan(k, 0, variance), alpha) for k in (n, 4 * n))
    assert fourfold == pytest.approx(once / 2)


@st.composite
def judgements(draw):
    n = draw(st.integers(1, 40))
    scores = st.integers(0, 1) if draw(st.booleans()) else st.integers(-50, 50).map(lambda k: k / 10)
    columns = [draw(st.lists(scores, min_size=n, max_size=n)) for _ in range(2)]
    tags = draw(st.lists(st.sampled_from(["de", "sw", "zh-Hant"]), min_size=n, max_size=n))
    groups = draw(st.none() | st.lists(st.integers(0, 8), min_size=n, max_size=n))
    repeats = draw(st.lists(st.sampled_from([1, 1, 1, 30]), min_size=n, max_size=n))  # and groups of very unequal size
    columns, tags, groups = (
        [[value for value, k in zip(column, repeats, strict=True) for _ in range(k)] if column is not None else None
         for column in part]
        for part in (columns, [tags], [groups])
    )  # fmt: skip
    return *columns, tags[0], groups[0]


@settings(max_examples=60, deadline=None)
@given(judgements(), st.sampled_from([0.01, 0.2]), st.sampled_from([0.01, 0.05, 0.3]))
def test_whatever_the_scores_the_verdict_is_coherent(judgement, margin, alpha):
    baseline, candidate, tags, groups = judgement
    verdicts = judge(baseline, candidate, tags, margin, alpha, groups)
    assert list(verdicts) == sorted(set(tags))
    assert sum(verdict.n for verdict in verdicts.values()) == len(tags)
    for verdict in verdicts.values():
        assert verdict.drop == pytest.approx(verdict.baseline - verdict.candidate, abs=1e-12)
        safe = verdict.drop_bound is not None and verdict.drop_bound < margin
        found = verdict.p_adjusted is not None and verdict.p_adjusted < alpha and verdict.drop > 0
        assert verdict.verdict == ("safe" if safe else "harmed" if found else "inconclusive")
        if verdict.drop_bound is not None:
            assert verdict.drop_low <= verdict.drop + 1e-9
            assert verdict.drop - 1e-9 <= verdict.drop_bound <= verdict.drop_high
        assert (verdict.samples_needed == 0) == (verdict.verdict != "inconclusive")
        assert verdict.reason.endswith(".")
        assert "None" not in verdict.reason
        assert "nan" not in verdict.reason
