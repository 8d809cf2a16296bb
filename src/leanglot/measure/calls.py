"""One timed call of an engine, the pause before engines take turns, and tokens to call them with."""

import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.classifier import Classifier

_PAUSE_S: Final = 0.02  # engines keep their threads spinning for some milliseconds after a call


def timed_call(runner: Classifier, row: TokenIds) -> float:
    """Milliseconds that one text takes, tokenization outside.

    Args:
        runner: What answers.
        row: Token ids, shape (length,).
    """
    ids, mask = row[None, :], np.ones((1, len(row)), dtype=np.int64)
    started = time.perf_counter_ns()
    runner.predictor.logits(ids, mask)
    return (time.perf_counter_ns() - started) / 1e6


def settle(runner: Classifier, row: TokenIds) -> None:
    """Let the other engine's threads stop spinning, and wake this one's, before it is timed."""
    pause()
    timed_call(runner, row)


def pause() -> None:
    """Let an engine's threads stop spinning before another one is timed."""
    time.sleep(_PAUSE_S)


def random_rows(classifier: Classifier, lengths: Sequence[int], count: int, seed: int = 0) -> list[TokenIds]:
    """Rows of ids that the tokenizer knows, within what the model reads.

    Args:
        classifier: What is going to be called.
        lengths: Tokens per row.
        count: How often each length comes, in turns with the others.
        seed: Seed of the tokens.
    """
    manifest, rng = classifier.manifest, np.random.default_rng(seed)
    known = sorted(set(classifier.tokenizer.get_vocab().values()) - {manifest.pad_id})
    fitting = [min(length, manifest.max_length) for length in lengths]
    return [rng.choice(known, length) for _ in range(count) for length in fitting]
