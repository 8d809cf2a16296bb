"""Settings of what a run decides beyond its verdicts: how long to search, and how to route languages."""

from pydantic import BaseModel, ConfigDict, Field


class SearchConfig(BaseModel):
    """How far recipes are searched in place of given candidates.

    Attributes:
        budget_s: Seconds after which no further candidate is started; what is at work then is cut short where it can.
        trials: Most candidates tried; None takes as many as the budget allows.
        max_drop: A candidate whose accuracy falls by more than this, as part of the data proves, is dropped before the
            rest is measured; 0.05 is five points.
        train: Try students that are trained, where there are training data and time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget_s: float = Field(default=1800.0, gt=0, allow_inf_nan=False)
    trials: int | None = Field(default=None, strict=True, ge=1)
    max_drop: float = Field(default=0.05, gt=0, lt=1)
    train: bool = Field(default=True, strict=True)


class RoutingConfig(BaseModel):
    """How languages are spread over candidates.

    Attributes:
        max_p95_ms: Largest 95th percentile of the latency that a candidate may have; None sets no limit.
        max_memory_bytes: Most memory that all candidates loaded at once may take; None sets no limit.
        max_variants: Most candidates loaded at once.
        strict: A language goes only to candidates that are proven safe for it, or to the baseline.
        detect: Give the router a language identifier, for texts whose language the caller does not tell.
        min_chance: Languages leave the main variant, where it is allowed for them, only for variants that cost less
            with at least this probability, all moves that were looked at together: the cheapest of many on few examples
            is too often a lucky one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_p95_ms: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_memory_bytes: int | None = Field(default=None, strict=True, gt=0)
    max_variants: int = Field(default=3, strict=True, ge=1)
    strict: bool = Field(default=False, strict=True)
    detect: bool = Field(default=True, strict=True)
    min_chance: float = Field(default=0.8, ge=0.5, lt=1)
