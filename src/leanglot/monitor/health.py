"""Puts each language's health together from what is watched in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from leanglot.monitor.language import LanguageWatch
from leanglot.monitor.rightness import same_label
from leanglot.monitor.shadow_counts import shadow_flips
from leanglot.monitor.wording import PAIR_SHARE
from leanglot.results.monitor_baseline import LanguageBaseline, MonitorBaseline
from leanglot.results.monitoring import Alert, Health, LanguageHealth, ShadowFlips, Share


@dataclass(frozen=True, slots=True)
class _Words:
    """How sentences name what is watched.

    Attributes:
        place: What the model was judged in.
        fall: What tests look for.
        quality: What labels tell of.
        labels: What becomes known later.
        labelled: Predictions of which it did.
        nothing: Why nothing is told of the quality before it did of any.
    """

    place: str
    fall: str
    quality: str
    labels: str
    labelled: str
    nothing: str


_OF_LANGUAGES: Final = _Words(
    "this language", "A drop of accuracy", "accuracy", "labels", "labelled", "no label is known yet"
)
_OF_PAIRS: Final = _Words(
    "this pair", f"A fall of {PAIR_SHARE}", "quality", "references", "with a reference", "no reference is known yet"
)


@dataclass(frozen=True, slots=True)
class _Circumstances:
    """What a language's health depends on beside itself.

    Attributes:
        time: The end of the last hour, in seconds since 1970.
        per_minute: Its predictions in each of the last 60 minutes.
        all_last_hour: Predictions of the last hour in all languages.
        baseline: What it is compared with.
        shadow: What the shadowed traffic shows.
        alerts: Its open alerts, the newest first.
    """

    time: float
    per_minute: tuple[int, ...]
    all_last_hour: int
    baseline: LanguageBaseline | None
    shadow: ShadowFlips | None
    alerts: tuple[Alert, ...]


def healths(
    languages: Mapping[str, LanguageWatch],
    baseline: MonitorBaseline | None,
    alerts: Mapping[str, tuple[Alert, ...]],
    time: float,
) -> dict[str, LanguageHealth]:
    """The health of all languages, the one with most predictions first.

    Args:
        languages: What is watched.
        baseline: What it is compared with.
        alerts: Open alerts by language, the newest first.
        time: The end of the last hour, in seconds since 1970.
    """
    judged = {} if baseline is None else baseline.languages
    shadows = shadow_flips({name: own.shadow for name, own in languages.items()})
    minutes = {name: own.minutes.at(time) for name, own in languages.items()}
    total = sum(map(sum, minutes.values()))
    order = sorted(languages, key=lambda name: (-languages[name].predictions, name))
    return {
        name: _health(
            languages[name],
            _Circumstances(time, minutes[name], total, judged.get(name), shadows.get(name), alerts.get(name, ())),
        )
        for name in order
    }


def _health(own: LanguageWatch, around: _Circumstances) -> LanguageHealth:
    last_hour = sum(around.per_minute)
    detectable = None if own.detector is None else own.detector.detectable_drop()
    estimate = Share(n=0, reason="there is no baseline") if own.detector is None else own.detector.estimate()
    words = _OF_LANGUAGES if own.right is same_label else _OF_PAIRS
    health, reason = _state(own, around, words, detectable, estimate)
    baseline = around.baseline
    return LanguageHealth(
        health=health,
        reason=reason,
        predictions=own.predictions,
        last_hour=last_hour,
        share=last_hour / around.all_last_hour if around.all_last_hour else None,
        per_minute=around.per_minute,
        latency=own.hour.latency(around.time),
        confidence=own.hour.confidence(around.time),
        accuracy=own.outcomes.share() if own.outcomes.seen else Share(n=0, reason=words.nothing),
        estimate=estimate,
        baseline_accuracy=baseline.correct / baseline.n if baseline is not None and baseline.n else None,
        detectable_drop=detectable,
        variants=dict(own.variants),
        shadow=around.shadow,
        alerts=tuple(alert.id for alert in around.alerts),
    )


def _state(
    own: LanguageWatch, around: _Circumstances, words: _Words, detectable: float | None, estimate: Share
) -> tuple[Health, str]:
    if around.alerts:
        return "alert", around.alerts[0].message
    if own.detector is None:
        return (
            "no baseline",
            f"The model was not judged in {words.place}: predictions are counted, and nothing is tested.",
        )
    if detectable is not None:
        return "quiet", (
            f"No alert is open. {words.fall} by {detectable * 100:.1f} points or more would probably have been "
            "found by now."
        )
    if estimate.value is not None:
        return "quiet", (
            f"No alert is open. Too few {words.labels} tell of the {words.quality}; it is estimated from the "
            "confidence."
        )
    labelled = (
        f"{own.outcomes.seen:,} of them {words.labelled}" if own.outcomes.seen else f"none of them {words.labelled}"
    )
    return "not enough data", (
        f"{own.predictions:,} predictions, {labelled}: even a total loss of {words.quality} might not be found yet. "
        f"No estimate either: {estimate.reason or 'it is not told'}."
    )
