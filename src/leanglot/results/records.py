"""The records of a run: frozen, documented, units in the names; absent evidence is null with a reason, never 0."""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from leanglot.results.pricing import MonthlyCost, Pricing
from leanglot.results.repairs import Repair
from leanglot.results.routing import RoutingFacts
from leanglot.results.searching import SearchRecord
from leanglot.results.shaping import PruningFacts, TokenChange, VocabularyFacts
from leanglot.results.training import TrainingFacts
from leanglot.results.translation import Metric, TranslationQuality
from leanglot.results.verdicts import Verdict, VerdictKind
from leanglot.techniques import Recipe, Runtime

__all__ = [
    "Alarm",
    "Candidate",
    "DataSummary",
    "Environment",
    "Goal",
    "LanguageResult",
    "Latency",
    "LatencySpread",
    "LedgerRow",
    "MonthlyCost",
    "Pricing",
    "Recommendation",
    "Repair",
    "RoutingFacts",
    "RunReport",
    "Status",
    "Verdict",
    "VerdictKind",
]

SCHEMA_VERSION: Final = 2
"""Version 2 added costs, routing and the spread of latencies; version 1 is read as it is."""

Status = Literal["baseline", "certified", "unrefuted", "rejected", "failed"]
Goal = Literal["speed", "accuracy", "size", "balanced", "cost"]


class LatencySpread(BaseModel):
    """How the latency of one text spreads in one language, in milliseconds; None where so few calls cannot tell.

    Attributes:
        n: Number of timed calls.
        low: Shortest; None under 5 calls.
        p25: Lower quartile; None under 23 calls.
        p50: Median; None under 5 calls.
        p75: Upper quartile; None under 23 calls.
        p90: 90th percentile; None under 64 calls.
        high: Longest; None under 5 calls.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=0)
    low: float | None
    p25: float | None
    p50: float | None
    p75: float | None
    p90: float | None
    high: float | None


class LanguageResult(BaseModel):
    """One candidate in one language: its quality, its verdict against the baseline, its latency.

    The fields from ``n`` to ``reason`` are those of `Verdict`. On the baseline itself ``candidate`` equals
    ``baseline`` and everything that compares is None.

    Attributes:
        accuracy_low: Lower end of the Wilson 95% interval of ``candidate``.
        accuracy_high: Upper end of it.
        macro_f1: Mean F1 over the labels that occur in this language's examples.
        precision: Macro precision over the same labels.
        recall: Macro recall over the same labels.
        latency_p50_ms: Median latency of one text of this language at batch size 1, tokenization outside.
        latency_spread: How the latency of one text spreads; None where that was not kept.
        tokens_per_example: Mean number of tokens of this language's examples, special tokens included.
        truncated: Examples cut at the model's maximum length.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=0)
    groups: int | None = None
    baseline: float | None
    candidate: float | None
    drop: float | None = None
    drop_low: float | None = None
    drop_high: float | None = None
    drop_bound: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    verdict: VerdictKind | None = None
    detectable_drop: float | None = None
    samples_needed: int | None = None
    reason: str | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    macro_f1: float | None = None
    precision: float | None = None
    recall: float | None = None
    latency_p50_ms: float | None = None
    latency_spread: LatencySpread | None = None
    tokens_per_example: float | None = None
    truncated: int = 0


class Latency(BaseModel):
    """Latency of one call at batch size 1, in milliseconds, after warm-up.

    Attributes:
        n: Number of timed calls.
        mean: Arithmetic mean.
        std: Sample standard deviation.
        p50: Median.
        p95: 95th percentile; None under 130 calls.
        p99: 99th percentile; None under 662 calls.
        missing: For each null above, why it is null.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=0)
    mean: float | None
    std: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    missing: dict[str, str] = {}


class LedgerRow(BaseModel):
    """Bytes of the weights in one part of the model, stored as one type of number.

    Attributes:
        part: ``embeddings``, ``attention``, ``ffn`` (feed-forward), ``head`` (pooler and classifier) or ``other``.
        dtype: Such as ``float32``, ``float16``, ``int8`` or ``int4``; scales count as what they are stored in.
        size_bytes: Bytes on disk.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: Literal["embeddings", "attention", "ffn", "head", "other"]
    dtype: str
    size_bytes: int = Field(ge=0)


