"""One timed call of an engine, and the pause before engines take turns."""

import time
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
    time.sleep(_PAUSE_S)
    timed_call(runner, row)
