"""Snapshots of monitors in all sorts of states, made of real records with seeded numbers."""

import random
import re
from datetime import UTC, datetime, timedelta

from leanglot.results.monitoring import Alert, LanguageHealth, RecentLatency, ShadowFlips, Share, Snapshot

NOW = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)

TAGS = re.findall(
    r"\S+",
    "en de sw th fr es pt-BR zh-Hant zh-Hans ja ko hi ur ar he fa tr ru uk pl cs sk sl hr sr-Latn bg ro hu fi et lv lt"
    " sv nb da nl af is ga cy eu ca gl el sq mk hy ka az kk mn vi id ms tl bn ta te ml kn mr gu",
)

HOSTILE = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "\u202eevil\u202c \x1b[31m",
    "x" * 400,
    "__proto__",
    "constructor",
    "' onmouseover='alert(1)' id='find",
)


def share(value, n, width=0.02):
    return Share(n=n, value=value, low=max(0.0, value - width), high=min(1.0, value + width))


def untold(n=37):
    return Share(n=n, reason=f"{n:,} predictions have a confidence, and 200 are needed")


def language(seed=0, health="quiet", **changed):
    """One language; the seed decides the numbers, keyword arguments replace fields."""
    chance = random.Random(f"{seed}-{health}")
    busy = chance.choice([3, 20, 120, 900])
    per_minute = tuple(max(0, round(chance.gauss(busy, busy / 4))) for _ in range(60))
    hour, right = sum(per_minute), chance.uniform(0.88, 0.97)
    told = health in {"quiet", "alert"}
    fields = {
        "health": health,
        "reason": {
            "quiet": "Enough was seen to find a drop of 4 points, and no alert is open.",
            "alert": "An alert is open.",
            "not enough data": "412 of 1,300 labelled predictions that would show a drop of 10 points.",
            "no baseline": "The baseline has no examples in this language, so no drop can be told.",
        }[health],
        "predictions": hour * 7,
        "last_hour": hour,
        "share": chance.uniform(0.001, 0.2),
        "per_minute": per_minute,
        "latency": RecentLatency(
            n=hour,
            p50=chance.uniform(4, 9),
            p95=chance.uniform(12, 30) if hour >= 130 else None,
            p99=chance.uniform(40, 90) if hour >= 662 else None,
        ),
        "confidence": chance.uniform(0.8, 0.97),
        "accuracy": share(right, 1_000) if told else Share(n=0, reason="no label was seen yet"),
        "estimate": share(right - 0.01, 2_000) if told else untold(),
        "baseline_accuracy": None if health == "no baseline" else right + 0.01,
        "detectable_drop": chance.uniform(0.02, 0.09) if told else None,
        "variants": {"int8": hour * 6, "fp32": hour},
        "shadow": ShadowFlips(
            n=hour, flips=hour // 80, share=share(1 / 80, hour), labelled=100, lost=3, won=1, verdict="inconclusive"
        )
        if told and hour
        else None,
    }
    return LanguageHealth(**(fields | changed))


def alert(number=1, tag="sw", signal="accuracy", **changed):
    fields = {
        "id": f"{tag}-{signal}-{number}",
        "language": tag,
        "signal": signal,
        "since": NOW - timedelta(hours=2, minutes=number),
        "found_at": NOW - timedelta(minutes=30 + number),
        "n": 1_200,
        "baseline": 0.935,
        "now": 0.881,
        "low": -0.08,
        "high": -0.021,
        "chance": 0.05 if number == 1 else 3e-9,
        "message": "Swahili (sw): the accuracy fell from 93.5% to 88.1% (−5.4, between −8.0 and −2.1 points) over the "
        "labelled ones of 1,200 since 2026-11-27 10:29 UTC.",
        "advice": "Read the newest wrong answers of this language. Route it to the baseline model meanwhile.",
    }
    return Alert(**(fields | changed))


def snapshot(languages=None, alerts=(), **changed):
    languages = languages or {}
    hours = [each.per_minute for each in languages.values()]
    fields = {
        "name": "int8-embeddings",
        "began": NOW - timedelta(days=2) if languages else None,
        "newest": NOW if languages else None,
        "predictions": sum(each.predictions for each in languages.values()),
        "per_minute": tuple(map(sum, zip(*hours, strict=True))) or (0,) * 60,
        "languages": languages,
        "alerts": tuple(alerts),
        "alpha": 0.05,
    }
    return Snapshot(**(fields | changed))


def plain_languages(number):
    """So many languages; every fifth has not enough data, every eleventh no baseline."""
    kinds = {0: "quiet"} | dict.fromkeys(range(4, 200, 5), "not enough data")
    kinds |= dict.fromkeys(range(10, 200, 11), "no baseline")
    return {tag: language(tag, kinds.get(index, "quiet")) for index, tag in enumerate(TAGS[:number])}


def usual(number=25):
    """Languages of all kinds, two open alerts, one ended, notes and counters."""
    languages = plain_languages(number)
    alerts = [
        alert(1, "sw"),
        alert(
            2,
            "th",
            "script",
            baseline=0.02,
            now=0.31,
            low=0.2,
            high=0.38,
            message="Texts in another script than Thai went from 2.0% to 31.0%.",
            advice="Check what calls with the language th; texts in another language should carry their own tag.",
        ),
    ]
    opened = {}
    for each in alerts:
        opened[each.language] = (*opened.get(each.language, ()), each.id)
    for tag, ids in opened.items():
        if tag in languages:
            languages[tag] = language(tag, "alert", alerts=ids)
    ended = alert(3, "de", "latency", ended_at=NOW - timedelta(minutes=5), baseline=0.05, now=0.12, low=0.04, high=0.1)
    return snapshot(
        languages,
        [*alerts, ended],
        counters={"broken_lines": 3, "late": 12},
        notes=("3 lines of the log could not be read and were skipped.",),
    )


def crowded(number=60, open_alerts=41):
    """Many languages, many alerts, one of them over all languages."""
    languages = plain_languages(number)
    signals = ["accuracy", "estimate", "confidence", "length", "unknown", "latency"]
    alerts = [
        alert(1, "*", "traffic", message="The mix of languages changed: Thai went from 5% to 21% of the traffic.")
    ]
    for index in range(1, open_alerts):
        tag = TAGS[index % 12]
        alerts.append(alert(index + 1, tag, signals[index % len(signals)]))
    for tag in TAGS[:12]:
        ids = tuple(each.id for each in alerts if each.language == tag)
        if tag in languages and ids:
            languages[tag] = language(tag, "alert", alerts=ids)
    ended = [alert(100 + index, TAGS[index % 20], "confidence", ended_at=NOW) for index in range(30)]
    return snapshot(languages, [*alerts, *ended])


def unsettled(number=25):
    """No language has enough data."""
    return snapshot({tag: language(tag, "not enough data") for tag in TAGS[:number]})


def hostile():
    """Every string from outside says something to a browser."""
    languages = {
        text: language(text, "alert", reason=text, variants={text: 5}, alerts=(f"{text}-1",)) for text in HOSTILE
    }
    alerts = [alert(1, text, id=f"{text}-1", message=text, advice=text) for text in HOSTILE]
    return snapshot(languages, alerts, name=HOSTILE[0], counters=dict.fromkeys(HOSTILE, 1), notes=HOSTILE)
