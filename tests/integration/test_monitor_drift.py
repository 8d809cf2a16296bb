"""The whole monitor over simulated traffic in 30 languages: quiet without a change, a drop is found."""

import numpy as np
import pytest

from leanglot.familiar.monitor import MultilingualMonitor
from leanglot.results.monitor_baseline import CONFIDENCE_ENDS, LanguageBaseline, MonitorBaseline, bins_of

LABELS = ("lights", "music", "weather")
# Swahili has 5% of the traffic, English half of it.
SHARES = {"en": 0.50, "sw": 0.05, **dict.fromkeys((f"x-l{number}" for number in range(28)), 0.45 / 28)}
PER_SECOND = 20


class Clock:
    def __init__(self):
        self.now = 1_700_000_000.0

    def __call__(self):
        self.now += 1 / PER_SECOND
        return self.now


def answers(rng, n, accuracy):
    """Answers, right labels and confidences of a calibrated kind: the share of right answers follows the confidence."""
    hard = rng.random(n) < (1 - accuracy) / 0.35
    sure = np.where(hard, rng.uniform(0.55, 0.75, n), 0.9999)
    right = rng.random(n) < np.where(hard, 0.65, 1.0)
    label = rng.integers(0, len(LABELS), n)
    return np.where(right, label, (label + 1) % 3), label, sure


def judged(rng, n):
    answer, label, sure = answers(rng, n, 0.9)
    bins, right = bins_of(sure, CONFIDENCE_ENDS), answer == label
    size = len(CONFIDENCE_ENDS) + 1
    return LanguageBaseline(
        n=n,
        correct=int(right.sum()),
        confidence=tuple(np.bincount(bins, minlength=size).tolist()),
        confidence_correct=tuple(np.bincount(bins[right], minlength=size).tolist()),
        labels={},
        tokens=(),
        fragmentation=(),
        unknown=0,
        scripts={},
    )


def monitored(rng, n):
    languages = {tag: judged(rng, n) for tag in SHARES}
    return MultilingualMonitor(
        list(SHARES), MonitorBaseline(name="demo", labels=LABELS, data="drawn", languages=languages), clock=Clock()
    )


def log(monitor, rng, n, accuracy, *, labelled=True):
    languages = rng.choice(list(SHARES), n, p=list(SHARES.values()))
    chance = np.array([accuracy.get(tag, 0.9) for tag in languages.tolist()])
    answer, label, sure = answers(rng, n, chance)
    columns = zip(languages.tolist(), answer.tolist(), label.tolist(), sure.tolist(), strict=True)
    for language, answered, right, confidence in columns:
        truth = LABELS[right] if labelled else None
        monitor.log_prediction(language, LABELS[answered], confidence, 12.0, truth)
    return monitor.get_dashboard_metrics()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("labelled", [True, False], ids=["labelled", "unlabelled"])
def test_without_a_change_there_is_no_alert(seed, labelled):
    """The promise allows an alert in one of 20 runs; none of eight is what a monitor that keeps it gives."""
    rng = np.random.default_rng(seed)
    found = log(monitored(rng, 2_000), rng, 100_000, {}, labelled=labelled)
    assert found.snapshot.predictions == 100_000
    assert len(found) == 30
    assert found.snapshot.alerts == ()
    assert {own.drift for own in found.values()} <= {"no drift", "not enough data"}


@pytest.mark.slow
def test_a_drop_of_three_points_in_one_language_with_a_twentieth_of_the_traffic_is_found(record_property):
    rng = np.random.default_rng(11)
    monitor = monitored(rng, 10_000)
    before = log(monitor, rng, 60_000, {})
    assert before.snapshot.alerts == ()
    began = before.snapshot.newest
    for _ in range(12):
        found = log(monitor, rng, 20_000, {"sw": 0.87})
        if any(alert.signal == "accuracy" for alert in found.alerts):
            break
    alert = next(alert for alert in found.alerts if alert.signal == "accuracy")
    delay = (alert.found_at - began).total_seconds() * PER_SECOND * SHARES["sw"]
    record_property("predictions of the language until the drop was found", delay)
    assert {each.language for each in found.snapshot.alerts} == {"sw"}
    assert 0 < delay < 10_000
    assert monitor.check_accuracy_drift("sw", threshold=0.03).state == "drift"
    assert not any(monitor.check_accuracy_drift(tag) for tag in SHARES if tag != "sw")


@pytest.mark.slow
def test_without_labels_the_estimate_finds_what_the_confidence_shows():
    rng = np.random.default_rng(12)
    monitor = monitored(rng, 10_000)
    assert log(monitor, rng, 20_000, {}, labelled=False).snapshot.alerts == ()
    found = log(monitor, rng, 100_000, {"sw": 0.80}, labelled=False)
    assert {alert.language for alert in found.alerts} == {"sw"}
    assert "estimate" in {alert.signal for alert in found.alerts}
    assert found["sw"].estimated_accuracy == pytest.approx(0.80, abs=0.04)
    assert found["sw"].rolling_accuracy is None
