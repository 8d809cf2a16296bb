"""Accuracy estimated from confidence: its calibration, its interval, and the test that keeps its level."""

import numpy as np
import pytest

from leanglot.monitor.course import Course
from leanglot.monitor.estimate import (
    BINS,
    Calibration,
    EstimateTest,
    contradicted,
    estimated,
    pooled_calibration,
)
from leanglot.monitor.rules import Rules, Tolerances
from leanglot.monitor.stream import Stream
from leanglot.results.monitor_baseline import CONFIDENCE_ENDS, LanguageBaseline, bins_of

SURE, UNSURE = (9, 1), (4, 2)


def truth(confidence, shift):
    """Chance of being right: the model is too sure of itself, each language to its own degree."""
    logit = np.log(confidence / (1 - confidence))
    return 1 / (1 + np.exp(-0.8 * logit - shift))


def drawn(rng, n, shift=0.0, kind=SURE):
    """Bins of confidences, whether the answers were right, and the true accuracy."""
    confidence = np.clip(0.15 + 0.85 * rng.beta(*kind, n), 0.01, 0.9999)
    chance = truth(confidence, shift)
    return bins_of(confidence, CONFIDENCE_ENDS), rng.random(n) < chance, float(chance.mean())


def judged(rng, n, shift=0.0, kind=SURE):
    bins, right, _ = drawn(rng, n, shift, kind)
    return LanguageBaseline(
        n=n,
        correct=int(right.sum()),
        confidence=tuple(np.bincount(bins, minlength=BINS).tolist()),
        confidence_correct=tuple(np.bincount(bins[right], minlength=BINS).tolist()),
        labels={},
        tokens=(),
        fragmentation=(),
        unknown=0,
        scripts={},
    )


def counts(bins):
    return np.bincount(bins, minlength=BINS)


def test_the_pooled_calibration_never_falls_and_follows_the_shares():
    rng = np.random.default_rng(0)
    pooled = pooled_calibration([judged(rng, 20_000, kind=UNSURE) for _ in range(5)])
    assert np.all(np.diff(pooled) >= 0)
    assert pooled[bins_of(0.89, CONFIDENCE_ENDS)] == pytest.approx(truth(0.877, 0), abs=0.02)
    assert pooled[bins_of(0.65, CONFIDENCE_ENDS)] == pytest.approx(truth(0.65, 0), abs=0.02)


def test_where_no_language_has_examples_the_stated_confidence_stands_in():
    nothing = judged(np.random.default_rng(0), 1).model_copy(update={"confidence": (), "confidence_correct": ()})
    assert pooled_calibration([nothing])[bins_of([0.15, 0.45, 0.9995], CONFIDENCE_ENDS)] == pytest.approx(
        [0.1, 0.45, 0.9995], abs=0.01
    )
    assert pooled_calibration([]) == pytest.approx(pooled_calibration([nothing]))


def test_a_language_that_is_worse_than_the_others_gets_a_lower_curve():
    rng = np.random.default_rng(1)
    pooled = pooled_calibration([judged(rng, 5_000) for _ in range(10)])
    worse = Calibration.of(judged(rng, 300, shift=-1.0), pooled)
    assert np.all(np.diff(worse.values) >= 0)
    assert np.all(worse.values <= pooled + 1e-9)
    assert np.all((worse.low <= worse.values) & (worse.values <= worse.high))


@pytest.mark.parametrize("n", [100, 1_000])
@pytest.mark.parametrize("spread", [0.0, 0.7])
def test_the_interval_holds_the_true_accuracy_as_often_as_told(n, spread):
    """Also where the languages differ, and where live traffic is harder than the judged examples."""
    rng, held = np.random.default_rng([n, int(10 * spread)]), []
    for _ in range(25):
        shifts = rng.normal(0, spread, 12)
        languages = [judged(rng, n, shift) for shift in shifts]
        pooled = pooled_calibration(languages)
        for language, shift in zip(languages[:6], shifts, strict=False):
            bins, _, _ = drawn(rng, 1_000, shift, UNSURE)
            share = estimated(Calibration.of(language, pooled), counts(bins))
            held.append(share.low <= drawn(rng, 20_000, shift, UNSURE)[2] <= share.high)
    assert np.mean(held) >= 0.93


