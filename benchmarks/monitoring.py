"""How many predictions per second the monitor takes on one core, in 30 languages, with and without right answers.

Run it with ``python benchmarks/monitoring.py``; ``--write`` keeps the table in ``benchmarks/results/monitoring.md``.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from leanglot.familiar.monitor import MultilingualMonitor
from leanglot.measure.neighbours import NeighbourWatch
from leanglot.results.environment import read_environment
from leanglot.results.monitor_baseline import CONFIDENCE_ENDS, LanguageBaseline, MonitorBaseline, bins_of

RESULTS: Final = Path(__file__).parent / "results"
LANGUAGES: Final = tuple(
    "en de fr es it pt nl pl ru uk cs sk sl hr bg ro hu fi et lv lt el tr ar he hi th ja ko zh".split()  # noqa: SIM905
)
LABELS: Final = tuple(f"intent-{number}" for number in range(20))
GOAL: Final = 100_000
_JUDGED: Final = 2_000
_ACCURACY: Final = 0.9

Row = tuple[str, str, float, float, str]


@dataclass(frozen=True)
class Timed:
    """One pass over the predictions.

    Attributes:
        cpu_s: Seconds of processor time.
        wall_s: Seconds on the clock.
        longest_ms: The longest single call, in milliseconds of processor time.
        alerts: Alerts afterwards, all of them false.
    """

    cpu_s: float
    wall_s: float
    longest_ms: float
    alerts: int


def main() -> None:
    """Measure, print, and with ``--write`` keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, len(LANGUAGES) + 1)
    rows = list(_rows(rng, rng.choice(LANGUAGES, options.predictions, p=shares / shares.sum())))
    baseline = _baseline(rng)
    with NeighbourWatch() as watch:
        rounds = [
            {labelled: _timed(baseline, rows, labelled=labelled) for labelled in (False, True)}
            for _ in range(options.rounds)
        ]
    text = _render(rounds, options.predictions, watch.warnings())
    print(text)
    if options.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "monitoring.md").write_text(text, encoding="utf-8")


def _rows(rng: np.random.Generator, languages: np.ndarray) -> Iterator[Row]:
    n = languages.size
    right, answer = rng.random(n) < _ACCURACY, rng.integers(0, len(LABELS), n)
    confidence = np.where(right, rng.beta(9, 1, n), rng.beta(4, 3, n))
    columns = (languages, right, answer, confidence, rng.lognormal(2, 0.5, n))
    for language, good, place, sure, took in zip(*(column.tolist() for column in columns), strict=True):
        yield language, LABELS[place], sure, took, LABELS[place if good else place - 1]


def _baseline(rng: np.random.Generator) -> MonitorBaseline:
    """What the same model did on 2,000 judged examples of each language, so that all of the tests are at work."""
    return MonitorBaseline(
        name="benchmark",
        labels=LABELS,
        data="drawn",
        languages={language: _judged(list(_rows(rng, np.repeat(language, _JUDGED)))) for language in LANGUAGES},
    )


def _judged(rows: list[Row]) -> LanguageBaseline:
    bins = bins_of([sure for _, _, sure, _, _ in rows], CONFIDENCE_ENDS)
    right = np.array([answer == label for _, answer, _, _, label in rows])
    size = len(CONFIDENCE_ENDS) + 1
    return LanguageBaseline(
        n=len(rows),
        correct=int(right.sum()),
        confidence=tuple(np.bincount(bins, minlength=size).tolist()),
        confidence_correct=tuple(np.bincount(bins[right], minlength=size).tolist()),
        labels={},
        tokens=(),
        fragmentation=(),
        unknown=0,
        scripts={},
    )


def _timed(baseline: MonitorBaseline, rows: list[Row], *, labelled: bool) -> Timed:
    monitor = MultilingualMonitor(LANGUAGES, baseline)
    wall, cpu = time.perf_counter(), time.process_time()
    _log(monitor, rows, labelled=labelled)
    alerts = len(monitor.get_dashboard_metrics().snapshot.alerts)
    cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    return Timed(cpu_s, wall_s, _longest(monitor, rows[:20_000], labelled=labelled), alerts)


def _log(monitor: MultilingualMonitor, rows: list[Row], *, labelled: bool) -> None:
    log = monitor.log_prediction
    if labelled:
        for language, answer, sure, took, label in rows:
            log(language, answer, sure, took, label)
    else:
        for language, answer, sure, took, _ in rows:
            log(language, answer, sure, took)


def _longest(monitor: MultilingualMonitor, rows: list[Row], *, labelled: bool) -> float:
    longest = 0.0
    for language, answer, sure, took, label in rows:
        began = time.process_time()
        monitor.log_prediction(language, answer, sure, took, label if labelled else None)
        longest = max(longest, time.process_time() - began)
    return longest * 1_000


def _render(rounds: list[dict[bool, Timed]], predictions: int, warnings: tuple[str, ...]) -> str:
    environment = read_environment(1)
    made = (
        f"{environment.cpu}, one thread, {datetime.now(UTC):%Y-%m-%d}; {predictions:,} predictions in {len(LANGUAGES)} "
        f"languages by `MultilingualMonitor.log_prediction`, median of {len(rounds)} rounds (smallest–largest). The "
        f"baseline has {_JUDGED:,} judged examples of each language. Reading the dashboard at the end is included."
    )
    goal = f"{GOAL:,} a second"
    head = f"| right answers | per second of one core | µs each | per second of the clock | longest call, ms | {goal} |"
    lines = ["# What the monitor costs", "", made, "", head, "|---|---:|---:|---:|---:|---:|"]
    for labelled, name in ((False, "not known"), (True, "known at once")):
        own = [each[labelled] for each in rounds]
        rates = [predictions / each.cpu_s for each in own]
        rate = statistics.median(rates)
        clock = statistics.median(predictions / each.wall_s for each in own)
        longest = statistics.median(each.longest_ms for each in own)
        lines.append(
            f"| {name} | {rate:,.0f} ({min(rates):,.0f}–{max(rates):,.0f}) | {1e6 / rate:.1f} | {clock:,.0f} | "
            f"{longest:.0f} | {'met' if rate >= GOAL else 'MISSED'} |"
        )
    alerts = sum(each.alerts for row in rounds for each in row.values())
    lines += [
        "",
        "Predictions are gathered, and looked at 4,096 at a time: that is the longest call.",
        f"Nothing changes in these predictions: {alerts} alerts in {2 * len(rounds)} passes, all of them false.",
        *warnings,
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
