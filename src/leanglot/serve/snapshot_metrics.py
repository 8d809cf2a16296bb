"""What the monitor knows, as metrics: taken at each scrape, and absent where the monitor does not know."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, get_args

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from leanglot.results.monitoring import Health, LanguageHealth, Snapshot
from leanglot.serve.watching import STOPPED

_PER_LANGUAGE: Final[Mapping[str, tuple[str, Callable[[LanguageHealth], float | None]]]] = {
    "leanglot_accuracy": (
        "Accuracy of the newest labelled predictions; absent where too few have labels.",
        lambda health: health.accuracy.value,
    ),
    "leanglot_accuracy_low": ("Lower end of its 95% interval.", lambda health: health.accuracy.low),
    "leanglot_accuracy_high": ("Upper end of its 95% interval.", lambda health: health.accuracy.high),
    "leanglot_accuracy_estimate": (
        "Accuracy estimated from the confidence; absent where the estimate is silent.",
        lambda health: health.estimate.value,
    ),
    "leanglot_accuracy_estimate_low": ("Lower end of its 95% interval.", lambda health: health.estimate.low),
    "leanglot_accuracy_estimate_high": ("Upper end of its 95% interval.", lambda health: health.estimate.high),
    "leanglot_accuracy_baseline": (
        "Accuracy when the model was judged; absent for languages it was not judged in.",
        lambda health: health.baseline_accuracy,
    ),
    "leanglot_detectable_drop": (
        "Smallest drop of accuracy that would have been found by now; absent where none would.",
        lambda health: health.detectable_drop,
    ),
}


class SnapshotCollector(Collector):
    """Turns a monitor's snapshot into metrics whenever they are collected.

    Args:
        snapshot: Gives the newest snapshot, and returns at once.
    """

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def describe(self) -> list[Metric]:
        """Nothing: registering must not ask the monitor yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics of the snapshot of this moment."""
        snapshot = self._snapshot()
        for name, (text, value_of) in _PER_LANGUAGE.items():
            family = GaugeMetricFamily(name, text, labels=["language"])
            for language, health in snapshot.languages.items():
                if (value := value_of(health)) is not None:
                    family.add_metric([language], value)
            yield family
        running = float(STOPPED not in snapshot.counters)
        yield GaugeMetricFamily("leanglot_monitor_up", "1 while the monitor runs, 0 after a fault ended it.", running)
        yield _health(snapshot)
        yield _alerts(snapshot)
        yield _monitored(snapshot)
        yield _counters(snapshot)
        if snapshot.newest is not None:
            yield GaugeMetricFamily(
                "leanglot_monitor_newest_timestamp_seconds",
                "Time of the newest prediction that the monitor has seen.",
                snapshot.newest.timestamp(),
            )


def _health(snapshot: Snapshot) -> Metric:
    family = GaugeMetricFamily(
        "leanglot_language_health",
        "1 for the state that a language is in, 0 for the others.",
        labels=["language", "health"],
    )
    for language, found in snapshot.languages.items():
        for state in get_args(Health):
            family.add_metric([language, state], float(found.health == state))
    return family


def _alerts(snapshot: Snapshot) -> Metric:
    family = GaugeMetricFamily(
        "leanglot_alert_open",
        "1 while the monitor has an open alert of this language and signal; absent otherwise.",
        labels=["language", "signal"],
    )
    for language, signal in sorted({(a.language, a.signal) for a in snapshot.alerts if a.ended_at is None}):
        family.add_metric([language, signal], 1)
    return family


def _monitored(snapshot: Snapshot) -> Metric:
    family = CounterMetricFamily(
        "leanglot_monitored_predictions", "Predictions that the monitor has counted.", labels=["language"]
    )
    for language, health in snapshot.languages.items():
        family.add_metric([language], health.predictions)
    return family


def _counters(snapshot: Snapshot) -> Metric:
    family = CounterMetricFamily(
        "leanglot_monitor_unusual", "What the monitor skipped or found unusual, such as broken lines.", labels=["kind"]
    )
    for kind, count in snapshot.counters.items():
        family.add_metric([kind], count)
    return family
