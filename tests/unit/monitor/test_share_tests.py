"""Tests of shares: what they find, what they let pass, and that their levels are kept."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from leanglot.errors import RunError
from leanglot.monitor.course import Course
from leanglot.monitor.rules import Rules
from leanglot.monitor.share_tests import LearnedState, ShareTests, Watched
from leanglot.monitor.signals import Cell
from leanglot.monitor.stream import Look, Stream
from leanglot.monitor.windows import Windows

RULES = Rules(block=100)
CELLS = [
    Cell("script", "a", 0, 1, 0, 3, 512),
    Cell("script", "b", 1, 2, 0, 3, 512),
    Cell("script", "others", 2, 3, 0, 3, 12 * math.comb(256, 2)),
]
LEARNED = [Cell("labels", name, place, place + 1, 0, 3, 3) for place, name in enumerate("abc")]


def shares_tested(cells=CELLS, reference=(700, 300, 0), **watched):
    (signal,) = {cell.signal for cell in cells}
    settings = Watched(**{"level": 0.01, "tolerance": 0.05, **watched})
    return ShareTests(cells, np.array([*reference, 0]), {signal: settings}, RULES)


def course_of(tests):
    return Course(Stream(RULES.block, 4), [tests])


def fed(course, rng, shares, n=100, start=0):
    return course.add(start + np.arange(n, dtype=np.float64), [rng.choice(len(shares), n, p=shares)])


def test_a_share_within_its_tolerance_is_let_pass_however_many_there_are():
    course = course_of(shares_tested())
    assert fed(course, np.random.default_rng(0), (0.73, 0.27), n=100_000) == ()


@pytest.mark.parametrize(("shares", "what"), [((0.45, 0.55), {"a", "b"}), ((0.65, 0.2, 0.15), {"others"})])
def test_a_share_beyond_its_tolerance_is_found_with_its_numbers(shares, what):
    found = fed(course_of(shares_tested()), np.random.default_rng(0), shares, n=20_000)
    assert len(found) == 1
    finding = found[0]
    assert finding.what in what
    assert finding.signal == "script"
    assert finding.ended_at is None
    assert finding.n >= 100
    assert finding.low < finding.now - finding.baseline < finding.high
    assert finding.low > 0 or finding.high < 0
    assert RULES.alpha / 2 <= finding.chance <= RULES.alpha


def test_what_the_reference_lacks_is_bounded_for_all_that_it_could_have_lacked():
    """Scripts that are absent were chosen for being absent: one bound for each pair that could have been seen."""
    tests = shares_tested(reference=(150, 20, 0))
    level = 0.01 / (4 * 12 * math.comb(256, 2))
    assert tests._highest[2] == pytest.approx(1 - level ** (1 / 170) + 0.05)
    assert tests._lowest[2] < 0


def test_the_reference_is_learned_from_the_first_traffic_and_never_from_later():
    rng = np.random.default_rng(1)
    tests = shares_tested(LEARNED, (0, 0, 0), learned=True, tolerance=0.1)
    course = course_of(tests)
    origin = tests.origin("labels")
    assert 10 < origin < 40
    assert fed(course, rng, (0.2, 0.8), n=100 * origin) == ()
    learned = tests.state()
    assert sum(learned.counts) == 100 * origin
    assert learned.counts[0] / (100 * origin) == pytest.approx(0.2, abs=0.05)
    assert fed(course, rng, (0.2, 0.8), n=20_000) == ()
    found = fed(course, rng, (0.6, 0.4), n=20_000, start=10**6)
    assert [finding.signal for finding in found] == ["labels"]
    assert found[0].since >= 10**6 - 10_000
    assert tests.state().counts == learned.counts


def test_no_window_reaches_into_the_learned_reference():
    tests = shares_tested(LEARNED, (0, 0, 0), learned=True, tolerance=0.1)
    origin = tests.origin("labels")
    windows = Windows()
    for number in range(4 * origin):
        now = number >= origin
        looked = windows.push(np.array([0, 100, 0, 0]) if now else np.array([100, 0, 0, 0]), float(number))
        hits = tests.look(look_at(looked), {"labels": 0})
        assert all(hit.window.first >= origin for hit in hits)
        assert bool(hits) == now


def look_at(windows):
    return Look(windows, np.array([window.counts for window in windows]), 0.0)


def test_a_signal_that_is_left_out_is_not_tested_and_the_earliest_block_is_kept():
    tests, windows = shares_tested(), Windows()
    for number in range(64):
        look = look_at(windows.push(np.array([0, 100, 0, 0]), float(number)))
        assert tests.look(look, {}) == []
        assert all(hit.window.first >= 50 for hit in tests.look(look, {"script": 50}))
        assert bool(tests.look(look, {"script": 50})) == (number >= 50)


def test_a_limit_needs_no_reference_and_is_exact():
    cells = [Cell("latency", "slow", 1, 2, 0, 2, 2)]
    tests = shares_tested(cells, (0, 0, 0), limit=0.05, tolerance=0.0, level=0.01)
    first = 0.01 / 3 / 2  # a single block's third, and half of that for its first look
    least = int(binom.isf(first, 100, 0.05)) + 1
    assert binom.sf(least - 1, 100, 0.05) <= first < binom.sf(least - 2, 100, 0.05)
    for slow in (least - 1, least):
        hits = tests.look(look_at(Windows().push(np.array([100 - slow, slow, 0, 0]), 0.0)), {"latency": 0})
        assert len(hits) == (slow == least)
    told = tests.told(hits[0])
    assert (told.n, told.baseline, told.now) == (100, 0.05, least / 100)
    assert told.low < told.now - 0.05 < told.high
    assert told.chance == pytest.approx(RULES.alpha * binom.sf(least - 1, 100, 0.05) / first)


def test_it_ends_when_the_share_is_back_and_opens_again_on_new_evidence_alone():
    rng, course = np.random.default_rng(2), course_of(shares_tested())
    (opened,) = fed(course, rng, (0.4, 0.6), n=2_000)
    assert course.open_findings == (opened,)
    (ended,) = fed(course, rng, (0.7, 0.3), n=10_000, start=2_000)
    assert ended == opened.model_copy(update={"ended_at": ended.ended_at})
    assert ended.ended_at > 2_000
    assert course.open_findings == ()
    assert fed(course, rng, (0.7, 0.3), n=50_000, start=12_000) == ()
    (again,) = fed(course, rng, (0.4, 0.6), n=5_000, start=62_000)
    assert again.since > 60_000


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.43, 0.47, 0.6])
def test_an_open_finding_stays_open_while_the_change_stays(seed, share):
    course = course_of(shares_tested())
    assert len(fed(course, np.random.default_rng(seed), (1 - share, share), n=100_000)) == 1
    assert len(course.open_findings) == 1


def test_false_alarms_at_the_very_edge_keep_the_level():
    """No tolerance, one signal, a level of 0.4, a small reference drawn anew each time: the hardest case."""
    rng, alarms = np.random.default_rng(4), 0
    for _ in range(300):
        reference = rng.multinomial(200, (0.5, 0.3, 0.2))
        tests = shares_tested(reference=reference, level=0.4, tolerance=0.0)
        alarms += bool(fed(course_of(tests), rng, (0.5, 0.3, 0.2), n=3_000))
    assert alarms <= 0.4 * 300


def test_bursts_of_like_ones_raise_false_alarms_unless_the_design_effect_is_told():
    rng, alarms = np.random.default_rng(7), {1.0: 0, 10.0: 0}
    for _ in range(40):
        rows = np.repeat(rng.choice(3, 1_000, p=(0.5, 0.3, 0.2)), 10)
        for effect in alarms:
            rules = Rules(design_effect=effect)
            watched = {"labels": Watched(0.01, 0.05, learned=True)}
            tests = ShareTests(LEARNED, np.zeros(4, dtype=np.int64), watched, rules)
            alarms[effect] += bool(course_of(tests).add(np.arange(10_000.0), [rows]))
    assert alarms[1.0] > 4
    assert alarms[10.0] == 0


def test_the_state_of_other_counts_is_refused():
    with pytest.raises(RunError, match="another baseline"):
        ShareTests(CELLS, np.zeros(4, dtype=np.int64), {}, RULES, LearnedState(counts=(1, 2)))