def test_more_judged_and_more_live_examples_narrow_the_interval():
    rng = np.random.default_rng(2)
    few, many = ([judged(rng, n)] for n in (200, 20_000))
    some = counts(drawn(rng, 300)[0])
    widths = []
    for languages in (few, many):
        calibration = Calibration.of(languages[0], pooled_calibration(languages))
        for live in (some, 100 * some):
            share = estimated(calibration, live)
            assert share.n == live.sum()
            widths.append(share.high - share.low)
    assert widths[0] > widths[1] > widths[3]
    assert widths[0] > widths[2] > widths[3]


def test_labels_contradict_a_calibration_that_does_not_hold_and_hardly_ever_one_that_does():
    rng = np.random.default_rng(3)
    language = judged(rng, 2_000)
    calibration = Calibration.of(language, pooled_calibration([language]))
    against = {0.0: 0, -1.5: 0}
    for shift in against:
        for _ in range(200):
            bins, right, _ = drawn(rng, 500, shift)
            against[shift] += contradicted(calibration, counts(bins), counts(bins[right]))
    assert against[0.0] <= 2
    assert against[-1.5] >= 195


def test_few_labels_contradict_only_what_they_rule_out():
    rng = np.random.default_rng(4)
    language = judged(rng, 5_000)
    calibration = Calibration.of(language, pooled_calibration([language]))
    wrong = np.zeros(BINS, dtype=np.int64)
    assert not contradicted(calibration, counts(np.full(2, BINS - 1)), wrong)
    assert contradicted(calibration, counts(np.full(20, BINS - 1)), wrong)
    assert not contradicted(calibration, counts(np.full(20, BINS - 1)), wrong, design_effect=20.0)
    assert not contradicted(calibration, wrong, wrong)
    against = 0
    for _ in range(1_000):
        bins, right, _ = drawn(rng, int(rng.integers(1, 100)))
        against += contradicted(calibration, counts(bins), counts(bins[right]))
    assert against <= 4


def course_of(language, level=0.0125 / 30, holds=lambda: True, **rules):
    settings = Rules(**rules)
    calibration = Calibration.of(language, pooled_calibration([language]))
    test = EstimateTest(calibration, np.asarray(language.confidence), 0, level, settings, holds)
    return Course(Stream(settings.block, BINS + 1), [test])


def fed(course, bins, start=0):
    return course.add(start + np.arange(bins.size, dtype=np.float64), [bins])


def test_the_same_confidences_are_quiet_and_lower_ones_are_found_and_end():
    rng = np.random.default_rng(5)
    course = course_of(judged(rng, 5_000))
    assert fed(course, drawn(rng, 50_000)[0]) == ()
    (found,) = fed(course, drawn(rng, 20_000, kind=UNSURE)[0], 50_000)
    assert found.signal == "estimate"
    assert found.baseline == pytest.approx(drawn(rng, 50_000)[2], abs=0.02)
    assert found.low < found.now - found.baseline < found.high < -0.01
    assert 50_000 - 2_000 < found.since < found.found_at < 60_000
    assert fed(course, drawn(rng, 100_000, kind=UNSURE)[0], 70_000) == ()
    (ended,) = fed(course, drawn(rng, 20_000)[0], 170_000)
    assert ended.ended_at > 170_000


def test_a_rise_is_never_found():
    rng = np.random.default_rng(6)
    assert fed(course_of(judged(rng, 5_000, kind=UNSURE)), drawn(rng, 50_000)[0]) == ()


def test_nothing_is_found_below_the_least_numbers_or_against_the_labels():
    rng = np.random.default_rng(7)
    lowest = np.zeros(5_000, dtype=np.int64)
    language = judged(rng, 1_000)
    (found,) = fed(course_of(language, estimate_min=1_000), lowest)
    assert found.n >= 1_000
    assert fed(course_of(language, estimate_baseline_min=1_001), lowest) == ()
    assert fed(course_of(language, holds=lambda: False), lowest) == ()


def test_false_alarms_keep_the_level_though_the_calibration_was_fitted_to_the_same_examples():
    """No tolerance, a level of 0.4, few judged examples drawn anew each time."""
    rng, alarms = np.random.default_rng(8), 0
    for _ in range(150):
        course = course_of(judged(rng, 100, kind=UNSURE), level=0.4, tolerances=Tolerances(estimate=0.0))
        alarms += bool(fed(course, drawn(rng, 4_000, kind=UNSURE)[0]))
    assert alarms <= 0.4 * 150
