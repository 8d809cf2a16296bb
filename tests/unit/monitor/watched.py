"""Predictions and baselines for the tests of the watch."""

import numpy as np

from leanglot.monitor.events import Events
from leanglot.results.monitor_baseline import (
    CONFIDENCE_ENDS,
    FRAGMENTATION_ENDS,
    TOKEN_ENDS,
    LanguageBaseline,
    MonitorBaseline,
    bins_of,
)

START = 1_700_000_000.0
LABELS = ("lights", "music", "weather")


def events(times, languages, **columns):
    """Predictions at given times; a column may be one value for all of them."""
    n = len(times)
    texts = {"prediction": "lights", "label": None, "id": None, "variant": "int8", "script": "Latn"}
    floats = {"confidence": 0.9, "latency_ms": 10.0}
    counts = {"tokens": 8, "unknown": 0, "characters": 30}
    unknown = set(columns) - {*texts, *floats, *counts}
    assert not unknown, unknown
    filled = {}
    for name, value in {**texts, **columns}.items():
        if name in texts:
            filled[name] = (value,) * n if value is None or isinstance(value, str) else tuple(value)
    for name, value in {**floats, **counts}.items():
        kind = np.float64 if name in floats else np.int64
        filled[name] = np.broadcast_to(np.asarray(columns.get(name, value), dtype=kind), (n,)).copy()
    spoken = (languages,) * n if isinstance(languages, str) else tuple(languages)
    return Events(time=np.asarray(times, dtype=np.float64), language=spoken, **filled)


def none():
    """No predictions."""
    return events([], ())


def traffic(rng, n, shares, accuracy=0.9, *, start=START, gap=0.1, labelled=1.0, **columns):
    """Random predictions of several languages.

    `accuracy` is one number, or one by language. Confidence tells of being right.
    """
    names = list(shares)
    languages = rng.choice(names, n, p=np.array(list(shares.values())) / sum(shares.values())).tolist()
    chance = np.array([accuracy if isinstance(accuracy, float) else accuracy[name] for name in languages])
    correct = rng.random(n) < chance
    label = rng.choice(LABELS, n)
    wrong = np.array([LABELS[(LABELS.index(name) + 1) % 3] for name in label])
    confidence = np.where(correct, rng.beta(9, 1, n), rng.beta(4, 3, n))
    known = rng.random(n) < labelled
    return events(
        start + gap * np.arange(n),
        languages,
        prediction=np.where(correct, label, wrong).tolist(),
        label=[name if told else None for name, told in zip(label.tolist(), known.tolist(), strict=True)],
        confidence=confidence,
        latency_ms=rng.lognormal(2.0, 0.5, n),
        tokens=rng.integers(4, 20, n),
        characters=rng.integers(20, 60, n),
        **columns,
    )


def baseline(rng, languages, n=5_000, accuracy=0.9):
    """What a model did on `n` examples of each language, drawn just like `traffic`."""
    found = {}
    for language in languages:
        drawn = traffic(rng, n, {language: 1.0}, accuracy)
        correct = np.array([a == b for a, b in zip(drawn.prediction, drawn.label, strict=True)])
        bins = bins_of(drawn.confidence, CONFIDENCE_ENDS)
        found[language] = LanguageBaseline(
            n=n,
            correct=int(correct.sum()),
            confidence=counts(bins, CONFIDENCE_ENDS),
            confidence_correct=counts(bins[correct], CONFIDENCE_ENDS),
            labels={name: drawn.prediction.count(name) for name in LABELS},
            tokens=counts(bins_of(drawn.tokens, TOKEN_ENDS), TOKEN_ENDS),
            fragmentation=counts(bins_of(drawn.tokens / drawn.characters, FRAGMENTATION_ENDS), FRAGMENTATION_ENDS),
            unknown=0,
            scripts={"Latn": n},
        )
    return MonitorBaseline(name="demo", labels=LABELS, data="test.jsonl", languages=found)


def counts(bins, ends):
    return tuple(np.bincount(bins, minlength=len(ends) + 1).tolist())


def judged_alone(n, correct):
    """A baseline that knows the accuracy and nothing else."""
    nothing = dict.fromkeys(("confidence", "confidence_correct", "tokens", "fragmentation"), ())
    return LanguageBaseline(n=n, correct=correct, labels={}, unknown=0, scripts={}, **nothing)
