"""The course of the pruning benchmark: variants are made, weighed, profiled and timed in turns, one after the other."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from peer_engines import OURS, REFERENCE
from peer_shapes import LENGTHS, Workload, make_workload
from peer_timing import Effort, latencies, paces, run_batches, throughputs
from pruning_engines import make_variant, open_variant, split_time
from pruning_records import GOAL_LENGTH, Comparison, EngineLedger, Facts
from pruning_variants import VARIANTS, Sources, Variant, count_flops, weights_of

from leanglot.compress.vocabulary import trim
from leanglot.data.examples import Examples
from leanglot.data.pool import TextPool
from leanglot.measure.cold_start import measure_cold_start
from leanglot.measure.neighbours import NeighbourWatch
from leanglot.measure.weight import folder_size
from leanglot.models.text_classifier import TextClassifier
from leanglot.runtimes.base import Predictor
from leanglot.runtimes.batching import Batch
from leanglot.techniques import Runtime, TrimVocabulary

FULL: Final = Effort(rounds=5, calls=3, throughput_rounds=3, cold_starts=1, per_language=20)
QUICK: Final = Effort(rounds=3, calls=2, throughput_rounds=1, cold_starts=1, per_language=20)
_BATCH_TEXTS: Final = 32
_BATCH_LENGTH: Final = 32


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does.

    Attributes:
        engines: What executes the variants.
        effort: How much is measured.
        threads: Of every variant.
        tell: Told what is being done.
        attempts: How often a pair is timed at most, where other processes disturb it.
        variants: The baseline first, and what others are compared with before them.
    """

    engines: Sequence[Runtime]
    effort: Effort
    threads: int
    tell: Callable[[str], None]
    attempts: int = 3
    variants: Sequence[Variant] = VARIANTS


def make_sources(model: TextClassifier, corpus: TextPool) -> Sources:
    """The model, and the same with the pieces of a corpus only."""
    return Sources(model, trim(model, TrimVocabulary(), corpus).model)


def make_inputs(model: TextClassifier, texts: Examples, lengths: Sequence[int] = LENGTHS) -> Workload:
    """Token sequences of each length, and for throughput one batch in which all texts have the same length.

    Args:
        model: Its tokenizer is used.
        texts: What they are cut from.
        lengths: In tokens.
    """
    work = make_workload(model.tokenizer, (), texts, (), lengths)
    rows = work.by_length.get(_BATCH_LENGTH) or work.by_length[max(work.by_length)]
    ids = np.concatenate([rows[place % len(rows)] for place in range(_BATCH_TEXTS)])
    batch = Batch(np.arange(_BATCH_TEXTS), ids, np.ones_like(ids))
    return replace(work, mixed=[batch], mixed_texts=_BATCH_TEXTS)


def measure_shape(sources: Sources, work: Workload, folder: Path, plan: Plan) -> tuple[EngineLedger, ...]:
    """Make, load and time all variants of one model, one after the other, on each engine.

    Args:
        sources: The model.
        work: The token sequences.
        folder: Where artifacts are made; they are removed when they are done with.
        plan: Engines, variants and effort.
    """
    return tuple(_measure_engine(_Job(engine, sources, work, folder / engine, plan)) for engine in plan.engines)


@dataclass(frozen=True, slots=True)
class _Job:
    """One model on one engine."""

    engine: Runtime
    sources: Sources
    work: Workload
    folder: Path
    plan: Plan


def _measure_engine(job: _Job) -> EngineLedger:
    """All variants in order. What others are compared with stays loaded, nothing else does."""
    variants = {one.name: one for one in job.plan.variants if not one.int8 or job.engine == "onnxruntime"}
    needed = {name for variant in variants.values() for name in variant.against}
    facts: dict[str, Facts] = {}
    loaded: dict[str, Predictor] = {}
    comparisons = []
    shutil.rmtree(job.folder, ignore_errors=True)  # what a run that was stopped left there
    for variant in variants.values():
        facts[variant.name] = _make(job, variant)
        predictor = open_variant(job.folder / variant.name, job.plan.threads, job.sources.model.tokenizer)
        for other in (variants[name] for name in variant.against):
            job.plan.tell(f"{job.engine}: {variant.name} and {other.name} in turns")
            pair = {REFERENCE: loaded[other.name], OURS: predictor}
            alike = variant.int8 == other.int8
            promised = _promised(facts[other.name], facts[variant.name]) if alike else {}
            comparisons.append(_compare(job, variant, other, pair, promised))
        if variant.name in needed:
            loaded[variant.name] = predictor
        shutil.rmtree(job.folder / variant.name)
    return EngineLedger(job.engine, facts, tuple(comparisons))


def _make(job: _Job, variant: Variant) -> Facts:
    """Write a variant's artifact, and tell what is known of it before it is timed."""
    job.plan.tell(f"{job.engine}: {variant.name}: making it")
    folder, threads, lengths = job.folder / variant.name, job.plan.threads, sorted(job.work.by_length)
    model = variant.make(job.sources)
    make_variant(model, job.engine, folder, int8=variant.int8)
    memory = None
    if variant.weighed:
        repetitions = job.plan.effort.cold_starts
        memory = measure_cold_start(folder, job.work.first_text, threads, repetitions=repetitions).peak_rss_bytes
    return Facts(
        variant=variant.name,
        about=variant.about,
        weights=weights_of(model),
        flops=count_flops(model, lengths),
        size_bytes=folder_size(folder),
        peak_rss_bytes=memory,
        split=split_time(folder, job.engine, threads, GOAL_LENGTH if GOAL_LENGTH in lengths else lengths[-1]),
    )


def _promised(before: Facts, after: Facts) -> dict[int, float]:
    return {length: count / after.flops[length] for length, count in before.flops.items()}


def _compare(
    job: _Job, variant: Variant, other: Variant, pair: Mapping[str, Predictor], promised: Mapping[int, float]
) -> Comparison:
    """Time two variants in turns, again where other processes disturbed it: the calmest attempt counts."""
    attempts: list[Comparison] = []
    while len(attempts) < job.plan.attempts and all(one.warnings for one in attempts):
        attempts.append(_timed(job, variant, other, pair, promised))
    return min(attempts, key=lambda one: one.neighbours)


def _timed(
    job: _Job, variant: Variant, other: Variant, pair: Mapping[str, Predictor], promised: Mapping[int, float]
) -> Comparison:
    """One attempt. The ledger of peers calls the one that is compared with its reference, the other one ours."""
    work, effort = job.work, job.plan.effort
    for predictor in pair.values():
        run_batches(predictor, work.mixed)
    with NeighbourWatch() as watch:
        latency = {length: paces(times)[OURS] for length, times in latencies(pair, work, effort).items()}
        rates = paces(throughputs(pair, work, effort), lambda seconds: work.mixed_texts / seconds)
    return Comparison(
        variant=variant.name,
        against=other.name,
        promised=promised,
        latency=latency,
        throughput=rates[OURS],
        judged=variant.judged and bool(promised),
        neighbours=watch.share,
        warnings=watch.warnings(),
    )
