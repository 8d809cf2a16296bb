"""Translations and their baseline for the tests of the watch by pair."""

import numpy as np
from watched import START, counts

from leanglot.monitor.events import Events
from leanglot.results.monitor_baseline import (
    CONFIDENCE_ENDS,
    FRAGMENTATION_ENDS,
    OUTCOMES,
    RATIO_ENDS,
    TOKEN_ENDS,
    LanguageBaseline,
    MonitorBaseline,
    bins_of,
)

PAIRS = ("en→de", "en→zh")


def drawn(rng, n, *, quality=0.55, failing=0.02, shorter=1.0):
    """Outcome, confidence, chrF and length of `n` translations; the confidence tells of the chrF."""
    chrf = np.clip(rng.normal(quality, 0.2, n), 0.0, 1.0)
    return {
        "outcome": np.where(rng.random(n) < failing, "copied", "translated"),
        "confidence": np.clip(0.25 + 0.7 * chrf + rng.normal(0, 0.05, n), 0.01, 1.0),
        "chrf": np.round(chrf, 6),
        "tokens": rng.integers(4, 30, n),
        "characters": rng.integers(20, 120, n),
        "ratio": rng.normal(1.1, 0.15, n) * shorter,
    }


def translated(pair, columns, *, start=START, references=False, ids=False):
    """The translations as predictions."""
    n = len(columns["chrf"])
    output = np.maximum(0, np.round(columns["ratio"] * columns["characters"])).astype(np.int64)
    return Events(
        time=start + np.arange(n),
        language=(pair,) * n,
        prediction=tuple(columns["outcome"].tolist()),
        confidence=columns["confidence"],
        latency_ms=np.full(n, 40.0),
        label=tuple(f"{value:.6f}" if references else None for value in columns["chrf"].tolist()),
        id=tuple(f"{pair}-{start}-{place}" if ids else None for place in range(n)),
        variant=("student",) * n,
        tokens=columns["tokens"].astype(np.int64),
        unknown=np.zeros(n, dtype=np.int64),
        characters=columns["characters"].astype(np.int64),
        script=("Latn",) * n,
        output_characters=output,
    )


def judged(rng, n=2_000):
    """What a model did on `n` sentences of each pair."""
    languages = {}
    for pair in PAIRS:
        columns = drawn(rng, n)
        seen = translated(pair, columns)
        reach = float(np.quantile(columns["chrf"], 0.5, method="lower"))
        right = columns["chrf"] >= reach
        bins = bins_of(seen.confidence, CONFIDENCE_ENDS)
        languages[pair] = LanguageBaseline(
            n=n,
            correct=int(right.sum()),
            confidence=counts(bins, CONFIDENCE_ENDS),
            confidence_correct=counts(bins[right], CONFIDENCE_ENDS),
            labels={name: seen.prediction.count(name) for name in OUTCOMES},
            tokens=counts(bins_of(seen.tokens, TOKEN_ENDS), TOKEN_ENDS),
            fragmentation=counts(bins_of(seen.tokens / seen.characters, FRAGMENTATION_ENDS), FRAGMENTATION_ENDS),
            unknown=0,
            scripts={"Latn": n},
            ratio=counts(bins_of(seen.output_characters / seen.characters, RATIO_ENDS), RATIO_ENDS),
            reach=reach,
        )
    return MonitorBaseline(name="student", task="translation", labels=OUTCOMES, data="test.jsonl", languages=languages)
