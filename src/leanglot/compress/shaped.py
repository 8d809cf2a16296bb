"""What a step on the model itself gives: pruning, or trimming the vocabulary."""

from dataclasses import dataclass

from leanglot.models.text_classifier import TextClassifier
from leanglot.results.shaping import ImportanceMap


@dataclass(frozen=True, slots=True)
class Shaped:
    """A model after a step.

    Attributes:
        model: The new model; it knows what was done to it (`TextClassifier.pruning`, `TextClassifier.vocabulary`).
        importance: What heads, neurons or layers were chosen by; None where nothing was measured.
        notes: What was noticed on the way, one sentence each.
    """

    model: TextClassifier
    importance: ImportanceMap | None = None
    notes: tuple[str, ...] = ()
