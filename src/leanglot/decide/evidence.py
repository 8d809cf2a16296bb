"""What the paired scores of one language say, before it is decided what that means."""

import math
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final

import numpy as np

from leanglot.decide.scores import PairedScores, Scale
from leanglot.stats.bootstrap import bca_interval
from leanglot.stats.clusters import Clusters, cluster_sums, counted_whole, design_effect, observed_design_effect
from leanglot.stats.departures import Departures, unseen_interval
from leanglot.stats.intervals import Interval, PairedCounts, counted_interval, unequal_share_bound
from leanglot.stats.paired import cluster_p_value, mcnemar, sign_flip
from leanglot.stats.power import Plan, planned_flip_rate

BOOTSTRAP_NEEDS: Final = 20
RANGE_NEEDS: Final = 100
"""Units that must be seen before the range of scores without natural limits says anything of those not seen."""


@dataclass(frozen=True)
class View:
    """One way to look at the data: example by example, or each group as one answer.

    Attributes:
        interval: Interval of the drop.
        plan: What to expect of further units.
        worth: Examples per independent unit.
    """

    interval: Interval
    plan: Plan
    worth: float


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
        views: Ways to look at the drop, the one that the test takes first; none where `gap` says why.
        p_value: Two-sided p-value of no drop; None where `gap` says why.
        gap: Why something is missing.
    """

    n: int
    groups: int | None
    baseline: float
    candidate: float
    drop: float
    lost: int
    won: int
    views: tuple[View, ...] = ()
    p_value: float | None = None
    gap: str | None = None

    @property
    def interval(self) -> Interval | None:
        """What any of the views allows the drop to be; None where there is none."""
        return reduce(Interval.joined, (view.interval for view in self.views)) if self.views else None

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
        baseline=math.fsum(scores.baseline) / differences.size,
        candidate=math.fsum(scores.candidate) / differences.size,
        drop=math.fsum(differences) / differences.size,
        lost=int(np.sum(differences > 0)),
        won=int(np.sum(differences < 0)),
    )
    if groups == 1:
        return replace(
            summary,
            gap=f"All {summary.n:,} examples belong to one group, so nothing shows how much groups differ",
        )
    if scale.binary:
        return _examine_counts(summary, scores, alpha, rng)
    return _examine_values(summary, scores, scale, alpha, rng)


def _examine_counts(summary: Evidence, scores: PairedScores, alpha: float, rng: np.random.Generator) -> Evidence:
    """Scores of 0 and 1: Tango's interval and McNemar's test, or their likes over clusters."""
    counts = PairedCounts(summary.lost, summary.won, summary.n)
    if scores.groups is None:
        view = _counted(counts, counted_interval(counts, alpha), 1.0)
        return replace(summary, views=(view,), p_value=mcnemar(summary.lost, summary.won))
    clusters = cluster_sums(scores.differences, scores.groups)
    effect = design_effect(clusters)
    effective, whole = counts.scaled(counts.n / effect), counted_whole(clusters)
    interval = counted_interval(effective, alpha, degrees=max(0.5, clusters.n_whole - 1))
    return replace(
        summary,
        views=(
            _counted(effective, interval, effect),
            _counted(whole, _whole_interval(whole, clusters, alpha), clusters.n / clusters.n_whole),
        ),
        p_value=cluster_p_value(clusters.sums.astype(np.int64), rng),
    )


def _whole_interval(whole: PairedCounts, clusters: Clusters, alpha: float) -> Interval:
    """What clusters that count as one answer each allow, also where the large ones fail more often than the small."""
    one_sided, two_sided = (unequal_share_bound(clusters.sizes, tail) for tail in (alpha, alpha / 2))
    unseen = Interval(
        max(-1.0, whole.drop - two_sided), min(1.0, whole.drop + two_sided), min(1.0, whole.drop + one_sided)
    )
    return counted_interval(whole, alpha).joined(unseen)


def _counted(counts: PairedCounts, interval: Interval, worth: float) -> View:
    return View(interval, Plan(counts.n, counts.drop, planned_flip_rate(counts.flips, counts.n)), worth)


def _examine_values(
    summary: Evidence, scores: PairedScores, scale: Scale, alpha: float, rng: np.random.Generator
) -> Evidence:
    """Real scores: a bootstrap interval where enough of them moved, else a bound on the share that moves."""
    span = scale.span
    if span is None:
        return replace(
            summary, gap="All scores are one and the same number, so nothing shows what a difference is worth"
        )
    groups = np.arange(summary.n) if scores.groups is None else scores.groups
    clusters = cluster_sums(scores.differences, groups)
    found = replace(summary, p_value=sign_flip(clusters.sums, rng))
    few = Departures.of(clusters, span)
    if few.number >= BOOTSTRAP_NEEDS:
        return replace(found, views=_bootstrapped(scores, clusters, span, alpha, rng))
    if scale.fraction or few.n_effective >= RANGE_NEEDS:
        interval = few.interval(span, alpha).joined(unseen_interval(clusters, span, alpha))
        return replace(found, views=(_rare(clusters, interval, few.effective_number, span),))
    moved = "none" if few.number == 0 else str(few.number)
    return replace(
        found,
        gap=f"Of {few.clusters:,} scores without natural limits {moved} moved, which shows nothing of the others",
    )


def _bootstrapped(
    scores: PairedScores, clusters: Clusters, span: float, alpha: float, rng: np.random.Generator
) -> tuple[View, View]:
    """What the differences seen allow, and what those not met yet do."""
    effect = max(1.0, observed_design_effect(clusters) or 1.0)
    plan = Plan(clusters.n / effect, clusters.drop, float(scores.differences.var(ddof=1)))
    seen = View(bca_interval(clusters, alpha, rng), plan, effect)
    return seen, _rare(clusters, unseen_interval(clusters, span, alpha), 0.0, span)


def _rare(clusters: Clusters, interval: Interval, number: float, span: float) -> View:
    """A view in which so many of the clusters, and others yet to come, differ by as much as the span."""
    variance = planned_flip_rate(number, clusters.n_whole) * span**2
    return View(interval, Plan(clusters.n_whole, clusters.drop, variance), clusters.n / clusters.n_whole)
