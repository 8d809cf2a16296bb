"""The test of labelled predictions against the judged accuracy."""

import numpy as np
import pytest

from leanglot.monitor.accuracy_test import AccuracyTest
from leanglot.monitor.course import Course
from leanglot.monitor.stream import Stream
from leanglot.stats.two_samples import share_low

ALPHA = 0.05


def course_of(right, n, level=0.025 / 30):
    return Course(Stream(100, 2), [AccuracyTest(right, n, level, ALPHA)])


def fed(course, correct):
    return course.add(np.arange(correct.size, dtype=np.float64), [correct.astype(np.int64)])


def test_twenty_wrong_answers_are_no_finding():
    """A raw threshold would fire; here a block is not even full."""
    assert fed(course_of(900, 1_000), np.zeros(20, dtype=bool)) == ()


def test_a_collapse_is_found_in_the_first_block():
    (finding,) = fed(course_of(900, 1_000), np.zeros(100, dtype=bool))
    assert (finding.signal, finding.n, finding.baseline, finding.now) == ("accuracy", 100, 0.9, 0.0)
    assert finding.chance < 1e-20
    assert finding.high < -0.8
    assert finding.what == "right answers"


def test_a_rise_is_never_found():
    assert fed(course_of(500, 1_000), np.ones(20_000, dtype=bool)) == ()


def test_the_same_accuracy_is_quiet_and_a_small_loss_is_found():
    rng = np.random.default_rng(0)
    course = course_of(9_000, 10_000)
    assert fed(course, rng.random(20_000) < 0.9) == ()
    (finding,) = fed(course, rng.random(20_000) < 0.87)
    assert finding.now < 0.9
    assert finding.low < finding.now - 0.9 < finding.high < 0


def test_both_ways_to_test_find_something_the_other_would_not():
    """Fisher's test alone finds some drops with few live predictions, the bound alone some with many of them."""
    test = AccuracyTest(450, 500, 0.025 / 30, ALPHA)
    few = [test._strength(right, 300, 0.01) for right in range(200, 270)]
    many = [test._strength(right, 100_000, 0.01) for right in range(75_000, 90_000, 50)]
    assert all(by_fisher for strength, by_fisher in few if strength <= 1)
    assert any(not by_fisher for strength, by_fisher in many if strength <= 1)
    assert any(by_fisher for strength, by_fisher in many if strength <= 1)


@pytest.mark.no_cover
def test_false_alarms_at_the_very_edge_keep_the_level():
    rng, alarms = np.random.default_rng(1), 0
    for _ in range(400):
        course = course_of(int(rng.binomial(150, 0.85)), 150, level=0.4)
        alarms += bool(fed(course, rng.random(4_000) < 0.85))
    assert 0 < alarms <= 0.4 * 400


def test_what_is_detectable_shrinks_with_labels_down_to_what_the_baseline_can_show():
    test, stream, found = AccuracyTest(900, 1_000, 0.025 / 30, ALPHA), Stream(100, 2), []
    assert test.detectable(stream.windows, 100) is None
    for blocks in (1, 6, 56, 448):
        stream.add(np.zeros(blocks * 100), [np.ones(blocks * 100, dtype=np.int64)])
        found.append(test.detectable(stream.windows, 100))
    assert found == sorted(found, reverse=True)
    bound = 0.9 - float(share_low(900, 1_000, 0.025 / 30 / 4))
    assert found[0] > 0.15
    assert bound < found[-1] < 1.5 * bound


def test_it_ends_when_the_accuracy_is_back_and_not_before():
    rng, course = np.random.default_rng(3), course_of(9_000, 10_000)
    (opened,) = fed(course, rng.random(10_000) < 0.86)
    assert fed(course, rng.random(100_000) < 0.86) == ()
    (ended,) = fed(course, rng.random(30_000) < 0.9)
    assert ended.ended_at is not None
    assert (ended.since, ended.found_at) == (opened.since, opened.found_at)
    assert fed(course, rng.random(30_000) < 0.9) == ()


@pytest.mark.no_cover
def test_a_drop_as_large_as_the_detectable_one_is_mostly_found():
    rng, found = np.random.default_rng(2), 0
    stream = Stream(100, 2)
    stream.add(np.zeros(2_000), [np.ones(2_000, dtype=np.int64)])
    drop = AccuracyTest(2_700, 3_000, 0.025 / 30, ALPHA).detectable(stream.windows, 100)
    for _ in range(100):
        found += bool(fed(course_of(2_700, 3_000), rng.random(2_000) < 0.9 - drop))
    assert 70 <= found <= 98


@pytest.mark.parametrize("effect", [1.0, 5.0])
@pytest.mark.no_cover
def test_bursts_of_like_answers_raise_false_alarms_unless_the_design_effect_is_told(effect):
    """Each answer comes five times: a promise for independent ones is none for these."""
    rng, alarms = np.random.default_rng(5), 0
    for _ in range(100):
        test = AccuracyTest(int(rng.binomial(1_000, 0.9)), 1_000, 0.025 / 30, ALPHA, effect)
        alarms += bool(fed(Course(Stream(100, 2), [test]), np.repeat(rng.random(4_000) < 0.9, 5)))
    assert alarms == 0 if effect > 1 else alarms > 40


def test_a_design_effect_makes_losses_harder_to_show_and_never_hides_a_collapse():
    rng = np.random.default_rng(6)
    plain, bursts = (AccuracyTest(900, 1_000, 0.025 / 30, ALPHA, effect) for effect in (1.0, 7.0))
    course, beside = Course(Stream(100, 2), [plain]), Course(Stream(100, 2), [bursts])
    correct = rng.random(20_000) < 0.5
    (one,), (other,) = fed(course, correct), fed(beside, correct)
    assert one.found_at < other.found_at
    assert other.low < one.low < one.high < other.high < 0
    assert plain.detectable(course.stream.windows, 100) < bursts.detectable(beside.stream.windows, 100)


def test_without_judged_examples_nothing_is_tested_or_detectable():
    test = AccuracyTest(0, 0, 0.01, ALPHA)
    course = Course(Stream(100, 2), [test])
    assert fed(course, np.zeros(5_000, dtype=bool)) == ()
    assert test.signals() == ()
    assert test.detectable(course.stream.windows, 100) is None
