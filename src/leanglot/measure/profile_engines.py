"""Profiles an artifact on an engine that executes a graph: ONNX Runtime or OpenVINO."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from leanglot.measure.neighbours import NeighbourWatch
from leanglot.measure.profile_graph import (
    GraphWeights,
    Run,
    holdings,
    onnx_weights,
    openvino_weights,
    read_trace,
    timed_calls,
)
from leanglot.measure.profile_observed import WARM_UP, Batch, Drill, Observed, fastest_times, take_turns, warm_up
from leanglot.measure.profile_rows import Executed, TimedCall, fastest_calls
from leanglot.runtimes.classifier import Classifier
from leanglot.runtimes.loading import load

if TYPE_CHECKING:
    from leanglot.runtimes.openvino import OpenVinoPredictor


def profile_onnxruntime(folder: Path, threads: int, drill: Drill) -> Observed:
    """Time an artifact's calls without and with ONNX Runtime's own profiling, in turns.

    Args:
        folder: The artifact.
        threads: Threads of the engine.
        drill: What it answers.

    Raises:
        ModelError: The artifact is damaged.
    """
    from leanglot.runtimes.onnxruntime import open_predictor

    plain = load(folder, threads)
    with tempfile.TemporaryDirectory(prefix="leanglot-profile-") as scratch:
        predictor = open_predictor(folder, plain.manifest, threads, Path(scratch) / "trace")
        traced = replace(plain, predictor=predictor)
        for classifier in (plain, traced):
            warm_up(classifier, drill.batches)
        unprofiled, warnings = _in_turns(plain, traced, drill, lambda batch: _answer(traced, batch))
        runs = read_trace(Path(predictor.session.end_profiling()))
    # Before each round comes one call that wakes the engine's threads.
    own, length = runs[WARM_UP:], len(drill.batches) + 1
    rounds = [own[start * length + 1 : (start + 1) * length] for start in range(drill.rounds)]
    return _observed(threads, onnx_weights(folder), rounds, (unprofiled, warnings))


def profile_openvino(folder: Path, threads: int, drill: Drill) -> Observed:
    """Time an artifact's calls without and with OpenVINO's performance counters, in turns; these tell means alone.

    Args:
        folder: The artifact.
        threads: Threads of the engine.
        drill: What it answers.

    Raises:
        ModelError: The artifact is damaged.
        MissingExtraError: OpenVINO is not installed.
    """
    from leanglot.runtimes.openvino import open_predictor

    plain = load(folder, threads)
    predictor = open_predictor(folder, plain.manifest, threads, counting=True)
    counting = replace(plain, predictor=predictor)
    for classifier in (plain, counting):
        warm_up(classifier, drill.batches)
    times: list[float] = []
    before = _counted(predictor)
    # The plain one is woken before both, so that nothing but the calls is counted.
    unprofiled, warnings = _in_turns(plain, plain, drill, lambda batch: times.append(timed(counting, batch)))
    mean = _mean_call(before, _counted(predictor), times)
    return _observed(threads, openvino_weights(folder), [[mean]], (unprofiled, warnings))


def _counted(predictor: "OpenVinoPredictor") -> list[Executed]:
    return [Executed(kind, "", ms, name) for name, kind, ms in predictor.counters()]


def _mean_call(before: Sequence[Executed], after: Sequence[Executed], times: Sequence[float]) -> Run:
    """The mean of the timed calls, from the means over the warm-up and over all calls."""
    calls, warm = len(times), {each.name: each.ms * WARM_UP for each in before}
    own = (replace(each, ms=max(0.0, each.ms * (WARM_UP + calls) - warm.get(each.name, 0.0)) / calls) for each in after)
    return sum(times) / calls, tuple(own)


def _in_turns(
    plain: Classifier, profiled: Classifier, drill: Drill, profile: Callable[[Batch], None]
) -> tuple[list[float], tuple[str, ...]]:
    """Milliseconds of each call without profiling, and what disturbed them."""
    times: list[float] = []

    def time_plain(batch: Batch) -> None:
        times.append(timed(plain, batch))

    with NeighbourWatch() as watch:
        take_turns([plain, profiled], drill, [time_plain, profile])
    calls = len(drill.batches)
    rounds = [times[start * calls : (start + 1) * calls] for start in range(drill.rounds)]
    return fastest_times(rounds), watch.warnings()


def timed(classifier: Classifier, batch: Batch) -> float:
    """Milliseconds that a call takes."""
    started = time.perf_counter_ns()
    classifier.predictor.logits(*batch)
    return (time.perf_counter_ns() - started) / 1e6


def _answer(classifier: Classifier, batch: Batch) -> None:
    classifier.predictor.logits(*batch)


def _observed(
    threads: int,
    weights: GraphWeights,
    rounds: Sequence[Sequence[Run]],
    plain: tuple[list[float], tuple[str, ...]],
) -> Observed:
    names = weights.names
    calls: tuple[TimedCall, ...] = fastest_calls([timed_calls(runs, names) for runs in rounds])
    return Observed(threads, plain[0], calls, calls, holdings(weights, calls), {}, plain[1])
