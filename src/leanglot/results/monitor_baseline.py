"""What a model did when it was judged, by language: stored in its artifact, and what its monitor compares with."""

from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

MONITOR_BASELINE_NAME: Final = "monitor.json"

# Upper ends of the bins, each bin inclusive of its end; the last bin is open. Fixed, so that counts can be added up.
CONFIDENCE_ENDS: Final = (
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.85,
    0.9,
    0.93,
    0.95,
    0.97,
    0.98,
    0.99,
    0.995,
    0.998,
    0.999,
)
TOKEN_ENDS: Final = (3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256, 384)
FRAGMENTATION_ENDS: Final = (
    0.1,
    0.15,
    0.2,
    0.225,
    0.25,
    0.275,
    0.3,
    0.35,
    0.4,
    0.45,
    0.5,
    0.6,
    0.7,
    0.85,
    1.0,
    1.25,
    1.5,
)

Counts = tuple[int, ...]


def bins_of(values: ArrayLike, ends: tuple[float, ...]) -> NDArray[np.int64]:
    """Number of the bin of each value, from 0 to ``len(ends)``; the values must not be NaN."""
    return np.searchsorted(np.asarray(ends), np.asarray(values), side="left").astype(np.int64)


class LanguageBaseline(BaseModel):
    """What the model did on the judged examples of one language; everything is a number of examples.

    Attributes:
        n: Examples.
        correct: Rightly answered ones.
        confidence: By bin of `CONFIDENCE_ENDS`.
        confidence_correct: Rightly answered ones by the same bins.
        labels: By answered label; labels never answered are left out.
        tokens: By bin of `TOKEN_ENDS`, special tokens included.
        fragmentation: By bin of `FRAGMENTATION_ENDS`, in tokens per character.
        unknown: Examples with at least one unknown token.
        scripts: By the script of most of their letters, an ISO 15924 code; ``Zyyy`` where they have no letters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=0)
    correct: int = Field(ge=0)
    confidence: Counts
    confidence_correct: Counts
    labels: dict[str, int]
    tokens: Counts
    fragmentation: Counts
    unknown: int = Field(ge=0)
    scripts: dict[str, int]


class MonitorBaseline(BaseModel):
    """What a model did when it was judged.

    Attributes:
        schema_version: Version of this layout.
        name: Name of the artifact or the router.
        labels: Class names in the order of the logits.
        data: Name of the file with the judged examples.
        languages: By canonical language tag.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    name: str
    labels: tuple[str, ...]
    data: str
    languages: dict[str, LanguageBaseline]
