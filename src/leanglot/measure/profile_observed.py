"""What was observed of one engine while it was profiled, and the record that is made of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from leanglot.measure.calls import settle
from leanglot.measure.ledger import part_of
from leanglot.measure.profile_rows import (
    Holding,
    TimedCall,
    adopted_share,
    fp32_by_part,
    kind_of,
    rows_by_place,
    summed,
    tally,
)
from leanglot.results.manifest import Manifest
from leanglot.results.profile import EngineProfile, Origin
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.classifier import Classifier

WARM_UP: Final = 5
WHOLE: Final = "(whole model)"
Batch = tuple[TokenIds, TokenIds]
"""Token ids and mask, both of shape (texts, length)."""


@dataclass(frozen=True, slots=True)
class Drill:
    """What every engine answers while it is profiled.

    Attributes:
        batches: The calls.
        rounds: How often each is made.
    """

    batches: Sequence[Batch]
    rounds: int


@dataclass(frozen=True, slots=True)
class Observed:
    """One engine, profiled.

    Attributes:
        threads: Its threads.
        unprofiled_ms: Milliseconds of each call without profiling, the fastest of the rounds.
        operator_calls: The calls with their operators.
        module_calls: The calls with their modules; the same where the operators' names tell the modules.
        holdings: The weights.
        inclusive_ms: Mean time per call of each module with all inside it; empty where that was not measured.
        warnings: What disturbed the measuring.
    """

    threads: int
    unprofiled_ms: Sequence[float]
    operator_calls: Sequence[TimedCall]
    module_calls: Sequence[TimedCall]
    holdings: Sequence[Holding]
    inclusive_ms: Mapping[str, float]
    warnings: tuple[str, ...]


def engine_profile(
    observed: Observed, manifest: Manifest, origin: Origin, threads_p50_ms: Mapping[int, float]
) -> EngineProfile:
    """Lays out what was observed.

    Args:
        observed: One engine's calls.
        manifest: What was executed.
        origin: Where it came from.
        threads_p50_ms: Median latency by number of threads, where that was searched.
    """
    held, total = observed.holdings, sum(own.size_bytes for own in observed.holdings)
    operators = tally(
        observed.operator_calls, lambda each: each.operator, summed(held, lambda own: own.operator), total
    )
    modules = tally(
        observed.module_calls,
        lambda each: each.module or WHOLE,
        summed(held, lambda own: None if own.module is None else own.module or WHOLE),
        total,
        part_of,
    )
    modules = tuple(
        row.model_copy(update={"inclusive_ms": observed.inclusive_ms.get(row.name)}) if observed.inclusive_ms else row
        for row in modules
    )
    kinds = tally(
        observed.module_calls,
        lambda each: kind_of(each.module) or WHOLE,
        summed(held, lambda own: None if own.module is None else kind_of(own.module) or WHOLE),
        total,
        part_of,
    )
    places, parts = rows_by_place(observed.module_calls, held, total)
    totals = [call.total_ms for call in observed.operator_calls]
    hooked = observed.module_calls is not observed.operator_calls
    return EngineProfile(
        engine=manifest.runtime,
        origin=origin,
        recipe=manifest.recipe,
        threads=observed.threads,
        threads_p50_ms=dict(threads_p50_ms),
        unprofiled_p50_ms=float(np.median(observed.unprofiled_ms)),
        profiled_p50_ms=float(np.median(totals)),
        hooked_p50_ms=float(np.median([call.total_ms for call in observed.module_calls])) if hooked else None,
        outside_share=sum(call.outside_ms for call in observed.operator_calls) / sum(totals),
        operators=operators,
        modules=modules,
        kinds=kinds,
        places=places,
        parts=parts,
        size_bytes=total,
        fp32_bytes=fp32_by_part(held),
        unplaced_bytes=sum(own.size_bytes for own in held if own.operator is None),
        adopted_share=adopted_share(observed.module_calls),
        warnings=observed.warnings,
    )


def fastest_times(rounds: Sequence[Sequence[float]]) -> list[float]:
    """The fastest of the rounds of each call."""
    return [float(value) for value in np.min(np.asarray(rounds), axis=0)]


def warm_up(classifier: Classifier, batches: Sequence[Batch]) -> None:
    """Answer the first calls, unrecorded, until what an engine sets up at first is set up."""
    for turn in range(WARM_UP):
        classifier.predictor.logits(*batches[turn % len(batches)])


def take_turns(classifiers: Sequence[Classifier], drill: Drill, run: Sequence[Callable[[Batch], None]]) -> None:
    """Has each way of running answer all calls in each round, in turns, after a pause that stills the one before.

    Args:
        classifiers: Who answers in each way; may repeat.
        drill: The calls.
        run: The ways, which keep what they find themselves; as many as classifiers.
    """
    for _ in range(drill.rounds):
        for classifier, way in zip(classifiers, run, strict=True):
            settle(classifier, drill.batches[0][0][0])
            for batch in drill.batches:
                way(batch)
