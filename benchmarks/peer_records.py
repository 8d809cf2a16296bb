"""The records of the ledger of peers: one row per engine and shape, and the goals."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from leanglot.results.records import Environment


class Spread(BaseModel):
    """A ratio over the rounds of one run.

    Attributes:
        median: Over the rounds.
        low: Smallest of them.
        high: Largest of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    median: float
    low: float
    high: float


class Pace(BaseModel):
    """How fast an engine was at one thing.

    Attributes:
        value: Median milliseconds per call, or texts per second.
        against_reference: How many times as fast as PyTorch eager FP32, round by round.
        lead: How many times as fast leanglot's candidate was as this engine, round by round.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    against_reference: Spread
    lead: Spread


class Agreement(BaseModel):
    """How an engine's logits differ from PyTorch FP32's, on the same padded batches.

    Attributes:
        texts: Number of texts.
        relative_error: Frobenius norm of the difference over that of the reference.
        cosine: Mean cosine similarity of a text's logits.
        same_answers: Texts with the same answer; None for a model without training.
        right_answers: Texts with the right answer; None for a model without training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    texts: int
    relative_error: float
    cosine: float
    same_answers: int | None
    right_answers: int | None


class Row(BaseModel):
    """One engine on one shape.

    Attributes:
        engine: Its name.
        how: How it was used.
        versions: Of the packages that decide what it does.
        reason: Why there are no figures, or not all; None when all are there.
        making_s: Seconds to export, convert and quantize.
        size_bytes: Its folder on disk, tokenizer included.
        tokenizer_bytes: The tokenizer's share of that, the same for all.
        threads: Threads that were fastest.
        threads_ms: Geometric mean over the lengths of the median latency, by number of threads.
        latency: By length in tokens, batch size 1, milliseconds.
        throughput: Texts per second on the mixed lengths.
        cold_start_s: A fresh process from its start to its first answer, median.
        peak_rss_bytes: Largest resident memory of that process, median.
        agreement: With the reference.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: str
    how: str
    versions: dict[str, str]
    reason: str | None = None
    making_s: float | None = None
    size_bytes: int | None = None
    tokenizer_bytes: int | None = None
    threads: int | None = None
    threads_ms: dict[int, float] = {}
    latency: dict[int, Pace] = {}
    throughput: Pace | None = None
    cold_start_s: float | None = None
    peak_rss_bytes: int | None = None
    agreement: Agreement | None = None


class Goal(BaseModel):
    """What leanglot set itself, and how it stands.

    Attributes:
        goal: In words.
        met: Whether it is; None where a figure is missing.
        detail: The figures: by how much it is met or missed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    goal: str
    met: bool | None
    detail: str


class ShapeLedger(BaseModel):
    """All engines on one shape.

    Attributes:
        shape: Its name.
        about: What it is.
        trained: Whether answers mean anything on it.
        rows: The engines.
        goals: How they stand.
        neighbours: Share of the processor that other processes took while speed was measured.
        warnings: What disturbed the measuring.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: str
    about: str
    trained: bool
    rows: tuple[Row, ...]
    goals: tuple[Goal, ...]
    neighbours: float
    warnings: tuple[str, ...]


class Ledger(BaseModel):
    """A whole run.

    Attributes:
        created_at: When it ended.
        environment: The machine; its threads are the budget of each engine.
        rounds: How often the engines took turns.
        calls: Timed calls per engine, length and round.
        shapes: The shapes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    created_at: datetime
    environment: Environment
    rounds: int
    calls: int
    shapes: tuple[ShapeLedger, ...]
