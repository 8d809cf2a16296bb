"""The record of a gate: whether a candidate may take the baseline's place, language by language."""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from leanglot.results.records import Status
from leanglot.results.translation import FailureChange, Metric
from leanglot.results.verdicts import Verdict

GATE_SCHEMA_VERSION: Final = 1

SideKind = Literal["model", "artifact", "predictions"]
FloorKind = Literal["met", "below", "unproven"]
GateOutcome = Literal["passed", "unproven", "failed"]

EXIT_PASSED: Final = 0
EXIT_FAILED: Final = 1
EXIT_UNPROVEN: Final = 3


class GateSide(BaseModel):
    """One of the two that were compared.

    Attributes:
        name: What was given: a folder, a name on the hub, or where stored predictions lie.
        kind: ``model``, ``artifact``, or ``predictions`` that a run stored.
        size_bytes: All files of its folder; None where there are only predictions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: SideKind
    size_bytes: int | None = None


class Flips(BaseModel):
    """How many answers are not the ones that the baseline gave; a translation is right that fails in no silent way.

    Attributes:
        n: Examples.
        changed: Examples whose answer is another, right or wrong.
        right_to_wrong: Those of them that the baseline answered rightly.
        wrong_to_right: Those of them that the candidate answers rightly.
        flip_rate: ``changed / n``.
        agreement: ``1 - flip_rate``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=1)
    changed: int = Field(ge=0)
    right_to_wrong: int = Field(ge=0)
    wrong_to_right: int = Field(ge=0)
    flip_rate: float
    agreement: float


class Floor(BaseModel):
    """A lowest accuracy that was asked for in one language.

    Attributes:
        minimum: That accuracy.
        kind: ``below`` where the candidate's accuracy is under it; ``met`` where the interval is wholly at or above it;
            ``unproven`` between.
        accuracy: The candidate's accuracy.
        low: Lower end of its interval at level ``1 - alpha``; None where the data give none.
        high: Upper end of it.
        reason: One sentence that says why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    minimum: float
    kind: FloorKind
    accuracy: float
    low: float | None
    high: float | None
    reason: str


class GateLanguage(BaseModel):
    """One language.

    Attributes:
        margin: Largest drop that counts as harmless.
        verdict: The candidate against the baseline.
        flips: Answers that changed.
        floor: The lowest accuracy asked for; None where none was.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    margin: float
    verdict: Verdict
    flips: Flips
    floor: Floor | None = None


class SizeLimit(BaseModel):
    """A largest size that was asked for.

    Attributes:
        limit_bytes: That size.
        size_bytes: The candidate's.
        kept: Whether it is no larger.
        reason: One sentence with both.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit_bytes: int
    size_bytes: int
    kept: bool
    reason: str


class GateReport(BaseModel):
    """Everything a gate found: what ``leanglot gate --json`` prints.

    Attributes:
        schema_version: Version of this layout.
        created_at: When it was decided, UTC.
        baseline: What the candidate is held against.
        candidate: What is to take its place.
        data: Name of the examples; None where nothing names them.
        margin: Largest harmless drop of languages without one of their own.
        alpha: Error level of the tests and of the intervals.
        strict: Whether what is not proven stops the candidate too.
        languages: What was found, by language.
        baseline_accuracy: Share of right answers of the baseline over all examples.
        candidate_accuracy: The same of the candidate.
        flips: Answers that changed, over all examples.
        status: The verdicts of all languages summed up.
        sizes: Largest sizes asked for.
        outcome: ``failed`` where a language is harmed, a floor missed or a size exceeded; else ``unproven`` where a
            language or a floor is not proven; else ``passed``.
        exit_code: 0, or 1 for ``failed``, or 3 for ``unproven`` under ``strict``.
        reason: Why, in a sentence or two.
        notes: What to know besides, one sentence each.
        metric: What the scores of translations are, in place of accuracy; None for classifiers.
        changes: Silent failures of translations beside the baseline's; empty for classifiers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = GATE_SCHEMA_VERSION
    created_at: datetime
    baseline: GateSide
    candidate: GateSide
    data: str | None
    margin: float
    alpha: float
    strict: bool
    languages: dict[str, GateLanguage]
    baseline_accuracy: float
    candidate_accuracy: float
    flips: Flips
    status: Status
    sizes: tuple[SizeLimit, ...] = ()
    outcome: GateOutcome
    exit_code: Literal[0, 1, 3]
    reason: str
    notes: tuple[str, ...] = ()
    metric: Metric | None = None
    changes: tuple[FailureChange, ...] = ()

    def worst_first(self) -> tuple[tuple[str, GateLanguage], ...]:
        """The languages: harmed or below a floor, then not proven, then safe; the largest drop first in each."""
        ranks = {"harmed": 0, "inconclusive": 1, "safe": 2}

        def key(item: tuple[str, GateLanguage]) -> tuple[int, float, str]:
            tag, each = item
            rank = ranks[each.verdict.verdict]
            if each.floor is not None:
                rank = min(rank, {"below": 0, "unproven": 1, "met": 2}[each.floor.kind])
            return rank, -(each.verdict.drop or 0.0), tag

        return tuple(sorted(self.languages.items(), key=key))
