"""The verdict on shadowed traffic, looked at after each prediction, keeps its promises."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanglot.monitor.shadow_counts import ShadowCounts, ShadowTally, log_evidence, shadow_flips


def test_what_is_counted():
    tally = ShadowTally()
    for served, shadow, label in (("a", "a", "a"), ("a", "b", "b"), ("a", "b", "a"), ("a", "b", "c"), ("a", "a", None)):
        tally.answered(served, shadow)
        if label is not None:
            tally.became_known(label, served, shadow)
    assert tally.state() == ShadowCounts(n=5, flips=3, labelled=4, lost=1, won=1)
    assert ShadowTally.restored(ShadowCounts.model_validate_json(tally.state().model_dump_json())) == tally


def test_the_share_of_flips_has_an_interval_and_languages_without_any_are_left_out():
    found = shadow_flips({"en": ShadowTally(n=100, flips=3), "de": ShadowTally()})
    assert list(found) == ["en"]
    assert found["en"].share.value == 0.03
    assert found["en"].share.low == pytest.approx(0.00622, abs=1e-5)
    assert found["en"].share.high == pytest.approx(0.08518, abs=1e-5)
    assert found["en"].verdict is None


@pytest.mark.parametrize(
    ("lost", "won", "labelled", "verdict"),
    [
        (0, 0, 100, "inconclusive"),
        (0, 0, 1_000, "safe"),
        (5, 5, 5_000, "safe"),
        (40, 0, 1_000, "harmed"),
        (3, 0, 40, "inconclusive"),
        (0, 30, 300, "safe"),
        (40, 38, 300, "inconclusive"),
    ],
)
def test_verdicts(lost, won, labelled, verdict):
    tally = ShadowTally(n=labelled, flips=lost + won, labelled=labelled, lost=lost, won=won)
    assert shadow_flips({"en": tally})["en"].verdict == verdict


def test_many_languages_need_stronger_evidence_of_harm():
    tally = ShadowTally(n=200, flips=12, labelled=200, lost=12, won=0)
    alone = shadow_flips({"en": tally})["en"].verdict
    others = {f"l{number}": ShadowTally(n=9, labelled=9) for number in range(2_000)}
    assert alone == "harmed"
    assert shadow_flips({"en": tally, **others})["en"].verdict == "inconclusive"


@given(up=st.integers(0, 50), down=st.integers(0, 50), same=st.integers(0, 500), margin=st.sampled_from([0.0, 0.01]))
def test_a_gain_never_lowers_the_evidence_and_a_loss_never_raises_it(up, down, same, margin):
    n = up + down + same
    now = log_evidence(up, n, down, margin)
    assert log_evidence(up + 1, n + 1, down, margin) > now > log_evidence(up, n + 1, down + 1, margin)
    assert np.isfinite(now)


@pytest.mark.parametrize(("margin", "alpha"), [(0.0, 0.05), (0.01, 0.05)])
def test_looked_at_after_each_step_it_errs_no_more_often_than_promised(margin, alpha):
    """Steps whose mean lies exactly at the edge of what is tested."""
    rng = np.random.default_rng(7)
    runs, length = 300, 1_000
    down = 0.05 + margin / 2
    steps = rng.choice([1, 0, -1], size=(runs, length), p=[0.05 - margin / 2, 0.9, down])
    up, low = np.cumsum(steps == 1, axis=1), np.cumsum(steps == -1, axis=1)
    evidence = log_evidence(up, np.arange(1, length + 1), low, margin)
    erred = int(np.sum(evidence.max(axis=1) >= -math.log(alpha)))
    # Of 300 runs at the level of 5%, more than 26 would come up once in a thousand times.
    assert erred <= 26
