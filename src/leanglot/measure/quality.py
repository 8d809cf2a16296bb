"""Runs all examples through a classifier and scores the answers, language by language."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import precision_recall_fscore_support

from leanglot.errors import ModelError
from leanglot.results.measures import LanguageQuality, Quality
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.classifier import Classifier, softmax

LabelIds = NDArray[np.int64]
LabelNames = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Answers:
    """What a classifier answered, in the order of the examples.

    Attributes:
        predicted: Index of the most probable label, shape (examples,).
        confidence: Its softmax probability, shape (examples,).
    """

    predicted: LabelIds
    confidence: NDArray[np.float32]


def answer_all(
    classifier: Classifier,
    rows: Sequence[TokenIds],
    batch_tokens: int,
    on_batch: Callable[[int], None] | None = None,
) -> Answers:
    """Classify tokenized texts in token-budget batches, the way production would.

    Raises:
        ModelError: Some logits are not finite.
    """
    logits = classifier.logits(rows, batch_tokens, on_batch)
    if broken := int((~np.isfinite(logits).all(axis=1)).sum()):
        raise ModelError(f"The logits of {broken} of {len(rows)} texts are not finite (NaN or infinity).")
    probabilities = softmax(logits)
    predicted = probabilities.argmax(axis=1)
    return Answers(predicted, probabilities[np.arange(len(predicted)), predicted])


def score(expected: Sequence[str], predicted: Sequence[str], languages: Sequence[str]) -> Quality:
    """Accuracy, macro-F1, precision and recall, overall and by language.

    Args:
        expected: Right label per example.
        predicted: Answered label per example.
        languages: Language tag per example.
    """
    right, answered, tags = (np.asarray(column, dtype=np.str_) for column in (expected, predicted, languages))
    by_language = {str(tag): _language(right[tags == tag], answered[tags == tag]) for tag in np.unique(tags)}
    precision, recall, f1 = _macro(right, answered)
    return Quality(
        accuracy=float((right == answered).mean()),
        macro_accuracy=float(np.mean([quality.accuracy for quality in by_language.values()])),
        macro_f1=f1,
        precision=precision,
        recall=recall,
        languages=by_language,
    )


def _language(expected: LabelNames, predicted: LabelNames) -> LanguageQuality:
    right = int((expected == predicted).sum())
    interval = binomtest(right, len(expected)).proportion_ci(method="wilson")
    precision, recall, f1 = _macro(expected, predicted)
    return LanguageQuality(
        n=len(expected),
        accuracy=right / len(expected),
        accuracy_low=float(interval.low),
        accuracy_high=float(interval.high),
        macro_f1=f1,
        precision=precision,
        recall=recall,
    )


def _macro(expected: LabelNames, predicted: LabelNames) -> tuple[float, float, float]:
    """Macro precision, recall and F1 over the labels that occur; a label never answered has precision 0."""
    precision, recall, f1, _ = precision_recall_fscore_support(
        expected, predicted, labels=np.unique(expected), average="macro", zero_division=0.0
    )
    return float(precision), float(recall), float(f1)
