"""Whether an exported model answers like the model it came from, language by language."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np

from leanglot.runtimes.classifier import Classifier

TOLERANCE: Final = 1e-3
_TEXTS_PER_LANGUAGE: Final = 4


def logit_differences(
    reference: Classifier, exported: Classifier, texts: Sequence[str], languages: Sequence[str]
) -> dict[str, float]:
    """Largest absolute difference of a logit, by language, over the first few texts of each.

    Args:
        reference: The model before the export.
        exported: The model after it.
        texts: Texts to compare on.
        languages: Their language tags.
    """
    chosen: dict[str, list[str]] = defaultdict(list)
    for text, language in zip(texts, languages, strict=True):
        if len(chosen[language]) < _TEXTS_PER_LANGUAGE:
            chosen[language].append(text)
    return {language: _largest(reference, exported, some) for language, some in sorted(chosen.items())}


def parity_warnings(differences: dict[str, float]) -> tuple[str, ...]:
    """A sentence naming the languages in which the export differs by more than rounding."""
    apart = {language: value for language, value in differences.items() if not value <= TOLERANCE}
    if not apart:
        return ()
    worst = max(apart, key=lambda language: apart[language])
    affected = ", ".join(apart)
    return (
        f"The export differs from the model by up to {apart[worst]:.2g} per logit ({worst}); affected: {affected}.",
    )


def _largest(reference: Classifier, exported: Classifier, texts: Sequence[str]) -> float:
    before = reference.logits(reference.encode(texts).rows)
    after = exported.logits(exported.encode(texts).rows)
    return float(np.abs(before - after).max())
