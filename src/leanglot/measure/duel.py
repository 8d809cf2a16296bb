"""Two models timed in turns on random tokens: a first measure of speed where there are no texts yet."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from leanglot.measure.calls import random_rows, settle, timed_call
from leanglot.runtimes.classifier import Classifier

_ROUNDS: Final = 8
_CALLS: Final = 4
_LENGTHS: Final = (16, 128)


def time_in_turns(first: Classifier, second: Classifier, lengths: Sequence[int] = _LENGTHS) -> dict[int, float]:
    """How many times as fast the second answers one text, by its length in tokens.

    Args:
        first: What is compared with.
        second: What is measured.
        lengths: Lengths in tokens; longer ones than either reads are cut to what both read.

    Returns:
        The first's median latency divided by the second's.
    """
    longest = min(first.manifest.max_length, second.manifest.max_length)
    return {length: _ratio(first, second, length) for length in dict.fromkeys(min(each, longest) for each in lengths)}


def _ratio(first: Classifier, second: Classifier, length: int) -> float:
    runners = (first, second)
    rows = [random_rows(runner, [length], _CALLS) for runner in runners]
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(_ROUNDS + 1):
        for runner, own, kept in zip(runners, rows, times, strict=True):
            settle(runner, own[0])
            calls = [timed_call(runner, row) for row in own]
            if turn:  # the first round warms up
                kept.extend(calls)
    return float(np.median(times[0]) / np.median(times[1]))