class Alarm(BaseModel):
    """Something measured that its owner must know before shipping.

    Attributes:
        code: Stable name, such as ``slower-than-baseline``.
        message: One sentence with the numbers.
        anchor: Where the documentation explains it, such as ``docs/alarms.md#slower-than-baseline``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    message: str
    anchor: str


class Candidate(BaseModel):
    """One variant of the model: how it was made, what it weighs, how fast it is, and whom it harms.

    Attributes:
        name: Unique name within the run.
        recipe: The steps that made it, in order; empty for a plain export.
        runtime: What executes it.
        artifact: Its folder, relative to the run folder; None when it failed before there was one.
        status: ``baseline``; ``certified`` when every language is safe; ``rejected`` when any is harmed;
            ``unrefuted`` otherwise; ``failed`` when it could not be made or measured.
        reason: Why it failed, or what decided the status.
        size_bytes: All files of the artifact on disk.
        sparsity: Share of exactly zero weights among the linear layers' weights.
        peak_rss_bytes: Peak resident memory of a fresh process that loads it and answers once.
        cold_start_s: Seconds that process takes from its start to its first answer.
        latency_ms: Latency at batch size 1 over the data's own texts, every language equally often, tokenization
            outside.
        tokenization_p50_ms: Median time to tokenize one of those texts, which comes on top.
        throughput_per_s: Examples per second in token-budget batches, tokenization outside.
        speedup: Baseline's median latency divided by this one's, measured interleaved.
        throughput_gain: This one's throughput divided by the baseline's.
        size_reduction: ``1 - size / baseline's size``.
        accuracy: Share of right answers over all examples.
        macro_accuracy: Mean over the languages of each one's accuracy.
        macro_f1: Mean F1 over labels, all languages together.
        precision: Macro precision.
        recall: Macro recall.
        languages: Results by language tag.
        monthly_cost: What it costs in a month; None until costs are given.
        pareto: Whether no other candidate is at least as good in latency, size and worst drop, and better in one.
        warnings: Things the owner should know, one sentence each.
        alarms: What was measured and must be known before shipping, each with a stable code.
        ledger: Where the bytes of its weights are.
        threads: Threads that its engine ran with.
        threads_p50_ms: Median latency by number of threads, where that was searched.
        pruning: What each pruning step did, in order.
        vocabulary: What vocabulary trimming did; None where the vocabulary is whole.
        training: What each training step did, in order.
        tokens: How its trimmed tokenizer splits the judged texts that it was not cut on, by language; empty where the
            vocabulary is whole.
        compressed_bytes: What its weights take when they are compressed by gzip; None where that was not measured.
        translation: How well it translates each pair; None where it does not translate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    recipe: Recipe = ()
    runtime: Runtime
    artifact: str | None = None
    status: Status
    reason: str | None = None
    size_bytes: int | None = None
    sparsity: float | None = None
    peak_rss_bytes: int | None = None
    cold_start_s: float | None = None
    latency_ms: Latency | None = None
    tokenization_p50_ms: float | None = None
    throughput_per_s: float | None = None
    speedup: float | None = None
    throughput_gain: float | None = None
    size_reduction: float | None = None
    accuracy: float | None = None
    macro_accuracy: float | None = None
    macro_f1: float | None = None
    precision: float | None = None
    recall: float | None = None
    languages: dict[str, LanguageResult] = {}
    monthly_cost: MonthlyCost | None = None
    pareto: bool | None = None
    warnings: tuple[str, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    ledger: tuple[LedgerRow, ...] = ()
    threads: int | None = None
    threads_p50_ms: dict[int, float] = {}
    pruning: tuple[PruningFacts, ...] = ()
    vocabulary: VocabularyFacts | None = None
    training: tuple[TrainingFacts, ...] = ()
    tokens: dict[str, TokenChange] = {}
    compressed_bytes: int | None = None
    translation: TranslationQuality | None = None


class Recommendation(BaseModel):
    """The answer for one goal: which candidate, or none, and why.

    Attributes:
        candidate: Name of the candidate; None when no candidate qualifies.
        reason: One sentence with the numbers that decided.
        accuracy_tolerance: Largest drop of the accuracy over all examples that was allowed for this goal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidate: str | None
    reason: str
    accuracy_tolerance: float


class Environment(BaseModel):
    """The machine and software that produced the numbers.

    Attributes:
        cpu: Model name of the processor.
        isa: Instruction-set extensions that matter for inference, such as avx2 or avx512_vnni.
        cores: Physical cores available.
        threads: Threads each runtime was given.
        memory_bytes: Memory of the machine.
        platform: Operating system and architecture.
        load_average: One-minute load before measuring; None where the system has none.
        versions: Versions of Python and of the packages that shape the numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu: str
    isa: tuple[str, ...]
    cores: int
    threads: int
    memory_bytes: int
    platform: str
    load_average: float | None = None
    versions: dict[str, str]


class DataSummary(BaseModel):
    """What the candidates were judged on.

    Attributes:
        source: Name of the data: a file name or the demo's description.
        digest: SHA-256 of texts, labels, languages and groups in order.
        examples: Number of examples by language tag.
        groups: Number of clusters by language tag; empty where the data name none.
        labels: The label names, in the order of the model's head.
        notes: What was left out, cut or counted, one sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    digest: str
    examples: dict[str, int]
    groups: dict[str, int] = {}
    labels: tuple[str, ...]
    notes: tuple[str, ...] = ()


class RunReport(BaseModel):
    """Everything a run found: the content of ``report.json``.

    Attributes:
        schema_version: Version of this layout.
        created_at: When the run ended, UTC.
        environment: The machine.
        data: The examples.
        model: Name of the model that was optimized.
        margin: Largest drop per language that counts as harmless.
        alpha: Error level of the tests.
        baseline: Name of the baseline candidate.
        candidates: All candidates, the baseline first.
        recommendations: One answer per goal.
        routing: Language to candidate; None until routing is asked for.
        routing_facts: What that routing gains; None until routing is asked for.
        pricing: How the candidates were priced; None until costs are given.
        repairs: What repair found, by the name of the candidate that harmed a language.
        chains: For each candidate of several steps, the candidates that show its way step by step: the baseline first,
            itself last.
        search: What a search for recipes tried; None where candidates were given. Of what it measured, ``candidates``
            holds the recommended ones and the Pareto front.
        metric: What quality was measured with; None where it is accuracy. With it, everything called accuracy is that
            metric's score as a fraction, and the languages are language pairs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1, 2] = SCHEMA_VERSION
    created_at: datetime
    environment: Environment
    data: DataSummary
    model: str
    margin: float
    alpha: float
    baseline: str
    candidates: tuple[Candidate, ...]
    recommendations: dict[Goal, Recommendation]
    routing: dict[str, str] | None = None
    routing_facts: RoutingFacts | None = None
    pricing: Pricing | None = None
    repairs: dict[str, Repair] = {}
    chains: dict[str, tuple[str, ...]] = {}
    search: SearchRecord | None = None
    metric: Metric | None = None

    def candidate(self, name: str) -> Candidate:
        """The candidate of that name; KeyError when there is none."""
        for candidate in self.candidates:
            if candidate.name == name:
                return candidate
        raise KeyError(name)
