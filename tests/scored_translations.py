"""Translations for tests: of texts, scored by sacrebleu, and of counts drawn at random."""

from dataclasses import dataclass, replace

import numpy as np

from leanglot.data.parallel import ParallelExamples
from leanglot.measure.silent_failures import Detectors
from leanglot.measure.translation_quality import score_translations
from leanglot.results.translations import Translations
from leanglot.stats.corpus_scores import corpus_chrf

NO_DETECTORS = Detectors(None, frozenset(), {})


@dataclass
class Tokens:
    """What an engine tells of a translation."""

    ids: tuple[int, ...] = (5, 6, 7)
    log_probability: float = -1.0
    finished: bool = True


def parallel(rows, groups=None):
    """Examples of rows of source, reference, source language and target language."""
    return ParallelExamples(*zip(*rows, strict=True), None if groups is None else tuple(groups))


def scored(examples, hypotheses, detectors=NO_DETECTORS):
    return score_translations(examples, hypotheses, [Tokens() for _ in hypotheses], detectors)


def drawn_counts(rng, quality, lengths):
    """chrF's counts of sentences of so many characters, whose n-grams match at rates that fall with their order."""
    counts = np.zeros((len(lengths), 18))
    for order in range(6):
        total = np.maximum(lengths - order, 0)
        counts[:, 3 * order] = counts[:, 3 * order + 1] = total
        counts[:, 3 * order + 2] = rng.binomial(total, np.clip(quality, 0, 1) ** (1 + order / 2))
    return counts


def of_counts(chrf, pair="en→de", group=None):
    """Translations of which nothing but the counts matters."""
    n = len(chrf)
    texts = tuple(f"t{number}" for number in range(n))
    return Translations(
        index=np.arange(n),
        pair=(pair,) * n if isinstance(pair, str) else tuple(pair),
        group=group,
        source=texts,
        reference=texts,
        hypothesis=texts,
        chrf=chrf,
        bleu=np.zeros((n, 10)),
        sentence_chrf=corpus_chrf(chrf),
        confidence=np.full(n, 0.5),
        tokens=np.full(n, 3),
        failed={},
    )


def failing(translations, **kinds):
    """The same with these failures; an underscore stands for the hyphen."""
    found = {kind.replace("_", "-"): np.asarray(shown, dtype=bool) for kind, shown in kinds.items()}
    return replace(translations, failed=found)
