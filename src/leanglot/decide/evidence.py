"""What the paired scores of one language say, before it is decided what that means."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from leanglot.decide.scores import PairedScores, Scale
from leanglot.stats.bootstrap import bca_interval
from leanglot.stats.clusters import (
    cluster_sums,
    design_effect,
    largest_design_effect,
    observed_design_effect,
)
from leanglot.stats.departures import Departures
from leanglot.stats.intervals import Interval, PairedCounts, counted_interval
from leanglot.stats.paired import mcnemar, sign_flip, sign_flip_counts
from leanglot.stats.power import Plan, planned_flip_rate

BOOTSTRAP_NEEDS: Final = 20


@dataclass(frozen=True)
class Evidence:
    """What the data of one language allow to be said.

    Attributes:
        n: Number of examples.
        groups: Number of clusters; None where every example stands for itself.
        baseline: Mean score of the baseline.
        candidate: Mean score of the candidate.
        drop: Mean difference, baseline minus candidate.
        lost: Examples on which the candidate scored lower.
        won: Examples on which it scored higher.
        interval: Interval of the drop; None where `gap` says why there is none.
        p_value: Two-sided p-value of no drop; None where `gap` says why.
        plan: What to expect of further examples; None where `gap` says why.
        design_effect: Examples that are worth one independent example.
        gap: Why something is missing.
    """

    n: int
    groups: int | None
    baseline: float
    candidate: float
    drop: float
    lost: int
    won: int
    interval: Interval | None = None
    p_value: float | None = None
    plan: Plan | None = None
    design_effect: float = 1.0
    gap: str | None = None

    @property
    def units(self) -> int:
        """Number of independent observations: groups, or else examples."""
        return self.n if self.groups is None else self.groups

    def testable(self, alpha: float) -> bool:
        """Whether a test at this level could find a drop at all, were every unit worse."""
        return self.p_value is not None and 2 * 0.5**self.units < alpha


def examine(scores: PairedScores, scale: Scale, alpha: float, rng: np.random.Generator) -> Evidence:
    """Weighs the scores of one language.

    Args:
        scores: The paired scores, at least one.
        scale: The scale of the scores, over all languages.
        alpha: Error level, above 0 and at most 0.5.
        rng: Source of resamples; its draws do not depend on the order of the examples.
    """
    differences = scores.differences
    groups = None if scores.groups is None else int(scores.groups.max()) + 1
    summary = Evidence(
        n=differences.size,
        groups=groups,
        baseline=float(scores.baseline.mean()),
        candidate=float(scores.candidate.mean()),
        drop=float(differences.mean()),
        lost=int(np.sum(differences > 0)),
        won=int(np.sum(differences < 0)),
    )
    if groups == 1:
        return replace(
            summary,
            gap=f"All {summary.n:,} examples belong to one group, so nothing shows how much groups differ",
        )
    if scale.binary:
        return _examine_counts(summary, scores, alpha)
    return _examine_values(summary, scores, scale.span, alpha, rng)


def _examine_counts(summary: Evidence, scores: PairedScores, alpha: float) -> Evidence:
    """Scores of 0 and 1: Tango's interval and McNemar's test, or their likes over clusters."""
    counts = PairedCounts(summary.lost, summary.won, summary.n)
    if scores.groups is None or summary.groups is None:
        return replace(
            summary,
            interval=counted_interval(counts, alpha),
            p_value=mcnemar(summary.lost, summary.won),
            plan=Plan(counts.n, counts.drop, planned_flip_rate(counts.flips, counts.n)),
        )
    clusters = cluster_sums(scores.differences, scores.groups)
    effect = design_effect(clusters)
    effective = counts.scaled(counts.n / effect)
    return replace(
        summary,
        interval=counted_interval(effective, alpha, degrees=summary.groups - 1),
        p_value=sign_flip_counts(clusters.sums.astype(np.int64)),
        plan=Plan(effective.n, counts.drop, planned_flip_rate(effective.flips, effective.n)),
        design_effect=effect,
    )


def _examine_values(
    summary: Evidence, scores: PairedScores, span: float | None, alpha: float, rng: np.random.Generator
) -> Evidence:
    """Real scores: a bootstrap interval where enough of them moved, else a bound on the share that moves."""
    if span is None:
        return replace(
            summary, gap="All scores are one and the same number, so nothing shows what a difference is worth"
        )
    groups = np.arange(summary.n) if scores.groups is None else scores.groups
    clusters = cluster_sums(scores.differences, groups)
    p_value = sign_flip(clusters.sums, rng)
    few = Departures.of(clusters)
    if few.number < BOOTSTRAP_NEEDS:
        effect = largest_design_effect(clusters)
        variance = planned_flip_rate(few.effective_number, few.n_effective) * span**2
        interval = few.interval(span, alpha)
    else:
        effect = max(1.0, observed_design_effect(clusters) or 1.0)
        variance = float(scores.differences.var(ddof=1))
        interval = bca_interval(clusters, alpha, rng)
    plan = Plan(summary.n / effect, summary.drop, variance)
    return replace(summary, interval=interval, p_value=p_value, plan=plan, design_effect=effect)
