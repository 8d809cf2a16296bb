"""Counts answers that changed, whether they were right or not."""

import numpy as np
from numpy.typing import NDArray

from leanglot.results.gate import Flips
from leanglot.results.predictions import Predictions


def count_flips(one: Predictions, other: Predictions, chosen: NDArray[np.bool_] | None = None) -> Flips:
    """Counts the examples whose answer is another.

    Args:
        one: The answers to start from.
        other: Answers to the same examples in the same order.
        chosen: Which examples count, shape ``(n,)``, at least one of them; None takes all.
    """
    rows = np.ones(len(one), dtype=np.bool_) if chosen is None else chosen
    changed = (np.asarray(one.predicted, dtype=np.str_) != np.asarray(other.predicted, dtype=np.str_))[rows]
    old, new = one.correct[rows], other.correct[rows]
    return Flips(
        n=int(rows.sum()),
        changed=int(changed.sum()),
        right_to_wrong=int((old & ~new).sum()),
        wrong_to_right=int((~old & new).sum()),
        flip_rate=float(changed.mean()),
        agreement=1 - float(changed.mean()),
    )
