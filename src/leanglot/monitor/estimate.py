"""Accuracy estimated from the confidence, where no labels arrive: calibrated per language, with what it cannot know.

A calibrated confidence is the share of right answers among judged examples of like confidence. Its mean over live
predictions estimates their accuracy if, among answers of like confidence, as many are right as when the model was
judged. That holds while traffic only shifts between easy and hard texts; it fails where the meaning of texts or labels
changes, or where the model is sure and wrong about texts of a new kind. No confidence can show such a loss: then only
labels do, and once labelled predictions contradict the calibration, the estimate is withdrawn.

Source of the method: Guillory et al., "Predicting with confidence on unseen distributions", ICCV (2021), with binned,
monotone calibration in place of raw confidences.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import expit, logit
from scipy.stats import beta

from leanglot.monitor.events import Floats, Ints
from leanglot.monitor.findings import INTERVAL_LEVEL, Hit, Told
from leanglot.monitor.rules import Rules
from leanglot.monitor.stream import Look
from leanglot.monitor.windows import Window
from leanglot.results.monitor_baseline import CONFIDENCE_ENDS, LanguageBaseline
from leanglot.results.monitoring import Share, Signal
from leanglot.stats.two_samples import mean_at_most, mean_high, mean_low, share_high, share_low

BINS: Final = len(CONFIDENCE_ENDS) + 1
BORROWED: Final = 20.0
"""Examples that all languages' calibration, shifted to a language's own accuracy, is worth in each of its bins."""

_STATED: Final = 2.0  # examples that the stated confidence is worth where no language has any
_SHIFTS: Final = 1.0  # standard deviation of the languages' shifts, in logits, that is thought likely beforehand
_STEPS: Final = 30
_Z: Final = 1.96
_CONTRADICTED_LEVEL: Final = 0.001
_CONTRADICTED_Z: Final = 3.29  # the normal quantile of half of that
_NORMAL_FROM: Final = 100


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Share of right answers by bin of confidence.

    Attributes:
        values: It never falls with the confidence, shape ``(BINS,)``.
        low: Lower ends of the 95% intervals, each bin by itself.
        high: Upper ends of them.
        common: Standard error that all bins have in common, shape ``(BINS,)``.
    """

    values: Floats
    low: Floats
    high: Floats
    common: Floats

    @classmethod
    def of(cls, own: LanguageBaseline, pooled: Floats) -> Self:
        """The calibration of a language.

        The curve of all languages is shifted, in logits, until it fits the language's accuracy; where a bin has few
        examples, its share is drawn towards that.

        Args:
            own: What the model did in it.
            pooled: See `pooled_calibration`.
        """
        n, right = np.asarray(own.confidence, dtype=np.float64), np.asarray(own.confidence_correct, dtype=np.float64)
        shifted, error = _shifted(pooled, n, right)
        seen, hits = n + BORROWED, right + BORROWED * shifted
        values = _never_falling(hits / seen, seen)
        low = beta.ppf(INTERVAL_LEVEL / 2, np.maximum(hits, 0.5), np.maximum(seen - hits, 0.5))
        high = beta.ppf(1 - INTERVAL_LEVEL / 2, np.maximum(hits, 0.5), np.maximum(seen - hits, 0.5))
        return cls(values, np.minimum(low, values), np.maximum(high, values), error * shifted * (1 - shifted))

    def mean(self, counts: Ints) -> float:
        """Mean of the calibrated confidence of predictions counted by bin, at least one."""
        return float(counts @ self.values) / int(counts.sum())

    def spread(self, counts: Ints) -> tuple[float, float]:
        """By how much the mean may lie too high and too low, for want of judged examples, at 95%."""
        weights = counts / counts.sum()
        common = _Z * float(weights @ self.common)
        below = math.hypot(float(np.linalg.norm(weights * (self.values - self.low))), common)
        above = math.hypot(float(np.linalg.norm(weights * (self.high - self.values))), common)
        return below, above


