"""What a routed system does on the judged examples: its quality, and a verdict per language or language pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leanglot.decide.failure_changes import failure_changes, with_failures
from leanglot.decide.routing_detection import routed_correct
from leanglot.decide.translation_verdict import judge_translations
from leanglot.decide.verdict import judge
from leanglot.measure.translation_quality import overall
from leanglot.results.folder import RunFolder
from leanglot.results.predictions import Predictions
from leanglot.results.records import RunReport, Verdict
from leanglot.results.translation_store import read_translations
from leanglot.results.translations import Translations, joined
from leanglot.techniques import MetricName


@dataclass(frozen=True, eq=False)
class Outcome:
    """How well a routed system answers.

    Attributes:
        quality: Share of right answers, or the run's metric, over all examples; None where it cannot be told.
        verdicts: By language or language pair, against the baseline.
        correct: Whether each example is answered right (of translations: fails in no way), shape ``(examples,)``.
    """

    quality: float | None
    verdicts: dict[str, Verdict]
    correct: NDArray[np.bool_]


def outcome_of(
    routes: Sequence[str], predictions: dict[str, Predictions], report: RunReport, folder: Path, seed: int = 0
) -> Outcome:
    """The outcome of sending each judged example to a variant: exact, as all answers are stored.

    Args:
        routes: Name of the variant of each example.
        predictions: Answers by candidate.
        report: The run.
        folder: Its folder, where translations are stored.
        seed: Seed of the bootstrap over translations.

    Raises:
        RunError: Stored translations are missing or damaged.
    """
    correct = routed_correct(routes, predictions)
    if report.metric is not None:
        quality, verdicts = _of_translations(routes, report.metric.name, report, folder, seed)
        return Outcome(quality, verdicts, correct)
    baseline = predictions[report.baseline]
    verdicts = judge(
        baseline.correct, correct, baseline.language, margin=report.margin, alpha=report.alpha, groups=baseline.group
    )
    return Outcome(float(correct.mean()), verdicts, correct)


def _of_translations(
    routes: Sequence[str], metric: MetricName, report: RunReport, folder: Path, seed: int
) -> tuple[float | None, dict[str, Verdict]]:
    stored = {name: _stored(folder, name) for name in {*routes, report.baseline}}
    names = np.asarray(routes, dtype=np.str_)
    routed = joined([stored[str(name)].subset(np.flatnonzero(names == name)) for name in np.unique(names)])
    baseline = stored[report.baseline]
    verdicts = judge_translations(baseline, routed, metric, margin=report.margin, alpha=report.alpha, seed=seed)
    return overall(routed, metric), with_failures(verdicts, failure_changes(baseline, routed, report.alpha))


def _stored(folder: Path, name: str) -> Translations:
    return read_translations(RunFolder(folder).candidate(name).translations)
