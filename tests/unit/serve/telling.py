"""Answers, batches and snapshots as the server's parts hand them on."""

from datetime import UTC, datetime

from leanglot.results.monitoring import Alert, LanguageHealth, RecentLatency, Share, Snapshot
from leanglot.serve.answers import Answer


def answer(identifier="a1", **changes):
    facts = {"label": "lights", "confidence": 0.875, "language": "de", "variant": "int8", "tokens": 7, "unknown": 0}
    facts |= {"characters": 19, "script": "Latn", "truncated": False}
    return Answer(id=identifier, **(facts | changes))


def health(state="quiet", **changes):
    silent = Share(n=0, reason="no labels")
    facts = {"health": state, "reason": "because", "predictions": 100, "last_hour": 100, "share": 1.0}
    facts |= {"per_minute": (0,) * 60, "latency": RecentLatency(n=0), "confidence": None, "accuracy": silent}
    facts |= {"estimate": silent, "baseline_accuracy": None, "detectable_drop": None, "variants": {"int8": 100}}
    return LanguageHealth(**(facts | changes))


def alert(language="sw", signal="accuracy", ended=False):
    moment = datetime(2026, 11, 1, 12, tzinfo=UTC)
    return Alert(
        id=f"{language}-{signal}-1",
        language=language,
        signal=signal,
        since=moment,
        found_at=moment,
        ended_at=moment if ended else None,
        n=500,
        baseline=0.9,
        now=0.8,
        low=-0.15,
        high=-0.05,
        chance=0.05,
        message="Accuracy fell.",
        advice="Look.",
    )


def snapshot(languages=None, alerts=(), **changes):
    newest = datetime(2026, 11, 1, 12, tzinfo=UTC)
    facts = {"name": "int8", "began": newest, "newest": newest, "predictions": 100, "per_minute": (0,) * 60}
    return Snapshot(**(facts | changes), languages=languages or {}, alerts=tuple(alerts), alpha=0.05)
