"""What holds of the monitor's tests whatever is counted: bounds, order, and that looks cannot be gamed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanglot.monitor.course import Course, CourseState
from leanglot.monitor.rules import Rules
from leanglot.monitor.share_tests import LearnedState, ShareTests, Watched
from leanglot.monitor.signals import Cell
from leanglot.monitor.stream import Stream
from leanglot.monitor.windows import Windows
from leanglot.stats.two_samples import binomial_at_most, fisher_drop, share_high, share_low

RULES = Rules(block=10, reference_predictions=100)
CELLS = [
    *(Cell("script", f"script {place}", place, place + 1, 0, 3, 6) for place in range(3)),
    *(Cell("labels", f"label {place}", place, place + 1, 4, 7, 3) for place in range(4, 7)),
]
WATCHED = {"script": Watched(0.1, 0.05), "labels": Watched(0.1, 0.1, learned=True)}


def course_of(reference, state=None, learned=None):
    tests = ShareTests(CELLS, np.array([*reference, 0, 0, 0, 0, 0]), WATCHED, RULES, learned)
    return Course(Stream(RULES.block, 8, state.stream if state else None), [tests], state), tests


def drawn(seed, n):
    """Rows whose mix changes twice, some of them without a script."""
    rng = np.random.default_rng(seed)
    scripts, labels = [], []
    for mix in rng.dirichlet((1, 1, 1, 0.3), 3):
        scripts.append(rng.choice(4, n // 3, p=mix))
        labels.append(rng.choice(3, n // 3, p=mix[:3] / mix[:3].sum()) + 4)
    return np.arange(n, dtype=np.float64), [np.concatenate(scripts), np.concatenate(labels)]


references = st.tuples(*[st.integers(0, 200)] * 3).filter(any)


@settings(max_examples=40)
@given(references, st.integers(0, 2**20), st.lists(st.integers(1, 899), max_size=6).map(sorted))
def test_portions_and_restarts_change_nothing(reference, seed, cuts):
    time, places = drawn(seed, 900)
    whole, tests = course_of(reference)
    expected = whole.add(time, places)
    parts, own = course_of(reference)
    found = []
    for start, end in zip([0, *cuts], [*cuts, 900], strict=True):
        found += parts.add(time[start:end], [each[start:end] for each in places])
        state = CourseState.model_validate_json(parts.state().model_dump_json())
        parts, own = course_of(reference, state, LearnedState.model_validate_json(own.state().model_dump_json()))
    assert tuple(found) == expected
    assert parts.state() == whole.state()
    assert own.state() == tests.state()


@settings(max_examples=40)
@given(references, st.integers(0, 2**20))
def test_findings_open_and_end_in_turns_with_numbers_that_fit(reference, seed):
    course, _ = course_of(reference)
    is_open = {}
    for finding in course.add(*drawn(seed, 3_000)):
        if finding.ended_at is None:
            assert finding.signal not in is_open
            is_open[finding.signal] = finding
        else:
            assert is_open.pop(finding.signal) == finding.model_copy(update={"ended_at": None})
            assert finding.ended_at > finding.found_at
        assert finding.since <= finding.found_at
        assert finding.low <= finding.now - finding.baseline <= finding.high
        assert RULES.alpha / 2 <= finding.chance <= RULES.alpha
        assert abs(finding.now - finding.baseline) > WATCHED[finding.signal].tolerance
    assert set(course.open_findings) == set(is_open.values())


@given(st.lists(st.integers(0, 10), min_size=1, max_size=60))
def test_what_was_counted_has_no_say_in_which_windows_are_looked_at(counts):
    one, other = Windows(), Windows()
    for count in counts:
        looked = one.push(np.array([count, 10 - count]), 0.0)
        beside = other.push(np.array([0, 10]), 0.0)
        assert [(w.first, w.blocks, w.part()) for w in looked] == [(w.first, w.blocks, w.part()) for w in beside]


@given(st.integers(1, 400), st.integers(1, 400), st.data())
def test_one_more_wrong_answer_never_weakens_the_evidence_of_a_drop(n, reference_n, data):
    right, reference = data.draw(st.integers(1, n)), data.draw(st.integers(0, reference_n))
    worse, better = (fisher_drop(count, n, reference, reference_n) for count in (right - 1, right))
    assert worse <= better * (1 + 1e-9)


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.02, 0.98), st.floats(0.001, 0.3))
def test_fishers_p_value_is_no_smaller_than_a_uniform_one(n, reference_n, share, level):
    """Summed over all that may be counted when both shares are equal."""
    right = np.arange(n + 1)
    own = np.diff(np.concatenate([[0.0], binomial_at_most(right, n, share)]))
    other = np.diff(np.concatenate([[0.0], binomial_at_most(np.arange(reference_n + 1), reference_n, share)]))
    rejected = np.array([[fisher_drop(x, n, y, reference_n) <= level for y in range(reference_n + 1)] for x in right])
    assert own @ rejected @ other <= level * (1 + 1e-6)


@given(st.integers(1, 500), st.floats(0.01, 0.99), st.floats(1e-9, 0.3))
def test_bounds_of_a_share_miss_it_no_more_often_than_told(n, share, level):
    counts = np.arange(n + 1)
    chance = np.diff(np.concatenate([[0.0], binomial_at_most(counts, n, share)]))
    assert chance[share_low(counts, n, level) > share].sum() <= level * (1 + 1e-6) + 1e-12
    assert chance[share_high(counts, n, level) < share].sum() <= level * (1 + 1e-6) + 1e-12


@pytest.mark.parametrize("languages", [1, 60])
def test_no_signal_of_no_language_may_spend_another_ones_level(languages):
    budget = Rules().budget(languages)
    assert all(0 < level < Rules().alpha / languages for level in budget.levels.values())
