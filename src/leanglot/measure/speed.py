"""Latency and throughput: candidate and baseline run in turns, so that a slow minute of the machine hits both."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.measure.calls import pause
from leanglot.measure.neighbours import NeighbourWatch
from leanglot.results.measures import Speed
from leanglot.results.records import Latency, LatencySpread
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.classifier import Classifier

# Fewest calls for a percentile: with fewer, all of them may well lie on one side of it.
QUARTILE_CALLS: Final = 23
P90_CALLS: Final = 64
P95_CALLS: Final = 130
P99_CALLS: Final = 662
_WARM_UP: Final = 12
_BURST: Final = 8
_BASELINE_EVERY: Final = 3
_LANGUAGE_CALLS: Final = 5

Milliseconds = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Workload:
    """The texts that speed is measured on.

    Attributes:
        texts: For tokenization, and in its tokenized form for latency: every language equally often.
        rows: Their token ids.
        languages: Their languages.
        batch_rows: Token ids of the texts for throughput, with the data's own mix.
        batch_tokens: Largest batch in tokens.
        rounds: How often throughput is measured.
        opponent_rows: The rows as the baseline tokenizes them; None where it has the same tokenizer.
        opponent_batch_rows: The same of the texts for throughput.
    """

    texts: Sequence[str]
    rows: Sequence[TokenIds]
    languages: Sequence[str]
    batch_rows: Sequence[TokenIds]
    batch_tokens: int
    rounds: int = 3
    opponent_rows: Sequence[TokenIds] | None = None
    opponent_batch_rows: Sequence[TokenIds] | None = None

    def of_each(self, runners: int) -> list[tuple[Sequence[TokenIds], Sequence[TokenIds]]]:
        """Rows for latency and for throughput of each runner, the measured one last."""
        own = (self.rows, self.batch_rows)
        return [(self.opponent_rows or self.rows, self.opponent_batch_rows or self.batch_rows), own][-runners:]


@dataclass(frozen=True, slots=True)
class Timed:
    """Something that takes its turns: a loaded model with the tokenized texts that it is timed on.

    Attributes:
        answer: Answers the text at a position alone.
        answer_all: Answers all texts for throughput, in batches.
        tokenize: Tokenizes the text at a position.
    """

    answer: Callable[[int], object]
    answer_all: Callable[[], object]
    tokenize: Callable[[int], object]


def measure_speed(
    candidate: Classifier,
    baseline: Classifier | None,
    work: Workload,
    on_call: Callable[[int], None] = lambda _: None,
) -> Speed:
    """Time a candidate, in turns with the baseline.

    Args:
        candidate: What is measured.
        baseline: What it is compared with, within the same budget of threads; None when the candidate is the baseline.
        work: The texts.
        on_call: Called with the number of texts done.
    """
    runners = [candidate] if baseline is None else [baseline, candidate]
    timed = [
        _timed(runner, work, rows, batch_rows)
        for runner, (rows, batch_rows) in zip(runners, work.of_each(len(runners)), strict=True)
    ]
    return measure_turns(timed, work.languages, len(work.batch_rows), work.rounds, on_call)


def measure_turns(
    runners: Sequence[Timed],
    languages: Sequence[str],
    batch_texts: int,
    rounds: int,
    on_call: Callable[[int], None] = lambda _: None,
) -> Speed:
    """Time the last of one or two runners, in turns with the other, the baseline.

    Args:
        runners: The baseline, where there is one, and what is measured.
        languages: Language, or pair, of each text that latency is timed on.
        batch_texts: Number of texts for throughput.
        rounds: How often throughput is measured.
        on_call: Called with the number of texts done.
    """
    with NeighbourWatch() as watch:
        times = _latencies(runners, len(languages), on_call)
        rates = _throughputs(runners, batch_texts, rounds)
        tokenization = [_milliseconds(runners[-1].tokenize, place) for place in range(len(languages))]
    own, own_rate, both = times[-1], rates[-1], ~np.isnan(times[0])
    spreads = _by_language(own, languages)
    alone = len(runners) == 1
    return Speed(
        latency_ms=summarize_latency(own),
        tokenization_p50_ms=float(np.median(tokenization)),
        languages_p50_ms={tag: spread.p50 for tag, spread in spreads.items()},
        languages_spread=spreads,
        throughput_per_s=own_rate,
        speedup=None if alone else float(np.median(times[0][both]) / np.median(own[both])),
        throughput_gain=None if alone else own_rate / rates[0],
        warnings=watch.warnings(),
    )


def _timed(classifier: Classifier, work: Workload, rows: Sequence[TokenIds], batch_rows: Sequence[TokenIds]) -> Timed:
    inputs = [(row[None, :], np.ones((1, len(row)), dtype=np.int64)) for row in rows]
    return Timed(
        answer=lambda place: classifier.predictor.logits(*inputs[place]),
        answer_all=lambda: classifier.logits(batch_rows, work.batch_tokens),
        tokenize=lambda place: classifier.encode([work.texts[place]]),
    )


def summarize_latency(times: Milliseconds) -> Latency:
    """Mean, spread and the percentiles that so many calls can place.

    Args:
        times: Milliseconds per call, shape (calls,).
    """
    n = len(times)
    missing = {
        name: f"{n} calls; {name} needs at least {needed}"
        for name, needed in (("std", 2), ("p95", P95_CALLS), ("p99", P99_CALLS))
        if n < needed
    }
    return Latency(
        n=n,
        mean=float(times.mean()),
        std=None if "std" in missing else float(times.std(ddof=1)),
        p50=float(np.median(times)),
        p95=None if "p95" in missing else float(np.percentile(times, 95)),
        p99=None if "p99" in missing else float(np.percentile(times, 99)),
        missing=missing,
    )


def spread_latency(times: Milliseconds) -> LatencySpread:
    """The quantiles of one language's calls that so many of them can place.

    Args:
        times: Milliseconds per call, shape (calls,).
    """

    def quantile(share: float, needed: int) -> float | None:
        return float(np.quantile(times, share)) if len(times) >= needed else None

    return LatencySpread(
        n=len(times),
        low=quantile(0, _LANGUAGE_CALLS),
        p25=quantile(0.25, QUARTILE_CALLS),
        p50=quantile(0.5, _LANGUAGE_CALLS),
        p75=quantile(0.75, QUARTILE_CALLS),
        p90=quantile(0.9, P90_CALLS),
        high=quantile(1, _LANGUAGE_CALLS),
    )


def _latencies(runners: Sequence[Timed], calls: int, on_call: Callable[[int], None]) -> list[Milliseconds]:
    """Milliseconds per text for each runner, which take turns every few texts.

    The last runner is timed on every text, the one it is compared with on every third burst; NaN stands for the rest.
    """
    for runner in runners:
        for place in range(min(_WARM_UP, calls)):
            runner.answer(place)
    times = [np.full(calls, np.nan) for _ in runners]
    for turn, start in enumerate(range(0, calls, _BURST)):
        burst = range(start, min(start + _BURST, calls))
        taking_part = list(zip(runners, times, strict=True))[0 if turn % _BASELINE_EVERY == 0 else -1 :]
        for runner, kept in taking_part:
            if len(taking_part) > 1:
                pause()
                runner.answer(start)
            for place in burst:
                kept[place] = _milliseconds(runner.answer, place)
        on_call(len(burst))
    return times


def _throughputs(runners: Sequence[Timed], texts: int, rounds: int) -> list[float]:
    """Examples per second of each runner: the median over rounds in which the runners take turns."""
    rates: list[list[float]] = [[] for _ in runners]
    for _ in range(rounds):
        for runner, kept in zip(runners, rates, strict=True):
            pause()
            runner.answer(0)
            started = time.perf_counter()
            runner.answer_all()
            kept.append(texts / (time.perf_counter() - started))
    return [float(np.median(kept)) for kept in rates]


def _milliseconds(call: Callable[[int], object], place: int) -> float:
    started = time.perf_counter_ns()
    call(place)
    return (time.perf_counter_ns() - started) / 1e6


def _by_language(times: Milliseconds, languages: Sequence[str]) -> dict[str, LatencySpread]:
    grouped: dict[str, list[float]] = defaultdict(list)
    for language, value in zip(languages, times, strict=True):
        grouped[language].append(float(value))
    return {language: spread_latency(np.asarray(values)) for language, values in sorted(grouped.items())}
