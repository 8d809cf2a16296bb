"""How far a model can be pruned: the record of a search for the highest sparsity that every language bears."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from leanglot.results.verdicts import Verdict

SearchKind = Literal["magnitude", "heads", "ffn", "layers"]
Outcome = Literal["found", "none", "all"]


class Probe(BaseModel):
    """The model at one sparsity.

    Attributes:
        kind: What was pruned.
        sparsity: The share asked for.
        actual: The share removed or set to zero.
        accuracy: By language.
        macro_accuracy: Mean over the languages.
        within: Whether it keeps what was asked for.
        exceeded: Languages, or ``mean``, whose drop is too large, the worst first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: SearchKind
    sparsity: float = Field(ge=0, lt=1)
    actual: float
    accuracy: dict[str, float]
    macro_accuracy: float
    within: bool
    exceeded: tuple[str, ...] = ()


class KindResult(BaseModel):
    """What was found for one kind of pruning.

    Attributes:
        kind: What was pruned.
        outcome: ``found`` a highest sparsity; ``none``: the smallest that was tried is too much already; ``all``: the
            largest that was tried is within.
        sparsity: The highest sparsity within the allowed drop; None where there is none.
        reason: One sentence.
        verdicts: On that sparsity, by language, against the unpruned model; empty where there is none.
        probes: Everything that was tried, by sparsity.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: SearchKind
    outcome: Outcome
    sparsity: float | None
    reason: str
    verdicts: dict[str, Verdict] = {}
    probes: tuple[Probe, ...]


class SparsitySearch(BaseModel):
    """A whole search.

    Attributes:
        schema_version: Version of this layout.
        model: Name of the model.
        max_drop: Largest drop of the accuracy that was allowed.
        worst_language: Whether every language had to keep within it, or only their mean.
        baseline: Accuracy of the unpruned model by language.
        examples: Judged examples by language.
        undecided: Languages with too few examples: one answer alone is more than the allowed drop. They count only
            where harm is proven.
        results: One for each kind of pruning.
        notes: What to know, one sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    model: str
    max_drop: float
    worst_language: bool
    baseline: dict[str, float]
    examples: dict[str, int]
    undecided: tuple[str, ...] = ()
    results: tuple[KindResult, ...]
    notes: tuple[str, ...] = ()
