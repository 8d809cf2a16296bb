"""Predictions by minute and the newest outcomes, against counting them one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from leanglot.monitor.recent import MinuteCounts, MinuteState, Outcomes

TIMES = st.lists(st.floats(0, 4 * 3600, allow_nan=False), min_size=1, max_size=60).map(sorted)


def portions(times, cuts):
    ends = sorted({min(cut, len(times)) for cut in cuts} | {len(times)})
    starts = [0, *ends[:-1]]
    return [np.array(times[start:end]) for start, end in zip(starts, ends, strict=True) if start < end]


@given(times=TIMES, cuts=st.lists(st.integers(0, 60), max_size=4), later=st.integers(0, 5_000))
def test_minutes_are_those_that_counting_gives_in_whatever_portions(times, cuts, later):
    minutes = MinuteCounts()
    for portion in portions(times, cuts):
        minutes.add(portion)
        minutes = MinuteCounts(MinuteState.model_validate_json(minutes.state().model_dump_json()))
    last = int((times[-1] + later) // 60)
    expected = tuple(sum(time // 60 == minute for time in times) for minute in range(last - 59, last + 1))
    assert minutes.at(times[-1] + later) == expected


def test_a_time_before_the_newest_prediction_shows_the_newest_hour():
    minutes = MinuteCounts()
    minutes.add(np.array([7_200.0]))
    assert minutes.at(60.0) == minutes.at(7_200.0) == (*(0,) * 59, 1)


def test_no_prediction_is_an_hour_of_nothing():
    assert MinuteCounts().at(0.0) == (0,) * 60


def test_a_stored_hour_has_sixty_minutes():
    with pytest.raises(ValidationError, match="at least 60 items"):
        MinuteState(newest=1, counts=(1, 2))


@given(marks=st.lists(st.booleans(), max_size=30), kept=st.integers(1, 10), window=st.none() | st.integers(1, 12))
def test_the_newest_outcomes_are_the_last_ones(marks, kept, window):
    outcomes = Outcomes(kept)
    for mark in marks:
        outcomes.add(np.array([mark]))
    newest = marks[-kept:][-(window or kept) :]
    again = Outcomes(kept, outcomes.state(), outcomes.seen)
    for each in (outcomes, again):
        assert each.newest(window) == (sum(newest), len(newest))
        assert each.seen == len(marks)


def test_the_share_of_outcomes_has_the_exact_interval():
    outcomes = Outcomes(1_000)
    outcomes.add(np.array([True] * 9 + [False]))
    share = outcomes.share()
    # Clopper and Pearson's interval of 9 in 10.
    assert (share.n, share.value) == (10, 0.9)
    assert share.low == pytest.approx(0.5549839)
    assert share.high == pytest.approx(0.9974714)


def test_no_outcome_is_no_share_and_says_why():
    share = Outcomes(10).share()
    assert (share.n, share.value, share.low, share.high) == (0, None, None, None)
    assert share.reason == "no label is known yet"
