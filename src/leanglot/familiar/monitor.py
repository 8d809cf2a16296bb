"""Watches predictions by language as they are made, under the names that the field's material uses."""

import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import RLock
from typing import Final

import numpy as np

from leanglot.errors import ConfigError, DataError
from leanglot.familiar.baselines import ASSUMED_N, given_baseline, tags_of
from leanglot.familiar.dashboard import DashboardMetrics, dashboard_of
from leanglot.familiar.drift import DriftCheck, check_drift
from leanglot.familiar.rolling import Counted, RollingAccuracy
from leanglot.familiar.tags import is_number
from leanglot.languages import canonical_tag
from leanglot.monitor.events import Events, Reading
from leanglot.monitor.rules import Rules
from leanglot.monitor.watch import Watch

_AT_ONCE: Final = 4_096
_THREE_POINTS: Final = 0.03

# What is taken as it is; all else is looked at more closely.
_ANSWERS: Final = frozenset({str, int})
_TRUTHS: Final = frozenset({str, int, type(None)})
_ANSWERS_ALLOWED: Final = "Give the label as a text, or its number."

_Row = tuple[float, str, object, float, float, object]


class MultilingualMonitor:
    """Watches a classifier in production, language by language.

    It may be called from several threads. Predictions are gathered and looked at some thousands at a time, or as soon
    as anything is asked for.

    Args:
        languages: Tags of the languages that are served. Predictions in others are counted as well, without a baseline.
        baseline_metrics: What the model did when it was judged: by language the accuracy, or a mapping with
            ``accuracy`` and ``n``, or what `PerLanguageEvaluator.evaluate` returns; or an artifact's `MonitorBaseline`.
        rules: How it is tested; None takes the usual ones.
        assumed_n: Examples that are assumed behind an accuracy that comes without their number; ``notes`` says where.
        clock: Tells the time in seconds since 1970.

    Raises:
        ConfigError: Something cannot be used.
    """

    def __init__(
        self,
        languages: Iterable[str],
        baseline_metrics: object,
        *,
        rules: Rules | None = None,
        assumed_n: int = ASSUMED_N,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not is_number(assumed_n) or assumed_n < 1 or assumed_n != int(assumed_n):
            raise ConfigError(f"assumed_n is {assumed_n!r}.", "Allowed are whole numbers from 1 on.")
        if rules is not None and not isinstance(rules, Rules):
            raise ConfigError(f"rules is a {type(rules).__name__}.", "Give leanglot.monitor.rules.Rules(...), or None.")
        self.languages = tags_of(languages)
        self._given = given_baseline(self.languages, baseline_metrics, int(assumed_n))
        self._watch = Watch(self._given.baseline, rules, self.languages)
        self._clock = clock
        self._tags = {tag: tag for tag in self.languages}
        self._rows: list[_Row] = []
        self._lock = RLock()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed of the baseline, one sentence each."""
        return self._given.notes

    def log_prediction(
        self,
        language: str,
        prediction: object,
        confidence: float | None,
        latency_ms: float | None,
        ground_truth: object = None,
    ) -> None:
        """Take one prediction.

        Args:
            language: BCP 47 tag.
            prediction: The answered label, or its number.
            confidence: Its probability, from 0 to 1; None where it is not known.
            latency_ms: Milliseconds that the answer took; None where they are not known.
            ground_truth: The right label, of the same kind as ``prediction``; None or NaN where it is not known.

        Raises:
            DataError: A value cannot be used; nothing was taken.
        """
        if not (
            type(prediction) in _ANSWERS
            and type(ground_truth) in _TRUTHS
            and isinstance(language, str)
            and isinstance(confidence, float)
            and isinstance(latency_ms, float | int)
            and 0.0 <= confidence <= 1.0
            and 0.0 <= latency_ms < math.inf
            and (tag := self._tags.get(language)) is not None
        ):
            tag, confidence, latency_ms = self._checked(language, confidence, latency_ms)
            prediction, ground_truth = _answer("prediction", prediction), _answer("ground_truth", ground_truth)
            if prediction is None:
                raise DataError("The prediction is None or NaN.", _ANSWERS_ALLOWED)
        rows = self._rows
        rows.append((self._clock(), tag, prediction, confidence, latency_ms, ground_truth))
        if len(rows) >= _AT_ONCE:
            self._look()

    def calculate_rolling_accuracy(self, language: str, window: int | None = None) -> RollingAccuracy | None:
        """Accuracy of the newest labelled predictions: a number that knows how many they were, and its interval.

        Args:
            language: BCP 47 tag.
            window: How many at most; None takes all that are kept, by default the newest 1,000.

        Returns:
            None where no prediction has been labelled yet.

        Raises:
            ConfigError: The window is not from 1 to what is kept.
            DataError: The language was never named or seen.
        """
        kept = self._watch.rules.recent
        if window is not None and (not is_number(window) or window != int(window) or not 1 <= window <= kept):
            raise ConfigError(
                f"window is {window!r}.",
                f"Allowed are whole numbers from 1 to {kept:,}, the newest labelled predictions that are kept; "
                "rules=Rules(recent=...) keeps more.",
            )
        with self._lock:
            counted = self._counted(self._known(language), window)
        return RollingAccuracy.of(counted) if counted.n else None

    def check_accuracy_drift(self, language: str, threshold: float = _THREE_POINTS) -> DriftCheck:
        """Whether a language's accuracy has fallen.

        ``drift`` comes from the monitor's test, which may be asked at any time and in all languages: the chance that it
        is ever told without a change is bounded by `Rules.alpha`, all languages together. ``no drift`` is told where
        the newest labelled predictions show with 95% certainty that the drop is below the threshold, else ``not enough
        data``.

        Args:
            language: BCP 47 tag.
            threshold: Largest drop that is borne, as a fraction.

        Raises:
            ConfigError: The threshold is no fraction.
            DataError: The language was never named or seen.
        """
        if not is_number(threshold) or not 0 < threshold < 1:
            raise ConfigError(f"threshold is {threshold!r}.", "Allowed are fractions, such as 0.03 for three points.")
        with self._lock:
            return self._drift(self._known(language), threshold)

    def get_dashboard_metrics(self) -> DashboardMetrics:
        """Everything that is known of each language now."""
        with self._lock:
            self._look()
            snapshot = self._watch.snapshot()
            drift = {tag: self._drift(tag, _THREE_POINTS).state for tag in snapshot.languages}
        alerts = {alert.id: alert for alert in snapshot.alerts}
        languages = {
            tag: dashboard_of(tag, health, drift[tag], tuple(alerts[name] for name in health.alerts))
            for tag, health in snapshot.languages.items()
        }
        return DashboardMetrics(languages, snapshot, (*self.notes, *snapshot.notes))

    def _drift(self, tag: str, threshold: float) -> DriftCheck:
        own = self._given.baseline.languages.get(tag)
        baseline = None if own is None else Counted(own.correct, own.n)
        alert = next((each for each in self._watch.open_alerts(tag) if each.signal == "accuracy"), None)
        return check_drift(tag, threshold, baseline, self._counted(tag, None), alert, self._watch.detectable_drop(tag))

    def _counted(self, tag: str, window: int | None) -> Counted:
        return Counted(*self._watch.newest_outcomes(tag, window))

    def _known(self, language: str) -> str:
        self._look()
        tag = canonical_tag(language)
        if tag not in self._watch.languages:
            raise DataError(f"{tag} was neither named nor seen.", f"Watched are {', '.join(self._watch.languages)}.")
        return tag

    def _checked(self, language: str, confidence: float | None, latency_ms: float | None) -> tuple[str, float, float]:
        """The tag and the numbers of a prediction that has something unusual.

        Raises:
            DataError: A value cannot be used.
        """
        sure = _number("confidence", confidence, 1.0, "a number from 0 to 1")
        took = _number("latency_ms", latency_ms, math.inf, "a finite number from 0 on")
        tag = canonical_tag(language)
        if len(self._tags) < self._watch.rules.max_languages:
            self._tags[language] = tag
        return tag, sure, took

    def _look(self) -> None:
        """Hand what was gathered to the watch."""
        with self._lock:
            number = len(self._rows)
            rows = self._rows[:number]
            del self._rows[:number]
            if rows:
                self._watch.add(Reading(_events(rows)))


def _number(name: str, value: object, highest: float, allowed: str) -> float:
    if value is None:
        return math.nan
    if not is_number(value) or not 0 <= float(value) <= highest:  # type: ignore[arg-type] # is_number has looked
        raise DataError(f"{name} is {value!r:.60}.", f"Allowed is {allowed}, or None where it is not known.")
    return float(value)  # type: ignore[arg-type]


def _answer(name: str, value: object) -> str | int | None:
    """A label, the same for numbers that are equal; None where it is absent, as NaN is in a table.

    Raises:
        DataError: It is neither a text nor a number.
    """
    if isinstance(value, str) or value is None:
        return value
    if not isinstance(value, bytes):
        with suppress(TypeError, ValueError, OverflowError, RuntimeError):  # what arrays of several values raise
            number = float(value)  # type: ignore[arg-type] # see above
            return None if math.isnan(number) else int(number) if number.is_integer() else str(number)
    raise DataError(f"{name} is {value!r:.60}.", _ANSWERS_ALLOWED)


def _events(rows: list[_Row]) -> Events:
    times, languages, predictions, confidences, latencies, labels = zip(*rows, strict=True)
    n = len(rows)
    unlogged = np.full(n, -1, dtype=np.int64)
    return Events(
        time=np.array(times, dtype=np.float64),
        language=languages,
        prediction=tuple(map(str, predictions)),
        confidence=np.array(confidences, dtype=np.float64),
        latency_ms=np.array(latencies, dtype=np.float64),
        label=tuple([None if label is None else str(label) for label in labels]),
        id=(None,) * n,
        variant=("",) * n,
        tokens=unlogged,
        unknown=unlogged,
        characters=unlogged,
        script=(None,) * n,
    )
