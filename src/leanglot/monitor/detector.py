"""All tests of one language: predictions and labels in, findings out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from leanglot.monitor.accuracy_test import AccuracyTest
from leanglot.monitor.course import Course, CourseState
from leanglot.monitor.estimate import BINS, Calibration, EstimateTest, contradicted, estimated, pooled_calibration
from leanglot.monitor.events import Events, Floats, Ints
from leanglot.monitor.findings import Finding
from leanglot.monitor.rules import Budget, Rules
from leanglot.monitor.share_tests import LearnedState, ShareTests, Watched
from leanglot.monitor.signals import Layout
from leanglot.monitor.stream import Stream
from leanglot.results.monitor_baseline import CONFIDENCE_ENDS, LanguageBaseline, MonitorBaseline, bins_of
from leanglot.results.monitoring import Share, Signal

__all__ = ["Detector", "DetectorState", "Finding", "Reference", "references"]

_OUTCOMES: Final = 2 * (BINS + 1)  # wrong and right by bin of confidence, and where that was not logged
_SHARES: Final[tuple[Signal, ...]] = (
    *("confidence", "labels", "failures", "ratio", "length", "unknown", "fragmentation", "script"),
)


class DetectorState(BaseModel):
    """Stored form of a detector.

    Attributes:
        predictions: Of all predictions.
        outcomes: Of labelled ones.
        learned: The mix of answers that is compared with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    predictions: CourseState
    outcomes: CourseState
    learned: LearnedState


@dataclass(frozen=True, eq=False)
class Reference:
    """What the predictions of a language are compared with.

    Attributes:
        baseline: What the model did when it was judged in it.
        labels: Names of the classes.
        pooled: Calibration of all languages; see `pooled_calibration`.
        translates: Whether it is of a language pair.
    """

    baseline: LanguageBaseline
    labels: tuple[str, ...]
    pooled: Floats
    translates: bool = False


def references(baseline: MonitorBaseline) -> dict[str, Reference]:
    """What each language of a baseline is compared with, by its tag."""
    pooled = pooled_calibration(baseline.languages.values())
    translates = baseline.task == "translation"
    return {tag: Reference(each, baseline.labels, pooled, translates) for tag, each in baseline.languages.items()}


