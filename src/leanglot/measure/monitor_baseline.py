"""Counts by language what a monitor compares with, from a model's judged answers."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from leanglot.results.monitor_baseline import (
    CONFIDENCE_ENDS,
    FRAGMENTATION_ENDS,
    OUTCOMES,
    RATIO_ENDS,
    TOKEN_ENDS,
    Counts,
    LanguageBaseline,
    MonitorBaseline,
    bins_of,
)
from leanglot.results.predictions import Predictions
from leanglot.results.translations import Translations
from leanglot.runtimes.source_facts import source_facts
from leanglot.runtimes.text_facts import TextFacts, unknown_id
from leanglot.runtimes.translation_outcome import outcome_of
from leanglot.runtimes.translator import Translator


def build_monitor_baseline(
    name: str, labels: Sequence[str], data: str, predictions: Predictions, facts: Sequence[TextFacts]
) -> MonitorBaseline:
    """Count by language what a model did on judged examples.

    Args:
        name: Name of the artifact.
        labels: Class names in the order of the logits.
        data: Name of the file with the examples.
        predictions: The model's answers; without confidences, no bin of the confidence counts any.
        facts: The facts about each example's text as this model reads it, aligned with the answers.

    Returns:
        The baseline, its languages in alphabetical order.

    Raises:
        ValueError: There are not as many facts as answers.
    """
    if len(facts) != len(predictions):
        raise ValueError(f"{len(facts)} facts and {len(predictions)} answers")
    tags = np.asarray(predictions.language, dtype=np.str_)
    return MonitorBaseline(
        name=name,
        labels=tuple(labels),
        data=data,
        languages={str(tag): _language(np.flatnonzero(tags == tag), predictions, facts) for tag in np.unique(tags)},
    )


def build_translation_baseline(
    name: str, data: str, translations: Translations, facts: Sequence[TextFacts]
) -> MonitorBaseline:
    """Count by language pair what a model made of judged sentences.

    Translations have no one right answer: those count as right whose chrF reaches the median of their pair, which is
    stored with it, so that labelled traffic can be judged by the same measure.

    Args:
        name: Name of the artifact.
        data: Name of the file with the sentences.
        translations: What the model made of them.
        facts: The facts about each source as this model reads it, aligned with the translations.

    Returns:
        The baseline, its pairs in alphabetical order.

    Raises:
        ValueError: There are not as many facts as translations.
    """
    if len(facts) != len(translations):
        raise ValueError(f"{len(facts)} facts and {len(translations)} translations")
    return MonitorBaseline(
        name=name,
        task="translation",
        labels=OUTCOMES,
        data=data,
        languages={pair: _pair(places, translations, facts) for pair, places in translations.by_pair().items()},
    )


def translation_baseline_of(
    translator: Translator, data: str, translations: Translations, name: str | None = None
) -> MonitorBaseline:
    """Count by language pair what a loaded model made of judged sentences; see `build_translation_baseline`.

    Args:
        translator: The model.
        data: Name of the file with the sentences.
        translations: What it made of them.
        name: Name of the artifact; None takes the model's own.
    """
    unknown = unknown_id(translator.text.tokenizer)
    _, facts = source_facts(translator.text, translations.source, translations.pair, unknown)
    return build_translation_baseline(name or translator.manifest.name, data, translations, facts)


def _pair(places: np.ndarray, translations: Translations, facts: Sequence[TextFacts]) -> LanguageBaseline:
    own = [facts[place] for place in places]
    chrf = translations.sentence_chrf[places]
    # A value that was judged, not the mean of two: "reaches" must hold of about half, also where values repeat.
    reach = float(np.quantile(chrf, 0.5, method="lower"))
    right = chrf >= reach
    confidence = np.clip(translations.confidence[places], 0.0, 1.0)
    known = ~np.isnan(confidence)
    tokens = np.array([each.tokens for each in own])
    characters = np.maximum(1, [each.characters for each in own])
    output = np.array([len(translations.hypothesis[place]) for place in places])
    unfinished = translations.failed.get("unfinished")
    outcomes = [
        outcome_of(
            translations.source[place],
            translations.hypothesis[place],
            translations.pair[place],
            finished=unfinished is None or not unfinished[place],
        )
        for place in places
    ]
    return LanguageBaseline(
        n=len(own),
        correct=int(right.sum()),
        confidence=_counts(confidence[known], CONFIDENCE_ENDS),
        confidence_correct=_counts(confidence[known & right], CONFIDENCE_ENDS),
        labels=_sorted_counts(outcomes),
        tokens=_counts(tokens, TOKEN_ENDS),
        fragmentation=_counts(tokens / characters, FRAGMENTATION_ENDS),
        unknown=sum(each.unknown > 0 for each in own),
        scripts=_sorted_counts([each.script for each in own]),
        ratio=_counts(output / characters, RATIO_ENDS),
        reach=reach,
    )


def _language(places: np.ndarray, predictions: Predictions, facts: Sequence[TextFacts]) -> LanguageBaseline:
    own = [facts[place] for place in places]
    correct = predictions.correct[places]
    confidence = np.array([]) if predictions.confidence is None else predictions.confidence[places]
    sure = correct if predictions.confidence is not None else np.array([], dtype=bool)
    tokens = np.array([each.tokens for each in own])
    characters = np.array([each.characters for each in own])
    return LanguageBaseline(
        n=len(own),
        correct=int(correct.sum()),
        confidence=_counts(confidence, CONFIDENCE_ENDS),
        confidence_correct=_counts(confidence[sure], CONFIDENCE_ENDS),
        labels=_sorted_counts([predictions.predicted[place] for place in places]),
        tokens=_counts(tokens, TOKEN_ENDS),
        fragmentation=_counts(tokens / characters, FRAGMENTATION_ENDS),
        unknown=sum(each.unknown > 0 for each in own),
        scripts=_sorted_counts([each.script for each in own]),
    )


def _counts(values: np.ndarray, ends: tuple[float, ...]) -> Counts:
    return tuple(np.bincount(bins_of(values, ends), minlength=len(ends) + 1).tolist())


def _sorted_counts(names: Sequence[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
