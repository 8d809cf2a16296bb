"""What repairing a quantized candidate found: which layers hurt a language, and what putting them back changed."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from leanglot.results.verdicts import VerdictKind

Ending = Literal["not-needed", "repaired", "budget", "not-from-quantization", "nothing-helps"]


class Outcome(BaseModel):
    """The verdict on one language in short.

    Attributes:
        verdict: ``safe``, ``harmed`` or ``inconclusive``.
        accuracy: Share of right answers.
        drop: The baseline's share minus this one.
        p_adjusted: p-value of no drop, after Holm's adjustment; None where the language was too small to test.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdict: VerdictKind
    accuracy: float | None
    drop: float | None
    p_adjusted: float | None


class LayerScore(BaseModel):
    """How much undoing the quantization of one layer alone brings the answers back to the baseline's.

    Attributes:
        layer: PyTorch's name of the module.
        score: Mean of the languages' numbers; negative where the answers move further away.
        languages: Fall of the mean Kullback-Leibler divergence from the baseline's probabilities, in nats, by language.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: str
    score: float
    languages: dict[str, float]


class RepairStep(BaseModel):
    """One layer put back on top of those before it.

    Attributes:
        layer: PyTorch's name of the module.
        score: What it promised in the ranking, in nats, over the languages that were harmed at this step.
        divergence: Mean divergence with it put back, in nats, by language.
        kept: Whether it stayed: it did where the divergence of the harmed languages fell.
        harmed: Languages harmed after it; None where it did not stay and was not judged.
        outcomes: Verdicts after it on the languages that repair is for; None where it was not judged.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: str
    score: float
    divergence: dict[str, float]
    kept: bool
    harmed: tuple[str, ...] | None = None
    outcomes: dict[str, Outcome] | None = None


class Repair(BaseModel):
    """A repair from its first verdict to its last.

    Attributes:
        ended: ``not-needed``: no language was harmed. ``repaired``: none is any more. ``budget``: layers or time ran
            out. ``not-from-quantization``: a language stays harmed with all quantization undone. ``nothing-helps``: no
            further layer brings the answers closer to the baseline's.
        reason: The same in words, with the numbers.
        harmed_before: Languages harmed before.
        harmed_after: Languages harmed with the kept layers in higher precision.
        layers: Layers put back, in the order in which they were.
        before: Verdicts on the harmed languages before.
        after: Verdicts on them at the end.
        unquantized: Verdicts on them with all quantization undone; None where that was not tried.
        divergence: Mean Kullback-Leibler divergence of the candidate from the baseline, in nats, by harmed language.
        ranking: Every layer tried alone, the best first.
        steps: The layers put back one after the other.
        judged: How often verdicts were given on the same examples, the first time included.
        passes: How many variants were made and run.
        seconds: What the search took.
        notes: What to know of the evidence, one sentence each.
        size_bytes_before: Size of the artifact before; None where not measured.
        size_bytes_after: Size with the layers put back; None where not measured.
        speedup_before: Baseline's median latency divided by the artifact's, before; None where not measured.
        speedup_after: The same with the layers put back; None where not measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ended: Ending
    reason: str
    harmed_before: tuple[str, ...]
    harmed_after: tuple[str, ...]
    layers: tuple[str, ...] = ()
    before: dict[str, Outcome] = {}
    after: dict[str, Outcome] = {}
    unquantized: dict[str, Outcome] | None = None
    divergence: dict[str, float] = {}
    ranking: tuple[LayerScore, ...] = ()
    steps: tuple[RepairStep, ...] = ()
    judged: int
    passes: int
    seconds: float
    notes: tuple[str, ...] = ()
    size_bytes_before: int | None = None
    size_bytes_after: int | None = None
    speedup_before: float | None = None
    speedup_after: float | None = None
