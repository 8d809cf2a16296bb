"""Stored translations: what a model made of each sentence, with what corpus scores are computed from."""

from collections.abc import Sequence
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

    def subset(self, positions: NDArray[np.int64]) -> "Translations":
        """The translations at these positions, in the order given.

        Args:
            positions: Positions in ``[0, len(self))``, shape ``(k,)``.
        """
        chosen = [int(position) for position in positions]

        def take(column: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(column[position] for position in chosen)

        return Translations(
            index=self.index[positions],
            pair=take(self.pair),
            group=None if self.group is None else take(self.group),
            source=take(self.source),
            reference=take(self.reference),
            hypothesis=take(self.hypothesis),
            chrf=self.chrf[positions],
            bleu=self.bleu[positions],
            sentence_chrf=self.sentence_chrf[positions],
            confidence=self.confidence[positions],
            tokens=self.tokens[positions],
            failed={kind: shown[positions] for kind, shown in self.failed.items()},
        )


def joined(parts: Sequence[Translations]) -> Translations:
    """Translations of different sentences as one, in the order of their ``index``.

    Args:
        parts: At least one; all were looked through for the same kinds of failure.
    """
    first = parts[0]

    def chain(columns: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(cell for column in columns for cell in column)

    whole = Translations(
        index=np.concatenate([part.index for part in parts]),
        pair=chain([part.pair for part in parts]),
        group=None if first.group is None else chain([part.group or () for part in parts]),
        source=chain([part.source for part in parts]),
        reference=chain([part.reference for part in parts]),
        hypothesis=chain([part.hypothesis for part in parts]),
        chrf=np.concatenate([part.chrf for part in parts]),
        bleu=np.concatenate([part.bleu for part in parts]),
        sentence_chrf=np.concatenate([part.sentence_chrf for part in parts]),
        confidence=np.concatenate([part.confidence for part in parts]),
        tokens=np.concatenate([part.tokens for part in parts]),
        failed={kind: np.concatenate([part.failed[kind] for part in parts]) for kind in first.failed},
    )
    return whole.subset(np.argsort(whole.index))
