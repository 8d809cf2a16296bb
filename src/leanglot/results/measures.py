"""What measuring one candidate gives, kept in its folder so that a run can go on where it stopped."""

from pydantic import BaseModel, ConfigDict

from leanglot.results.records import Latency, LatencySpread, LedgerRow
from leanglot.techniques import Runtime


class LanguageQuality(BaseModel):
    """Quality in one language.

    Attributes:
        n: Number of examples.
        accuracy: Share of right answers.
        accuracy_low: Lower end of its Wilson (1927) 95% interval.
        accuracy_high: Upper end.
        macro_f1: Mean F1 over the labels that occur among this language's examples.
        precision: Mean precision over them.
        recall: Mean recall over them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    precision: float
    recall: float


class Quality(BaseModel):
    """Quality over all examples and by language; see `LanguageQuality` for the terms."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accuracy: float
    macro_accuracy: float
    macro_f1: float
    precision: float
    recall: float
    languages: dict[str, LanguageQuality]


class ColdStart(BaseModel):
    """A fresh process that loads the model and answers once.

    Attributes:
        seconds: From the process's start to its first answer; the median of the repetitions.
        peak_rss_bytes: Largest resident memory; the median of the repetitions.
        repetitions: How many processes were started.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float
    peak_rss_bytes: int
    repetitions: int


class Speed(BaseModel):
    """Latency and throughput, interleaved with the baseline's.

    Attributes:
        latency_ms: At batch size 1, tokenization outside.
        tokenization_p50_ms: Median time to tokenize one text.
        languages_p50_ms: Median latency by language; None under five calls.
        languages_spread: How the latency spreads by language; empty where a run of an earlier version timed it.
        throughput_per_s: Examples per second in token-budget batches.
        speedup: Baseline's median latency divided by this one's; None for the baseline itself.
        throughput_gain: This one's throughput divided by the baseline's; None for the baseline itself.
        warnings: What disturbed the measuring.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency_ms: Latency
    tokenization_p50_ms: float
    languages_p50_ms: dict[str, float | None]
    languages_spread: dict[str, LatencySpread] = {}
    throughput_per_s: float
    speedup: float | None = None
    throughput_gain: float | None = None
    warnings: tuple[str, ...] = ()


class Weight(BaseModel):
    """What the artifact weighs.

    Attributes:
        size_bytes: All its files on disk.
        sparsity: Share of exactly zero weights in its linear layers; None where there are none.
        ledger: Where the bytes of the weights are, by part of the model and type of number.
        compressed_bytes: What the files of the weights take when gzip compresses them; None where not measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size_bytes: int
    sparsity: float | None
    ledger: tuple[LedgerRow, ...] = ()
    compressed_bytes: int | None = None


class Effect(BaseModel):
    """An artifact beside the model that it was made from.

    Attributes:
        model: Name of the model.
        before: The model's weight.
        after: The artifact's weight.
        speedup: How many times as fast as the model it answers one text of random tokens, by its length in tokens.
        engines: What executed the model and the artifact.
        threads: Threads that both ran with.
        warnings: What disturbed the timing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    before: Weight
    after: Weight
    speedup: dict[int, float]
    engines: tuple[Runtime, Runtime]
    threads: int
    warnings: tuple[str, ...] = ()


class Invariance(BaseModel):
    """Whether an artifact's answers depend on what else is in the batch.

    Attributes:
        texts: Number of texts that were tried.
        padding: Largest change of a probability when a text is padded to a longer batch.
        mates: Largest change of a probability when the text shares its batch with others of the same length.
        flips: Texts whose answer changed in either.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    texts: int
    padding: float
    mates: float
    flips: int


class ThreadSearch(BaseModel):
    """A short search for the number of threads that answers fastest.

    Attributes:
        p50_ms: Median latency of one text by number of threads.
        best: The number that was chosen: the fastest; among nearly equals the smallest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    p50_ms: dict[int, float]
    best: int
