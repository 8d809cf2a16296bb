"""The record of what changed between two runs, candidate by candidate of equal name."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from leanglot.results.gate import Flips
from leanglot.results.records import Status
from leanglot.results.translation import Metric
from leanglot.results.verdicts import Verdict, VerdictKind

COMPARISON_SCHEMA_VERSION: Final = 1


class Standing(BaseModel):
    """One candidate as one run found it.

    Attributes:
        status: What became of it.
        accuracy: Share of right answers over all examples; None where it failed.
        worst_language: The language with the largest drop against the run's baseline; None where there is none.
        worst_drop: That drop.
        verdicts: Verdicts against the run's baseline, by language; empty for the baseline itself.
        size_bytes: All files of its artifact.
        speedup: Times as fast as the run's baseline; None where machines are ignored.
        latency_p50_ms: Median latency; None where machines are ignored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Status
    accuracy: float | None
    worst_language: str | None
    worst_drop: float | None
    verdicts: dict[str, VerdictKind]
    size_bytes: int | None
    speedup: float | None
    latency_p50_ms: float | None


class CandidateChange(BaseModel):
    """One candidate in both runs.

    Attributes:
        name: Its name.
        first: As the first run found it.
        second: As the second run found it.
        paired: The second run's answers judged against the first's, by language; None where one of them is not stored.
        flips: Answers that changed from the first run to the second; None likewise.
        paired_status: Those verdicts summed up: ``certified`` is no worse in any language, ``rejected`` worse in one.
        reason: Why, or why there is no such comparison.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    first: Standing
    second: Standing
    paired: dict[str, Verdict] | None
    flips: Flips | None
    paired_status: Status | None
    reason: str


class RunComparison(BaseModel):
    """What changed from one run to another on the same data.

    Attributes:
        schema_version: Version of this layout.
        first: The first run.
        second: The second run.
        margin: Largest harmless drop per language.
        alpha: Error level of the tests.
        same_machine: Whether both ran on like machines; where not, nothing that depends on the machine is compared.
        candidates: What both have, in the first run's order.
        only_first: Names of candidates that the second run lacks.
        only_second: Names of candidates that the first run lacks.
        notes: What to know besides, one sentence each.
        metric: What quality was measured with; None where it is accuracy.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = COMPARISON_SCHEMA_VERSION
    first: str
    second: str
    margin: float
    alpha: float
    same_machine: bool
    candidates: tuple[CandidateChange, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    notes: tuple[str, ...] = ()
    metric: Metric | None = None
