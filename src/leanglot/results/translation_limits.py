"""How far a translation model can be cut down: the record of a search for the limit that every pair bears."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from leanglot.results.translation import Metric
from leanglot.results.verdicts import Verdict

LimitKind = Literal["magnitude", "decoder-layers"]

LIMITS_NAME: Final = "limits.json"


class LimitProbe(BaseModel):
    """The model at one level.

    Attributes:
        level: The sparsity asked for, or the number of decoder layers.
        actual: The share of the linear layers' weights that is zero, or of the decoder's layers that is gone.
        scores: The metric by pair, as a fraction.
        worst: The pair that loses most.
        drop: What it loses, as a fraction.
        within: Whether no pair loses the allowed drop or more.
        verdicts: By pair, beside the whole model on the same sentences; failures that became more frequent count.
        seconds: What making and judging it took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: float
    actual: float = Field(ge=0, le=1)
    scores: dict[str, float]
    worst: str
    drop: float
    within: bool
    verdicts: dict[str, Verdict]
    seconds: float = Field(ge=0)

    @property
    def safe(self) -> bool:
        """Whether every pair is safe by its verdict."""
        return all(verdict.verdict == "safe" for verdict in self.verdicts.values())


class Limit(BaseModel):
    """What was found for one way of cutting.

    Attributes:
        kind: What was cut.
        trained: Whether each probe was trained again after it was cut.
        level: The furthest level at which no pair loses the allowed drop, by the scores themselves; None where there is
            none.
        safe_level: The furthest at which every pair is safe, by its verdict; None where there is none.
        reason: What limits it, in a sentence or two.
        probes: Everything that was tried, the mildest first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: LimitKind
    trained: bool
    level: float | None
    safe_level: float | None
    reason: str
    probes: tuple[LimitProbe, ...] = ()


class TranslationLimits(BaseModel):
    """A whole search.

    Attributes:
        schema_version: Version of this layout.
        model: Name of the model.
        metric: What quality is measured in.
        max_drop: No pair may lose so much, as a fraction: 0.01 is one point.
        alpha: Error level of the verdicts.
        beam: Beam width of all translations.
        baseline: The whole model's score by pair.
        examples: Judged sentences by pair.
        limits: One for each way of cutting.
        notes: What to know, one sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    model: str
    metric: Metric
    max_drop: float = Field(gt=0, lt=1)
    alpha: float
    beam: int = Field(ge=1)
    baseline: dict[str, float]
    examples: dict[str, int]
    limits: tuple[Limit, ...]
    notes: tuple[str, ...] = ()
