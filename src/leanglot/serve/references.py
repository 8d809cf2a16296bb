"""Keeps what was translated for a while, so that a reference that comes later can be compared with it (chrF)."""

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from leanglot.serve.answers import Answer
from leanglot.stats.corpus_scores import CHRF_ORDERS, corpus_chrf

MOST_TRANSLATIONS: Final = 10_000
MOST_CHARACTERS: Final = 16_000_000


class Hypotheses:
    """The newest translations by identifier, in memory alone: at most 10,000, of 16 million characters together.

    Args:
        most: How many are kept.
        most_characters: How many characters they may have together.
    """

    def __init__(self, most: int = MOST_TRANSLATIONS, most_characters: int = MOST_CHARACTERS) -> None:
        self._most, self._most_characters = most, most_characters
        self._kept: dict[str, str] = {}
        self._characters = 0
        self._lock = threading.Lock()

    def keep(self, answers: Sequence[Answer]) -> None:
        """Remember the translations among answers; the oldest ones make room."""
        with self._lock:
            for answer in answers:
                if answer.translation is not None:
                    self._forget(answer.id)
                    self._kept[answer.id] = answer.translation.text
                    self._characters += len(answer.translation.text)
            while len(self._kept) > self._most or self._characters > self._most_characters:
                self._forget(next(iter(self._kept)))

    def take(self, identifier: str) -> str | None:
        """A translation, which is kept no longer: it gets one reference. None where it is unknown."""
        with self._lock:
            return self._forget(identifier)

    def _forget(self, identifier: str) -> str | None:
        found = self._kept.pop(identifier, None)
        self._characters -= len(found or "")
        return found


def sentence_chrf(translation: str, reference: str) -> float:
    """chrF2 of one sentence as a fraction, as sacrebleu computes it (Popović, 2015): white space does not count.

    Args:
        translation: What the model made.
        reference: One right translation.
    """
    made, wanted = "".join(translation.split()), "".join(reference.split())
    counts = np.zeros((CHRF_ORDERS, 3))
    for order in range(1, CHRF_ORDERS + 1):
        ours, theirs = _ngrams(made, order), _ngrams(wanted, order)
        counts[order - 1] = ours.total(), theirs.total(), (ours & theirs).total()
    return float(corpus_chrf(counts.reshape(-1)))


def _ngrams(text: str, order: int) -> Counter[str]:
    return Counter(text[start : start + order] for start in range(len(text) - order + 1))
