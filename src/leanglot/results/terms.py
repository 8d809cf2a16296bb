"""What a run calls things: accuracy, languages and examples, or a translation metric, language pairs and sentences."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from leanglot.results.translation import Metric
from leanglot.techniques import MetricName

METRIC_WORD: Final[Mapping[MetricName, str]] = {"chrf": "chrF", "bleu": "BLEU"}


@dataclass(frozen=True, slots=True)
class Terms:
    """The words of a run; use `told` on fixed texts alone, never on names from outside.

    Attributes:
        quality: What quality is called within a sentence.
        language: What verdicts are given for.
        example: What is judged.
        unit: What follows a score.
    """

    quality: str = "accuracy"
    language: str = "language"
    example: str = "example"
    unit: str = "%"

    @property
    def translates(self) -> bool:
        """Whether these are the words of translation."""
        return self.unit == ""

    @property
    def heading(self) -> str:
        """What quality is called at the start of a line; chrF keeps its small letter."""
        return self.quality if self.translates else self.quality.capitalize()

    def told(self, text: str) -> str:
        """A fixed text that speaks of accuracy, languages and examples, in the words of this run."""
        if not self.translates:
            return text
        for pattern, words in _REWORDED:
            text = pattern.sub(words.replace("QUALITY", self.quality), text)
        return text


_REWORDED: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"\b[Aa]n accuracy\b", "a QUALITY"),
        (r"\b[Aa]ccuracies\b", "QUALITY scores"),
        (r"\b[Aa]ccuracy\b", "QUALITY"),
        (r"\bleast accurate language\b", "language with the lowest QUALITY"),
        (r"\b([Ll]anguage)(s?)\b(?! pairs?\b)", r"\1 pair\2"),
        (r"\bExample", "Sentence"),
        (r"\bexample", "sentence"),
        (r"\bpredictions\b", "sentences"),
    )
)

CLASSIFICATION: Final = Terms()
TRANSLATION: Final = Terms(quality="quality", language="language pair", example="sentence", unit="")
"""Where nothing says by which metric."""


def terms_of(metric: Metric | None) -> Terms:
    """The words of a run that was judged by this metric.

    Args:
        metric: The run's metric; None is accuracy.
    """
    if metric is None:
        return CLASSIFICATION
    return replace(TRANSLATION, quality=METRIC_WORD[metric.name])
