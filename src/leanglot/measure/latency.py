"""Latency of one model alone, at batch size 1: texts in rotation until there are enough calls."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from leanglot.measure.calls import timed_call
from leanglot.measure.speed import Milliseconds
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.classifier import Classifier

_WARM_UP = 12

Kind = TypeVar("Kind")


def time_in_rotation(
    classifier: Classifier, rows: Mapping[Kind, Sequence[TokenIds]], calls: int
) -> dict[Kind, Milliseconds]:
    """Times each kind of text equally often, in turns, so that a slow minute of the machine hits all of them.

    Args:
        classifier: What answers.
        rows: Token ids of the texts of each kind, such as a language; at least one of each.
        calls: Timed calls per kind; where there are fewer texts, they come again.

    Returns:
        Milliseconds per call and kind, tokenization outside, each of shape (calls,).
    """
    for number in range(_WARM_UP):
        for own in rows.values():
            timed_call(classifier, own[number % len(own)])
    times = {kind: np.empty(calls) for kind in rows}
    for number in range(calls):
        for kind, own in rows.items():
            times[kind][number] = timed_call(classifier, own[number % len(own)])
    return times
