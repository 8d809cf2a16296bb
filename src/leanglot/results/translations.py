"""Stored translations: what a model made of each sentence, with what corpus scores are computed from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanglot.results.translation import FailureKind

Statistics = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Translations:
    """One candidate's translation of each judged sentence; all columns have the same length and order.

    Attributes:
        index: Position of the sentence in the data.
        pair: Language pair of each, such as ``en→de``.
        group: Cluster of each; None where every sentence stands for itself.
        source: What was translated.
        reference: One right translation.
        hypothesis: What the model made of it.
        chrf: chrF's counts per sentence, shape ``(sentences, 18)``: sacrebleu's ``_extract_corpus_statistics``.
        bleu: BLEU's counts per sentence, shape ``(sentences, 10)``: both lengths, matches and totals of 1- to 4-grams.
        sentence_chrf: chrF2 of each sentence alone, as a fraction, shape ``(sentences,)``.
        confidence: Exponential of the mean log probability per token, shape ``(sentences,)``.
        tokens: Number of tokens of each translation.
        failed: For each kind of silent failure, which sentences show it, shape ``(sentences,)``.
    """

    index: NDArray[np.int64]
    pair: tuple[str, ...]
    group: tuple[str, ...] | None
    source: tuple[str, ...]
    reference: tuple[str, ...]
    hypothesis: tuple[str, ...]
    chrf: Statistics
    bleu: Statistics
    sentence_chrf: NDArray[np.float64]
    confidence: NDArray[np.float64]
    tokens: NDArray[np.int64]
    failed: dict[FailureKind, NDArray[np.bool_]]

    def __len__(self) -> int:
        return len(self.pair)

    def by_pair(self) -> dict[str, NDArray[np.int64]]:
        """Ascending positions of each pair's sentences; the pairs come in alphabetical order."""
        pairs = np.asarray(self.pair, dtype=np.str_)
        return {str(pair): np.flatnonzero(pairs == pair) for pair in np.unique(pairs)}
