"""How far a model can be pruned: the record of a search for the highest sparsity that every language bears."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from leanglot.results.verdicts import Verdict

SearchKind = Literal["magnitude", "heads", "ffn", "layers"]
Outcome = Literal["found", "none", "all"]

UNITS: Final[Mapping[SearchKind, str]] = {
    "magnitude": "weights of the linear layers",
    "heads": "attention heads",
    "ffn": "neurons of the feed-forward blocks",
    "layers": "layers",
}
"""What each kind takes away."""


class Probe(BaseModel):
    """The model at one sparsity.

    Attributes:
        kind: What was pruned.
        sparsity: The share asked for.
        actual: The share removed or set to zero.
        accuracy: By language.
        macro_accuracy: Mean over the languages that can be decided.
        within: Whether it keeps what was asked for.
        exceeded: Languages, or ``mean``, whose drop is too large, the worst first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: SearchKind
    sparsity: float = Field(ge=0, lt=1)
    actual: float = Field(ge=0, le=1)
    accuracy: dict[str, float]
    macro_accuracy: float
    within: bool
    exceeded: tuple[str, ...] = ()


class KindResult(BaseModel):
    """What was found for one kind of pruning.

    Attributes:
        kind: What was pruned.
        outcome: ``found`` a highest sparsity; ``none``: the smallest that was tried is too much already, or nothing
            could be tried; ``all``: the largest that there is is within.
        sparsity: The highest sparsity within the allowed drop, as it was asked for; None where there is none.
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
    probes: tuple[Probe, ...] = ()

    @property
    def found(self) -> Probe | None:
        """The probe at the sparsity found."""
        return next((probe for probe in self.probes if probe.sparsity == self.sparsity), None)


class SparsitySearch(BaseModel):
    """A whole search.

    Attributes:
        schema_version: Version of this layout.
        model: Name of the model.
        max_drop: Largest drop of the accuracy that was allowed; 0.01 is one point.
        worst_language: Whether every language had to keep within it, or only their mean.
        alpha: Error level of the verdicts.
        baseline: Accuracy of the unpruned model by language.
        examples: Judged examples by language.
        undecided: Languages with too few examples: one answer alone moves what is compared with the allowed drop, the
            language's own accuracy or the mean, by more than that drop. They count only where harm is proven, and
            not at all in the mean.
        results: One for each kind of pruning.
        notes: What to know, one sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    model: str
    max_drop: float = Field(gt=0, lt=1)
    worst_language: bool
    alpha: float
    baseline: dict[str, float]
    examples: dict[str, int]
    undecided: tuple[str, ...] = ()
    results: tuple[KindResult, ...]
    notes: tuple[str, ...] = ()

    @property
    def open_question(self) -> str | None:
        """The languages that too few examples leave undecided, with their numbers; None where there are none."""
        return open_question(self.undecided, self.examples) if self.undecided else None


def open_question(undecided: Sequence[str], examples: Mapping[str, int]) -> str:
    """The languages that cannot be decided, with their numbers of examples."""
    told = ", ".join(f"{tag} ({examples[tag]:,})" for tag in undecided)
    return f"not enough data to decide: {told}"
