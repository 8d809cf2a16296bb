"""The record of a verdict on one language."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

VerdictKind = Literal["safe", "harmed", "inconclusive"]


class Verdict(BaseModel):
    """What paired evidence says about one language: candidate against baseline on the same examples.

    Attributes:
        n: Number of paired examples.
        groups: Number of independent clusters among them; None where every example stands for itself.
        baseline: Mean score of the baseline, in the unit of the scores (a fraction for accuracy).
        candidate: Mean score of the candidate.
        drop: ``baseline - candidate``; positive means the candidate is worse.
        drop_low: Lower end of the two-sided interval of the drop at level ``1 - alpha``.
        drop_high: Upper end of that interval.
        drop_bound: One-sided upper confidence bound of the drop at level ``1 - alpha``: below the margin is safe.
        p_value: Two-sided p-value of the paired test that there is no drop.
        p_adjusted: The same after Holm's adjustment over the languages judged together.
        verdict: ``safe``, ``harmed`` or ``inconclusive``.
        detectable_drop: Smallest true drop this much data finds in 80% of repetitions.
        samples_needed: Further examples that would settle the verdict; 0 when it is settled; None when no number
            would be honest (see ``reason``).
        reason: One sentence that says why the verdict is what it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=0)
    groups: int | None = Field(default=None, ge=0)
    baseline: float | None
    candidate: float | None
    drop: float | None
    drop_low: float | None
    drop_high: float | None
    drop_bound: float | None
    p_value: float | None
    p_adjusted: float | None
    verdict: VerdictKind
    detectable_drop: float | None
    samples_needed: int | None
    reason: str
