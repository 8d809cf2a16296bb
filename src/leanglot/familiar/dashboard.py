"""What a monitor shows of each language, by attribute and by key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace

from leanglot.familiar.drift import State
from leanglot.results.monitoring import Alert, Health, LanguageHealth, Snapshot


@dataclass(frozen=True)
class LanguageDashboard(Mapping[str, object]):
    """One language at a moment; a mapping of its attributes. What is None is not known, and ``missing`` says why.

    Attributes:
        language: Canonical tag.
        health: ``alert``, ``quiet``, ``not enough data`` or ``no baseline``.
        reason: Why it is in that state.
        prediction_count: Predictions since the monitor began.
        labelled_count: Labelled ones among the newest that are kept.
        rolling_accuracy: Accuracy of those.
        accuracy_low: Lower end of its exact 95% interval.
        accuracy_high: Upper end of it.
        baseline_accuracy: Accuracy when the model was judged.
        accuracy_drop: ``baseline_accuracy - rolling_accuracy``.
        estimated_accuracy: Accuracy estimated from the confidence.
        detectable_drop: Smallest drop that would have been found by now.
        drift: ``drift``, ``no drift`` or ``not enough data`` at the threshold of three points.
        avg_confidence: Mean confidence of the last hour.
        latency_p50: Median latency of the last hour in milliseconds.
        latency_p95: 95th percentile of it; None under 130 predictions.
        latency_p99: 99th percentile of it; None under 662 predictions.
        alerts: Open alerts.
        missing: For each None above, why it is None.
    """

    language: str
    health: Health
    reason: str
    prediction_count: int
    labelled_count: int
    rolling_accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    baseline_accuracy: float | None
    accuracy_drop: float | None
    estimated_accuracy: float | None
    detectable_drop: float | None
    drift: State
    avg_confidence: float | None
    latency_p50: float | None
    latency_p95: float | None
    latency_p99: float | None
    alerts: tuple[Alert, ...]
    missing: Mapping[str, str]

    def __getitem__(self, key: str) -> object:
        if key not in self:
            raise KeyError(key)
        return getattr(self, key)

    def __contains__(self, key: object) -> bool:
        return any(field.name == key for field in fields(self))

    def __iter__(self) -> Iterator[str]:
        return (field.name for field in fields(self))

    def __len__(self) -> int:
        return len(fields(self))


@dataclass(frozen=True)
class DashboardMetrics(Mapping[str, LanguageDashboard]):
    """All languages at a moment; a mapping by canonical tag.

    Attributes:
        languages: By canonical tag, the one with most predictions first.
        snapshot: The whole of what the monitor knows, to be stored as JSON with ``snapshot.model_dump_json()``.
        notes: What was assumed or noticed, one sentence each.
    """

    languages: Mapping[str, LanguageDashboard]
    snapshot: Snapshot
    notes: tuple[str, ...] = ()

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """Open alerts, the newest first, those about the mix of languages included."""
        return tuple(alert for alert in self.snapshot.alerts if alert.ended_at is None)

    def __getitem__(self, key: str) -> LanguageDashboard:
        return self.languages[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.languages)

    def __len__(self) -> int:
        return len(self.languages)


def dashboard_of(tag: str, health: LanguageHealth, drift: State, alerts: tuple[Alert, ...]) -> LanguageDashboard:
    """One language's health under the known names.

    Args:
        tag: The language.
        health: What the monitor knows of it.
        drift: Whether its accuracy has drifted.
        alerts: Its open alerts.
    """
    accuracy, baseline = health.accuracy.value, health.baseline_accuracy
    found = LanguageDashboard(
        language=tag,
        health=health.health,
        reason=health.reason,
        prediction_count=health.predictions,
        labelled_count=health.accuracy.n,
        rolling_accuracy=accuracy,
        accuracy_low=health.accuracy.low,
        accuracy_high=health.accuracy.high,
        baseline_accuracy=baseline,
        accuracy_drop=None if accuracy is None or baseline is None else baseline - accuracy,
        estimated_accuracy=health.estimate.value,
        detectable_drop=health.detectable_drop,
        drift=drift,
        avg_confidence=health.confidence,
        latency_p50=health.latency.p50,
        latency_p95=health.latency.p95,
        latency_p99=health.latency.p99,
        alerts=alerts,
        missing={},
    )
    return replace(found, missing=_missing(found, health))


def _missing(found: LanguageDashboard, health: LanguageHealth) -> dict[str, str]:
    unlabelled = health.accuracy.reason or "no label is known yet"
    unjudged = "there is no baseline accuracy"
    timed = f"{health.latency.n:,} predictions in the last hour"
    reasons = {
        "rolling_accuracy": unlabelled,
        "accuracy_low": unlabelled,
        "accuracy_high": unlabelled,
        "baseline_accuracy": unjudged,
        "accuracy_drop": unjudged if health.baseline_accuracy is None else unlabelled,
        "estimated_accuracy": health.estimate.reason or "it is not told",
        "detectable_drop": "not even a total loss would have been found by now",
        "avg_confidence": "none was logged in the last hour",
        "latency_p50": f"{timed}; p50 needs at least 5",
        "latency_p95": f"{timed}; p95 needs at least 130",
        "latency_p99": f"{timed}; p99 needs at least 662",
    }
    return {name: reason for name, reason in reasons.items() if getattr(found, name) is None}