class Detector:
    """Looks for changes in the predictions of one language.

    If nothing changed, and predictions are independent of each other, the chance that it ever returns a finding is at
    most the sum of its budget; see the decision record on alerts.

    Args:
        reference: What it compares with.
        budget: Error levels of the signals of this language.
        rules: Tolerances and sizes.
        state: Where to go on; None begins.

    Raises:
        RunError: The state belongs to another baseline or other rules.
    """

    def __init__(self, reference: Reference, budget: Budget, rules: Rules, state: DetectorState | None = None) -> None:
        baseline = reference.baseline
        self._rules = rules
        self._judged = sum(baseline.confidence)
        self._layout = Layout.of(baseline, reference.labels, rules, translates=reference.translates)
        self._confidence = self._layout.sections["confidence"].start
        self._calibration = Calibration.of(baseline, reference.pooled) if self._judged else None
        self._shares = ShareTests(
            self._layout.cells, self._layout.reference, _watched(budget, rules), rules, state.learned if state else None
        )
        estimate = [] if self._calibration is None else [self._estimate_test(self._calibration, baseline, budget)]
        self._judges_estimate = bool(estimate and estimate[0].signals())
        self._accuracy = AccuracyTest(
            baseline.correct, baseline.n, budget.of("accuracy"), rules.alpha, rules.design_effect
        )
        predictions, outcomes = (state.predictions, state.outcomes) if state else (None, None)
        self._predictions = Course(
            Stream(rules.block, self._layout.size, predictions.stream if predictions else None),
            [self._shares, *estimate],
            predictions,
        )
        self._outcomes = Course(
            Stream(rules.block, _OUTCOMES, outcomes.stream if outcomes else None), [self._accuracy], outcomes
        )
        self._detectable: tuple[int, float | None] = (0, None)
        self._holds: tuple[int, bool] = (0, True)

    def _estimate_test(self, calibration: Calibration, baseline: LanguageBaseline, budget: Budget) -> EstimateTest:
        return EstimateTest(
            calibration,
            np.asarray(baseline.confidence),
            self._confidence,
            budget.of("estimate"),
            self._rules,
            self._calibration_holds,
        )

    @classmethod
    def restored(cls, state: DetectorState, reference: Reference, budget: Budget, rules: Rules) -> Self:
        """The detector that goes on from a state, with bit for bit the same future.

        Args:
            state: What `state` gave.
            reference: The same as before.
            budget: The same.
            rules: The same.

        Raises:
            RunError: The state belongs to another baseline or other rules.
        """
        return cls(reference, budget, rules, state)

    def state(self) -> DetectorState:
        """All that it knows."""
        return DetectorState(
            predictions=self._predictions.state(), outcomes=self._outcomes.state(), learned=self._shares.state()
        )

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """Findings that have not ended."""
        return self._predictions.open_findings + self._outcomes.open_findings

    def add(self, events: Events) -> tuple[Finding, ...]:
        """Count predictions of this language; their labels are not read here.

        Args:
            events: Any number of them, in order.

        Returns:
            Findings that opened, without ``ended_at``, and those that ended, with it, in order.
        """
        return self._predictions.add(events.time, self._layout.places(events)) if len(events) else ()

    def add_outcomes(self, time: Floats, correct: NDArray[np.bool_], confidence: Floats) -> tuple[Finding, ...]:
        """Count labelled predictions of this language, each once, when its label becomes known.

        Args:
            time: Seconds since 1970, shape ``(n,)``.
            correct: Whether the answer was right.
            confidence: NaN where it was not logged.

        Returns:
            As of `add`.
        """
        bins = np.where(np.isnan(confidence), BINS, bins_of(confidence, CONFIDENCE_ENDS))
        findings = self._outcomes.add(time, [2 * bins + correct]) if time.size else ()
        if self._predictions.has_open("estimate") and not self._calibration_holds():
            findings += self._predictions.end("estimate", float(time.max()))
        return findings

    def _calibration_holds(self) -> bool:
        """Whether the newest full blocks of labelled predictions do not contradict the calibration."""
        blocks = self._outcomes.stream.windows.blocks
        if self._calibration and self._holds[0] != blocks:
            self._holds = (blocks, not self._contradicted(self._calibration, closed=True))
        return self._holds[1]

    def _contradicted(self, calibration: Calibration, *, closed: bool = False) -> bool:
        newest = self._newest(self._outcomes, closed=closed)[: 2 * BINS].reshape(BINS, 2)
        return contradicted(calibration, newest.sum(axis=1), newest[:, 1], self._rules.design_effect)

    def _newest(self, course: Course, *, closed: bool = False) -> Ints:
        """Counts of about the newest predictions, as many as are told of."""
        stream = course.stream
        window = stream.windows.newest(math.ceil(self._rules.recent / self._rules.block))
        counts = np.zeros_like(stream.open_counts) if closed else stream.open_counts
        return counts if window is None else counts + window.counts

    def detectable_drop(self) -> float | None:
        """Smallest drop of accuracy, as old as the first label, that labels would have shown by now, with 80% power.

        None where even a total loss would not have been, or where there are no judged examples.
        """
        windows = self._outcomes.stream.windows
        if self._detectable[0] != windows.blocks:
            self._detectable = (windows.blocks, self._accuracy.detectable(windows, self._rules.block))
        return self._detectable[1]

    def estimate(self) -> Share:
        """Accuracy of the newest predictions, estimated from their confidence, or why it is not told."""
        bins = self._newest(self._predictions)[self._confidence : self._confidence + BINS]
        n = int(bins.sum())
        if self._calibration is None or self._judged < self._rules.estimate_baseline_min:
            least = self._rules.estimate_baseline_min
            return Share(n=n, reason=f"{self._judged:,} judged examples have a confidence, and {least:,} are needed")
        if n < self._rules.estimate_min:
            return Share(
                n=n, reason=f"{n:,} predictions have a confidence, and {self._rules.estimate_min:,} are needed"
            )
        if not self._calibration_holds() or self._contradicted(self._calibration):
            return Share(
                n=n,
                reason="labelled predictions contradict it: among answers of like confidence, not as many are right "
                "as when the model was judged",
            )
        return estimated(self._calibration, bins, self._rules.design_effect)

    def watched(self) -> tuple[Signal, ...]:
        """Signals that have been looked at by now, in the order of their tests."""
        blocks = self._predictions.stream.windows.blocks
        seen = [signal for signal in self._shares.signals() if blocks > self._shares.origin(signal)]
        if self._judges_estimate and blocks:
            seen.append("estimate")
        return (*seen, *(self._accuracy.signals() if self._outcomes.stream.windows.blocks else ()))


def _watched(budget: Budget, rules: Rules) -> Mapping[Signal, Watched]:
    watched = {
        signal: Watched(budget.of(signal), rules.tolerances.of(signal), learned=signal == "labels")
        for signal in _SHARES
        if signal in budget.levels
    }
    if rules.latency_budget_ms is not None:
        watched["latency"] = Watched(budget.of("latency"), 0.0, limit=rules.latency_share)
    return watched
