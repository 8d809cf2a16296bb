"""Times the engines in turns, and compares their answers."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean, median
from typing import Final

import numpy as np
from numpy.typing import NDArray
from peer_engines import OURS, REFERENCE
from peer_records import Agreement, Pace, Spread
from peer_shapes import Workload

from leanglot.runtimes.base import Logits, Predictor, TokenIds
from leanglot.runtimes.batching import Batch

_PAUSE_S: Final = 0.02  # engines keep their threads spinning for some milliseconds after a call
_WARM_UP: Final = 2
_SEARCH_CALLS: Final = 7
_NEARLY_EQUAL: Final = 1.03  # fewer threads are taken where more gain less than this

Rounds = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: How often all engines take turns.
        calls: Timed calls per engine, length and round.
        throughput_rounds: The same for the mixed batches.
        cold_starts: Fresh processes per engine.
        per_language: Compared texts per language.
    """

    rounds: int
    calls: int
    throughput_rounds: int
    cold_starts: int
    per_language: int


FULL: Final = Effort(rounds=5, calls=6, throughput_rounds=3, cold_starts=2, per_language=20)
QUICK: Final = Effort(rounds=3, calls=3, throughput_rounds=1, cold_starts=1, per_language=3)


def search_threads(
    open_with: Callable[[int], Predictor], budget: int, work: Workload
) -> tuple[Predictor, int, dict[int, float]]:
    """Try 1, 2, 4, … threads within the budget of cores.

    Args:
        open_with: Loads the engine with so many threads.
        budget: Most threads.
        work: Its inputs of each length.

    Returns:
        The loaded engine, its number of threads, and by number of threads the geometric mean over the lengths of the
        median milliseconds per call.
    """
    found: dict[int, float] = {}
    best: tuple[Predictor, int] | None = None
    for threads in sorted({budget, *(2**power for power in range(budget.bit_length()))}):
        predictor = open_with(threads)
        found[threads] = geometric_mean(_calm_median(predictor, inputs) for inputs in work.by_length.values())
        if best is None or found[threads] * _NEARLY_EQUAL < found[best[1]]:
            best = predictor, threads
    if best is None:
        raise ValueError(f"a budget of {budget} cores leaves no threads")
    return *best, found


def _calm_median(predictor: Predictor, inputs: Sequence[TokenIds]) -> float:
    for ids in inputs[:_WARM_UP]:
        _call(predictor, ids)
    return median(_call(predictor, ids) for ids in inputs[:_SEARCH_CALLS])


def latencies(
    engines: Mapping[str, Predictor], work: Workload, effort: Effort, on_round: Callable[[], None] = lambda: None
) -> dict[int, dict[str, Rounds]]:
    """Milliseconds per call of each engine, by length and name, shape (rounds, calls).

    In each round every engine has one burst per length, in an order that moves on by one from round to round. Before a
    burst there is a pause in which the last engine's threads fall asleep, and one call that is not timed.
    """
    names = list(engines)
    times = {length: {name: np.empty((effort.rounds, effort.calls)) for name in names} for length in work.by_length}
    for turn in range(effort.rounds):
        start = turn % len(names)
        for length, inputs in work.by_length.items():
            for name in names[start:] + names[:start]:
                _settle(engines[name], inputs[0])
                for call in range(effort.calls):
                    ids = inputs[(turn * effort.calls + call) % len(inputs)]
                    times[length][name][turn, call] = _call(engines[name], ids)
        on_round()
    return times


def throughputs(engines: Mapping[str, Predictor], work: Workload, effort: Effort) -> dict[str, Rounds]:
    """Seconds for all mixed batches by engine, shape (rounds, 1); all get the same sorted batches, in turns.

    All have seen them before: `measure_shape` of ``peers.py`` sees to that.
    """
    times = {name: np.empty((effort.throughput_rounds, 1)) for name in engines}
    for turn in range(effort.throughput_rounds):
        for name, predictor in engines.items():
            _settle(predictor, work.mixed[0].input_ids[:1])
            started = time.perf_counter()
            run_batches(predictor, work.mixed)
            times[name][turn, 0] = time.perf_counter() - started
    return times


def paces(
    times: Mapping[str, Rounds], value: Callable[[float], float] = lambda median_time: median_time
) -> dict[str, Pace]:
    """Medians and ratios by engine.

    Args:
        times: Of each engine, shape (rounds, calls); the reference and leanglot's candidate are among them.
        value: What is quoted for a median time.
    """
    rounds = {name: np.median(each, axis=1) for name, each in times.items()}
    return {
        name: Pace(
            value=value(float(np.median(times[name]))),
            against_reference=_spread(rounds[REFERENCE] / own),
            lead=_spread(own / rounds[OURS]),
        )
        for name, own in rounds.items()
    }


def run_batches(predictor: Predictor, batches: Sequence[Batch]) -> Logits:
    """Logits of all texts in their original order, shape (texts, labels)."""
    parts = [predictor.logits(batch.input_ids, batch.attention_mask) for batch in batches]
    order = np.concatenate([batch.positions for batch in batches])
    logits: Logits = np.concatenate(parts)[np.argsort(order)]
    return logits


def compare(logits: Logits, reference: Logits, labels: Sequence[int]) -> Agreement:
    """Errors and answers of an engine against the reference's.

    Args:
        logits: Shape (texts, labels).
        reference: The same shape.
        labels: Right class of each text; empty where answers mean nothing.

    Raises:
        ValueError: Some logits are not finite.
    """
    if broken := int((~np.isfinite(logits).all(axis=1)).sum()):
        raise ValueError(f"the logits of {broken} of {len(logits)} texts are NaN or infinite")
    own, right = logits.astype(np.float64), reference.astype(np.float64)
    norms = np.linalg.norm(own, axis=1) * np.linalg.norm(right, axis=1)
    answers = own.argmax(axis=1)
    return Agreement(
        texts=len(logits),
        relative_error=float(np.linalg.norm(own - right) / np.linalg.norm(right)),
        cosine=float(np.mean((own * right).sum(axis=1) / norms)),
        same_answers=int((answers == right.argmax(axis=1)).sum()) if labels else None,
        right_answers=int((answers == np.asarray(labels)).sum()) if labels else None,
    )


def _settle(predictor: Predictor, ids: TokenIds) -> None:
    time.sleep(_PAUSE_S)
    _call(predictor, ids)


def _call(predictor: Predictor, ids: TokenIds) -> float:
    mask = np.ones_like(ids)
    started = time.perf_counter_ns()
    predictor.logits(ids, mask)
    return (time.perf_counter_ns() - started) / 1e6


def _spread(ratios: NDArray[np.float64]) -> Spread:
    return Spread(median=float(np.median(ratios)), low=float(ratios.min()), high=float(ratios.max()))
