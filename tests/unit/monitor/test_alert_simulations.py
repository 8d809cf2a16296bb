"""Simulated traffic of many languages: no false alarms, and real losses found, each in its own language alone."""

import numpy as np
import pytest
from watched import baseline, traffic

from leanglot.monitor.detector import Detector, references
from leanglot.monitor.grouping import by_language, rows_of
from leanglot.monitor.rules import Rules

pytestmark = pytest.mark.no_cover  # tracing would take as long again as the simulations

LANGUAGES = [f"x{number:02}" for number in range(30)]
SHARES = {
    "x00": 0.05,
    **{name: 0.95 * weight for name, weight in zip(LANGUAGES[1:], np.arange(29, 0, -1) / 435, strict=True)},
}
PORTION = 10_000
SLOW_SEEDS = [pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3)]


class Simulation:
    """Detectors of all languages and their findings, with the number of predictions after which each came."""

    def __init__(self, judged, alpha=0.05):
        rules = Rules(alpha=alpha, latency_budget_ms=30.0)
        budget = rules.budget(len(judged.languages))
        self.detectors = {tag: Detector(each, budget, rules) for tag, each in references(judged).items()}
        self.found = []
        self.predictions = 0

    def feed(self, rows):
        for start in range(0, len(rows), PORTION):
            part = rows_of(rows, np.arange(start, min(start + PORTION, len(rows))))
            self.predictions += len(part)
            for language, own in by_language(part, {name: name for name in part.language}):
                self._feed_one(language, own)

    def _feed_one(self, language, own):
        detector = self.detectors[language]
        known = np.array([label is not None for label in own.label])
        correct = np.array([one == other for one, other in zip(own.prediction, own.label, strict=True)])
        findings = detector.add(own)
        findings += detector.add_outcomes(own.time[known], correct[known], own.confidence[known])
        self.found += [(language, finding, self.predictions) for finding in findings]


def drifting(rng, n, accuracy, **columns):
    by_tag = dict.fromkeys(SHARES, 0.9) | accuracy
    return traffic(rng, n, SHARES, by_tag, **columns)


@pytest.mark.parametrize("seed", [0, 1, *SLOW_SEEDS])
def test_no_drift_in_a_hundred_thousand_predictions_of_thirty_languages_raises_nothing(seed):
    """The promise is 5% of such monitors over their whole life; judged examples are drawn anew for each."""
    rng = np.random.default_rng(seed)
    simulation = Simulation(baseline(rng, LANGUAGES, n=int(rng.choice([200, 1_000, 3_000]))))
    simulation.feed(drifting(rng, 100_000, {}))
    assert simulation.found == []
    assert all(detector.open_findings == () for detector in simulation.detectors.values())


@pytest.mark.slow
def test_forty_whole_monitors_at_an_alpha_of_a_half_raise_less_than_that():
    rng, alarmed = np.random.default_rng(4), 0
    for _ in range(40):
        simulation = Simulation(baseline(rng, LANGUAGES[:6], n=300), alpha=0.5)
        simulation.feed(traffic(rng, 20_000, dict.fromkeys(LANGUAGES[:6], 1.0)))
        alarmed += bool(simulation.found)
    assert alarmed <= 20


@pytest.mark.parametrize("seed", [0, *SLOW_SEEDS])
def test_three_points_lost_in_one_language_of_five_percent_are_found_and_the_others_stay_quiet(seed, record_property):
    """10,000 judged examples of that language; the loss begins after 100,000 predictions."""
    rng = np.random.default_rng([10, seed])
    judged = baseline(rng, LANGUAGES, n=1_000)
    large = baseline(rng, ["x00"], n=10_000).languages
    simulation = Simulation(judged.model_copy(update={"languages": {**judged.languages, **large}}))
    simulation.feed(drifting(rng, 100_000, {}))
    assert simulation.found == []
    while simulation.predictions < 600_000 and not simulation.found:
        simulation.feed(drifting(rng, 20_000, {"x00": 0.87}, start=1.8e9 + simulation.predictions))
    assert {(language, finding.signal) for language, finding, _ in simulation.found} == {("x00", "accuracy")}
    _, finding, after = simulation.found[0]
    record_property("predictions until found", after - 100_000)
    assert after - 100_000 <= 160_000
    assert finding.now < finding.baseline
    assert finding.high < 0


def test_a_loss_that_shows_in_the_confidence_alone_is_found_by_the_estimate():
    """No label ever arrives; texts of one language become harder, and the model as unsure of them as it should be."""
    rng = np.random.default_rng(5)
    simulation = Simulation(baseline(rng, LANGUAGES, n=2_000))
    simulation.feed(drifting(rng, 60_000, {}, labelled=0.0))
    assert simulation.found == []
    simulation.feed(drifting(rng, 100_000, {"x00": 0.6}, labelled=0.0, start=1.8e9))
    assert {language for language, _, _ in simulation.found} == {"x00"}
    (found,) = [finding for _, finding, _ in simulation.found if finding.signal == "estimate"]
    assert {finding.signal for _, finding, _ in simulation.found} <= {"estimate", "confidence"}
    assert found.now < found.baseline - 0.05
    assert found.baseline == pytest.approx(0.9, abs=0.02)
    detector = simulation.detectors["x00"]
    assert detector.estimate().high < found.baseline
    assert detector.detectable_drop() is None
