"""The record of a search for recipes: what was tried, what became of it, and why the search ended."""

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from leanglot.results.verdicts import VerdictKind
from leanglot.techniques import Recipe, Runtime

SEARCH_NAME: Final = "search.json"
MOST_SHOWN: Final = 12
"""Most recipes that a report shows as candidates, but for those that stand beside another to show it beaten."""

Scheme = Literal[
    "fp32", "int8", "int8-emb", "int8-static", "int8-weights", "int4-weights", "openvino-int8", "openvino-int4"
]
STATIC: Final[frozenset[Scheme]] = frozenset({"int8-static", "openvino-int8"})
"""Schemes that take the ranges of activations from texts."""

Vocabulary = Literal["whole", "used", "frequent"]
TryState = Literal["started", "measured", "dropped", "failed", "cut"]
Origin = Literal["ladder", "training", "sampler"]


class Levels(BaseModel):
    """One point of the space that is searched.

    Attributes:
        scheme: Engine and quantization; all but ``fp32`` and ``int8`` quantize the embeddings too.
        vocabulary: ``whole``; all pieces that are ``used`` in the corpus; or the ``frequent`` ones, which make up
            99.9% of each language's tokens there.
        layers: Layers that are left out.
        heads: Percent of all heads that are cut out.
        ffn: Percent of all neurons that are cut out.
        student: Layers of a student that learns the model's answers; 0 where nothing is trained.
        epochs: Epochs of its training; 0 where nothing is trained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheme: Scheme = "fp32"
    vocabulary: Vocabulary = "whole"
    layers: int = Field(default=0, ge=0)
    heads: int = Field(default=0, ge=0, lt=100)
    ffn: int = Field(default=0, ge=0, lt=100)
    student: int = Field(default=0, ge=0)
    epochs: int = Field(default=0, ge=0)

    def cuts_at_least(self, other: "Levels") -> bool:
        """Whether it is the other one with as much or more cut out."""
        same = (self.scheme, self.student, self.epochs) == (other.scheme, other.student, other.epochs)
        order: tuple[Vocabulary, ...] = ("whole", "used", "frequent")
        deeper = order.index(self.vocabulary) >= order.index(other.vocabulary)
        return same and deeper and self.layers >= other.layers and self.heads >= other.heads and self.ffn >= other.ffn


class PartialResult(BaseModel):
    """What part of the examples showed, before the rest was measured.

    Attributes:
        examples: Number of examples in the part.
        accuracy_drop: Drop of the accuracy over them; 0.01 is one point.
        harm: Largest lower bound of a language's drop in the part, at least 0.
        speedup: Against the baseline, from few timed calls.
        size_bytes: All files of the artifact.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    examples: int = Field(ge=1)
    accuracy_drop: float
    harm: float
    speedup: float
    size_bytes: int


class FullResult(BaseModel):
    """What the whole measurement showed.

    Attributes:
        status: Of the candidate.
        accuracy_drop: Drop of the accuracy over all examples; 0.01 is one point.
        harm: Largest lower bound of a language's drop, at least 0; languages of few examples have low ones.
        harmed: Languages proven harmed.
        worst_language: Whose observed drop is largest; None where none was judged.
        worst_drop: That drop.
        worst_verdict: The verdict on that language.
        speedup: Against the baseline.
        size_bytes: All files of the artifact.
        monthly_cost: Total in a month; None where no costs are given or it is unknown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Literal["certified", "unrefuted", "rejected"]
    accuracy_drop: float
    harm: float
    harmed: int = Field(ge=0)
    worst_language: str | None = None
    worst_drop: float | None = None
    worst_verdict: VerdictKind | None = None
    speedup: float
    size_bytes: int
    monthly_cost: float | None = None


class Tried(BaseModel):
    """One recipe that was tried.

    Attributes:
        name: The candidate's name and its folder's.
        runtime: What executes it.
        recipe: The steps that make it.
        levels: Where it lies in the space.
        origin: Who proposed it: the fixed ``ladder``, a ``training`` that fitted in, or the ``sampler``.
        state: ``measured``; ``dropped`` after part of the data; ``failed``; ``cut`` by the end of the budget;
            ``started`` where the search was killed meanwhile.
        reason: Why it was dropped, cut, or failed.
        seconds: Seconds that it took.
        starts: How often it was started.
        part: What part of the data showed; None where it did not come to that.
        full: What all of them showed; None unless measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    runtime: Runtime
    recipe: Recipe
    levels: Levels
    origin: Origin
    state: TryState
    reason: str | None = None
    seconds: float = Field(default=0.0, ge=0)
    starts: int = Field(default=1, ge=1)
    part: PartialResult | None = None
    full: FullResult | None = None


class SearchRecord(BaseModel):
    """A whole search: the content of ``search.json``, and what the report tells of it.

    Attributes:
        schema_version: Version of this layout.
        key: Digest of the model, the data, the machine and the settings that the results depend on.
        budget_s: Seconds that it was given.
        spent_s: Seconds that it took, over all its starts; time lost to a kill does not count.
        max_drop: Drop beyond which a candidate was dropped on part of the data.
        examples: Number of judged examples.
        tried: Every recipe, in the order of the tries.
        shown: Names of those that stand in the report.
        ended: Why it ended; None while it goes on.
        notes: What to know besides, one sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    key: str
    budget_s: float
    spent_s: float = 0.0
    max_drop: float
    examples: int
    tried: tuple[Tried, ...] = ()
    shown: tuple[str, ...] = ()
    ended: str | None = None
    notes: tuple[str, ...] = ()

    def of(self, *states: TryState) -> tuple[Tried, ...]:
        """The tries in one of these states."""
        return tuple(each for each in self.tried if each.state in states)


def harm_of(lower_bounds: Sequence[float | None]) -> float:
    """The largest lower bound of a language's drop, at least 0; languages without one prove nothing."""
    return max([0.0, *(bound for bound in lower_bounds if bound is not None)])