def pooled_calibration(languages: Iterable[LanguageBaseline]) -> Floats:
    """Share of right answers by bin of confidence over all languages, never falling, shape ``(BINS,)``.

    Args:
        languages: Those with confidences; where a bin is empty in all of them, the stated confidence stands in.
    """
    n, right = np.zeros(BINS), np.zeros(BINS)
    for each in languages:
        if len(each.confidence) == BINS:
            n += each.confidence
            right += each.confidence_correct
    ends = np.array([0.0, *CONFIDENCE_ENDS, 1.0])
    stated = (ends[:-1] + ends[1:]) / 2
    return _never_falling((right + _STATED * stated) / (n + _STATED), n + _STATED)


def _shifted(pooled: Floats, n: Floats, right: Floats) -> tuple[Floats, float]:
    """The pooled curve with the likeliest shift in logits for a language, and the shift's standard error (Newton)."""
    logits, shift, information = logit(np.clip(pooled, 1e-4, 1 - 1e-4)), 0.0, 1 / _SHIFTS**2
    for _ in range(_STEPS):
        share = expit(logits + shift)
        information = float(n @ (share * (1 - share))) + 1 / _SHIFTS**2
        step = (float(np.sum(right - n * share)) - shift / _SHIFTS**2) / information
        shift += min(1.0, max(-1.0, step))
    return expit(logits + shift), 1 / math.sqrt(information)


def _never_falling(values: Floats, weights: Floats) -> Floats:
    rising: Floats = isotonic_regression(values, weights=weights).x
    return np.clip(rising, 0.0, 1.0)


def estimated(calibration: Calibration, counts: Ints, design_effect: float = 1.0) -> Share:
    """Accuracy of live predictions, with an interval for their number and for that of the judged examples.

    The distances of both add up in squares (MOVER; see `stats.means`).

    Args:
        calibration: Of the language.
        counts: Predictions by bin of confidence, at least one.
        design_effect: How many of them are worth one independent one.
    """
    n, value = int(counts.sum()), calibration.mean(counts)
    variance = float(counts @ (calibration.values - value) ** 2) / n
    below, above = calibration.spread(counts)
    sampling = _Z**2 * variance * design_effect / n
    return Share(
        n=n,
        value=value,
        low=max(0.0, value - math.sqrt(below**2 + sampling)),
        high=min(1.0, value + math.sqrt(above**2 + sampling)),
    )


def contradicted(calibration: Calibration, counts: Ints, right: Ints, design_effect: float = 1.0) -> bool:
    """Whether labelled predictions show that the calibration does not hold.

    It does not when their accuracy lies farther from its estimate than chance explains once in 1,000 times, given how
    few they and the judged examples are. Under 100 of them, Hoeffding's inequality says so.

    Args:
        calibration: Of the language.
        counts: Labelled predictions by bin of confidence.
        right: Rightly answered ones of them.
        design_effect: How many of them are worth one independent one.
    """
    n = int(counts.sum())
    if n == 0:
        return False
    share, expected = float(right.sum()) / n, calibration.mean(counts)
    if n < _NORMAL_FROM:
        below, above = (end * _CONTRADICTED_Z / _Z for end in calibration.spread(counts))
        too_few = mean_at_most(share, n / design_effect, expected - below)
        too_many = mean_at_most(1 - share, n / design_effect, 1 - expected - above)
        return min(float(too_few), float(too_many)) < _CONTRADICTED_LEVEL / 2
    off = share - expected
    chance = float(counts @ (calibration.values * (1 - calibration.values))) * design_effect / n**2
    unsure = max(calibration.spread(counts)) / _Z
    return abs(off) > _CONTRADICTED_Z * math.sqrt(chance + unsure**2)


