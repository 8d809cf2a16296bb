"""Corpus chrF and BLEU from summed counts, many corpora at once: what resampling needs, without sacrebleu."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

CHRF_ORDERS: Final = 6
BLEU_ORDERS: Final = 4
REFERENCE_LENGTH: Final = 1
"""Column that holds the reference's length in the counts of both metrics: in characters, or in tokens."""

_Numbers = NDArray[np.float64]


def corpus_chrf(sums: _Numbers) -> _Numbers:
    """chrF2 as a fraction: the F-score, recall weighted four times, of mean n-gram precision and recall.

    Source: Popović, "chrF: character n-gram F-score for automatic MT evaluation" (2015), with the effective order of
    sacrebleu (Post, 2018): orders without an n-gram on either side do not count.

    Args:
        sums: Summed counts of sacrebleu's CHRF, shape ``(..., 18)``: for n-grams of 1 to 6 characters each, those of
            the translation, of the reference, and of both.

    Returns:
        Scores, shape ``(...)``.
    """
    counts = sums.reshape(*sums.shape[:-1], CHRF_ORDERS, 3)
    translated, wanted, matched = counts[..., 0], counts[..., 1], counts[..., 2]
    counted = (translated > 0) & (wanted > 0)
    orders = np.maximum(counted.sum(axis=-1), 1)
    precision = (matched * counted / np.where(counted, translated, 1.0)).sum(axis=-1) / orders
    recall = (matched * counted / np.where(counted, wanted, 1.0)).sum(axis=-1) / orders
    some = precision + recall > 0
    weighed = np.where(some, 4 * precision + recall, 1.0)
    return np.asarray(np.where(some, 5 * precision * recall / weighed, 0.0))


def corpus_bleu(sums: _Numbers) -> _Numbers:
    """BLEU as a fraction: the geometric mean of 1- to 4-gram precision, times the penalty for being too short.

    Source: Papineni et al., "BLEU: a method for automatic evaluation of machine translation" (2002), with the
    exponential smoothing that is sacrebleu's default (Chen and Cherry, 2014, method 3).

    Args:
        sums: Summed counts of sacrebleu's BLEU, shape ``(..., 10)``: tokens of the translations, of the references,
            matching n-grams of orders 1 to 4, and all n-grams of these orders.

    Returns:
        Scores, shape ``(...)``.
    """
    translated, wanted = sums[..., 0], sums[..., REFERENCE_LENGTH]
    matched, total = sums[..., 2 : 2 + BLEU_ORDERS], sums[..., 2 + BLEU_ORDERS :]
    possible = np.asarray((total > 0).all(axis=-1) & (matched > 0).any(axis=-1))
    halvings = np.cumsum(matched == 0, axis=-1)
    smoothed = np.where(matched > 0, matched, 0.5**halvings)
    precisions = np.where(possible[..., None], smoothed / np.maximum(total, 1.0), 1.0)
    too_short = translated < wanted
    penalty = np.where(too_short, np.exp(np.where(too_short, 1 - wanted / np.maximum(translated, 1e-9), 0.0)), 1.0)
    return np.asarray(np.where(possible, penalty * np.exp(np.log(precisions).mean(axis=-1)), 0.0))


CORPUS_SCORES: Final[Mapping[str, Callable[[_Numbers], _Numbers]]] = {"chrf": corpus_chrf, "bleu": corpus_bleu}
"""The score of summed counts, by the metric's name."""
