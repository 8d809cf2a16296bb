"""The config of vocabulary trimming."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TrimVocabulary(BaseModel):
    """Vocabulary trimming: the pieces that the chosen languages do not use leave the tokenizer and the embedding table.

    Special tokens, single characters and bytes always stay (Abdaoui et al., 2020, do so for one language at a time).

    Attributes:
        languages: Languages to keep; None keeps all that the texts are in.
        coverage: Share of each language's tokens, in its texts, whose pieces stay; the most frequent first. At 1 every
            piece that occurs stays, and the texts are tokenized exactly as before.
        neighbours: Also keep pieces that stand inside the texts' words though the tokenizer splits these otherwise, and
            those that differ from a used one in letter case or in standing at the start of a word: for few texts.
        side: Of a translation model with a vocabulary per side, which of them is cut. What both sides share is cut as
            one, by the texts of both.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    technique: Literal["trim-vocabulary"] = "trim-vocabulary"
    languages: tuple[str, ...] | None = Field(default=None, min_length=1)
    coverage: float = Field(default=1.0, gt=0, le=1)
    neighbours: bool = False
    # Left out where it says nothing, so that records of classifiers stay as they were.
    side: Literal["both", "source", "target"] = Field(default="both", exclude_if=lambda side: side == "both")