class EstimateTest:
    """Tests whether the mean of the calibrated confidence fell by more than the tolerance.

    The calibration was fitted to the same examples that are the reference, so that their mean alone would flatter it.
    But it never falls with the confidence: its mean is a sum, with weights that are not negative, of the shares of
    predictions above each bin's end. Exact bounds of all those shares at once, at half of the level, spent once,
    therefore bound the reference's mean for whatever calibration was fitted. Given it, the live mean is one of
    independent values within a known range; the other half of the level goes to Hoeffding's inequality for it.

    Args:
        calibration: Of the language.
        reference: Judged examples by bin of confidence, shape ``(BINS,)``.
        place: First place of the confidence's bins in the counts of a window.
        level: Error level of all its looks together.
        rules: Tolerance, error level and least numbers.
        holds: Tells whether labelled predictions do not contradict the calibration; nothing is found where they do.
    """

    def __init__(
        self,
        calibration: Calibration,
        reference: Ints,
        place: int,
        level: float,
        rules: Rules,
        holds: Callable[[], bool],
    ) -> None:
        self._bins = slice(place, place + BINS)
        self._alpha, self._level, self._least = rules.alpha, level / 2, rules.estimate_min
        self._calibration, self._holds = calibration, holds
        self._tolerance, self._effect = rules.tolerances.estimate, rules.design_effect
        floor, top = float(calibration.values[0]), float(calibration.values[-1])
        n = int(reference.sum())
        self._range = top - floor
        self._watched = n >= rules.estimate_baseline_min and self._range > 0
        self._floor = floor
        if self._watched:
            steps = np.diff(calibration.values)
            above = n - np.cumsum(reference)[:-1]
            least = float(steps @ share_low(above, n, level / 2 / (BINS - 1)))
            self._expected = (least - self._tolerance) / self._range
            most = float(steps @ share_high(above, n, INTERVAL_LEVEL / 4 / (BINS - 1)))
            likely = float(steps @ share_low(above, n, INTERVAL_LEVEL / 4 / (BINS - 1)))
            self._reference = (calibration.mean(reference), floor + likely, floor + most)

    def signals(self) -> tuple[Signal, ...]:
        """The estimate, where there are judged examples enough."""
        return ("estimate",) if self._watched else ()

    def has(self, signal: Signal, cell: int) -> bool:
        """Whether a share is one of its own; see `Test`."""
        return signal in self.signals() and cell == 0

    def look(self, look: Look, earliest: Mapping[Signal, int]) -> list[Hit]:
        """The falls that it finds; see `Test`."""
        if "estimate" not in earliest:
            return []
        counts = look.counts[:, self._bins]
        n = counts.sum(axis=1)
        means = (counts @ self._calibration.values / np.maximum(n, 1) - self._floor) / self._range
        hits = []
        for row in np.flatnonzero((n >= self._least) & (means < self._expected)).tolist():
            window = look.windows[row]
            if window.first >= earliest["estimate"]:
                chance = float(mean_at_most(means[row], n[row] / self._effect, self._expected))
                hits.append(Hit("estimate", 0, window, chance / (self._level * window.part())))
        found = [hit for hit in hits if hit.strength <= 1]
        return found if found and self._holds() else []

    def told(self, hit: Hit) -> Told:
        """The numbers of a hit; see `Test`."""
        counts = hit.window.counts[self._bins]
        n, now = int(counts.sum()), self._calibration.mean(counts)
        mean = self._within_range(counts)
        baseline, least, most = self._reference
        low = self._floor + self._range * mean_low(mean, n / self._effect, INTERVAL_LEVEL / 4)
        high = self._floor + self._range * mean_high(mean, n / self._effect, INTERVAL_LEVEL / 4)
        chance, limit = self._alpha * (1 + hit.strength) / 2, baseline - self._tolerance
        return Told(n, baseline, now, low - most, high - least, chance, "right answers, estimated", limit)

    def _within_range(self, counts: Ints) -> float:
        """The mean of predictions counted by bin, as a fraction of the way from the lowest value to the highest."""
        return min(1.0, max(0.0, (self._calibration.mean(counts) - self._floor) / self._range))

    def settled(self, cell: int, window: Window, halfway: float, level: float) -> bool:  # noqa: ARG002 - it has one share
        """Whether the mean is in order, and another one is proven to be surpassed; see `Test`."""
        counts = window.counts[self._bins]
        n = int(counts.sum())
        if not n:
            return False
        mean = self._within_range(counts)
        least = (halfway - self._floor) / self._range
        return mean >= self._expected and float(mean_at_most(1 - mean, n / self._effect, 1 - least)) <= level
