"""Everything that is watched in one language."""

from collections import Counter
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from leanglot.monitor.detector import Detector, DetectorState
from leanglot.monitor.events import Events, Floats
from leanglot.monitor.findings import Finding
from leanglot.monitor.last_hour import LastHour, SlotState
from leanglot.monitor.pending import shortened
from leanglot.monitor.recent import MinuteCounts, MinuteState, Outcomes
from leanglot.monitor.rightness import Rightness, same_label
from leanglot.monitor.shadow_counts import ShadowCounts, ShadowTally
from leanglot.monitor.stored import Count

MOST_VARIANTS: Final = 20
OTHER: Final = "other"


class LanguageState(BaseModel):
    """Stored form of `LanguageWatch`.

    Attributes:
        predictions: All of them.
        minutes: Those of the last 60 minutes.
        slots: Latency and confidence of the last hour, by the number of the five minutes.
        outcomes: The newest labelled predictions, ``1`` for right ones.
        labelled: All labelled predictions.
        variants: Predictions by variant.
        shadow: Where the baseline model answered as well.
        detector: The tests; None without a baseline.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    predictions: Count
    minutes: MinuteState
    slots: dict[int, SlotState]
    outcomes: str = Field(pattern="^[01]*$")
    labelled: Count
    variants: dict[str, Count]
    shadow: ShadowCounts
    detector: DetectorState | None


class LanguageWatch:
    """One language.

    Args:
        kept: How many of the newest labelled predictions are kept.
        detector: The tests against the baseline; None where there is no baseline.
        right: Judges predictions once something becomes known of them.
    """

    def __init__(self, kept: int, detector: Detector | None, right: Rightness = same_label) -> None:
        self.detector = detector
        self.right = right
        self.predictions = 0
        self.minutes = MinuteCounts()
        self.hour = LastHour()
        self.outcomes = Outcomes(kept)
        self.variants: Counter[str] = Counter()
        self.shadow = ShadowTally()

    def add(self, events: Events) -> tuple[Finding, ...]:
        """Take predictions of this language.

        Args:
            events: At least one; their times never fall, and are none before those that were taken.

        Returns:
            What opened or ended.
        """
        self.predictions += len(events)
        self.minutes.add(events.time)
        self.hour.add(events.time, events.latency_ms, events.confidence)
        self._count_variants(events.variant)
        found = () if self.detector is None else self.detector.add(events)
        judged = [
            (row, self.right(events.prediction[row], label))
            for row, label in enumerate(events.label)
            if label is not None
        ]
        known = [(row, right) for row, right in judged if right is not None]
        if not known:
            return found
        rows = [row for row, _ in known]
        correct = np.array([right for _, right in known], dtype=np.bool_)
        return found + self.labelled(events.time[rows], correct, events.confidence[rows])

    def labelled(self, times: Floats, correct: NDArray[np.bool_], confidence: Floats) -> tuple[Finding, ...]:
        """Take what became known of predictions that were taken before.

        Args:
            times: When they were predicted.
            correct: Whether they were right.
            confidence: NaN where it was not logged.

        Returns:
            What opened or ended.
        """
        self.outcomes.add(correct)
        return () if self.detector is None else self.detector.add_outcomes(times, correct, confidence)

    def _count_variants(self, variants: tuple[str, ...]) -> None:
        for name, number in Counter(map(shortened, filter(None, variants))).items():
            known = name in self.variants or len(self.variants) < MOST_VARIANTS
            self.variants[name if known else OTHER] += number

    def state(self) -> LanguageState:
        """Everything, to be stored."""
        return LanguageState(
            predictions=self.predictions,
            minutes=self.minutes.state(),
            slots=self.hour.state(),
            outcomes=self.outcomes.state(),
            labelled=self.outcomes.seen,
            variants=dict(self.variants),
            shadow=self.shadow.state(),
            detector=None if self.detector is None else self.detector.state(),
        )


def restored(
    state: LanguageState, kept: int, detector: Detector | None, right: Rightness = same_label
) -> LanguageWatch:
    """The language that goes on from a stored state.

    Args:
        state: What `LanguageWatch.state` gave.
        kept: How many of the newest labelled predictions are kept.
        detector: The tests, restored; None where there is no baseline.
        right: Judges predictions once something becomes known of them.
    """
    found = LanguageWatch(kept, detector, right)
    found.predictions = state.predictions
    found.minutes = MinuteCounts(state.minutes)
    found.hour = LastHour.restored(state.slots)
    found.outcomes = Outcomes(kept, state.outcomes, state.labelled)
    found.variants = Counter(state.variants)
    found.shadow = ShadowTally.restored(state.shadow)
    return found
