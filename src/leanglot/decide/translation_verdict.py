"""The verdict per language pair: is a candidate's corpus chrF or BLEU safe, harmed, or not yet known to be either?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.decide.evidence import BOOTSTRAP_NEEDS, Evidence, View
from leanglot.decide.scores import Scale
from leanglot.decide.verdict import Rule, check_settings, margins_of, settle
from leanglot.errors import DataError
from leanglot.results.translations import Statistics, Translations
from leanglot.results.verdicts import Verdict
from leanglot.stats.clusters import Clusters
from leanglot.stats.corpus_scores import CORPUS_SCORES
from leanglot.stats.departures import Departures
from leanglot.stats.intervals import Interval, share_bound
from leanglot.stats.multiplicity import holm
from leanglot.stats.paired_bootstrap import (
    PairedCorpora,
    bootstrap_interval,
    linearised,
    randomization_p_value,
    resampled_drops,
)
from leanglot.stats.power import Plan, planned_flip_rate
from leanglot.techniques import MetricName

_SCALE: Final = Scale(binary=False, fraction=True, span=1.0)
_SPAN: Final = 1.0
_LISTED: Final = 3


def judge_translations(
    baseline: Translations,
    candidate: Translations,
    metric: MetricName = "chrf",
    margin: float | Mapping[str, float] = 0.01,
    alpha: float = 0.05,
    seed: int = 0,
) -> dict[str, Verdict]:
    """Judges a candidate against a baseline in every language pair, from both models' counts on the same sentences.

    A pair is ``safe`` when the one-sided upper bound of the drop of its corpus score lies below the margin; ``harmed``
    when it is not safe and a paired test, Holm-adjusted over the pairs, finds a drop; else ``inconclusive``, with the
    number of further sentences that would probably settle it.

    The bound is that of a paired bootstrap: sentences are drawn with replacement, the same for both models, and the
    corpus score is computed anew from their summed counts (Koehn, 2004; sacrebleu's ``--paired-bs`` draws so too), with
    BCa levels. It is joined by what rare sentences that fail wholly and were not met yet could do, each with a chance
    in proportion to its length. Where fewer than 20 sentences changed at all the bootstrap cannot speak, and each
    changed one counts as if it lost all of its score: five sentences translated alike prove nothing. The test is the
    paired approximate randomization of Riezler and Maxwell (2005), sacrebleu's ``--paired-ar``.

    Where sentences come in groups, such as documents, these are drawn and exchanged as a whole, and one not met yet may
    fail as a whole, large ones as likely as small ones.

    Args:
        baseline: What the baseline made of the sentences.
        candidate: What the candidate made of the same sentences, in the same order.
        metric: ``chrf`` or ``bleu``.
        margin: Largest harmless drop as a fraction: 0.01 is one point. One for all pairs, or one by pair.
        alpha: Error level.
        seed: Seed of the resampling; each pair draws its own stream.

    Returns:
        A verdict by pair, in alphabetical order; scores and drops are fractions.

    Raises:
        DataError: The two are not of the same sentences, there are none, or margin, alpha or seed is out of range.
    """
    check_same_sentences(baseline, candidate)
    positions = baseline.by_pair()
    margins = margins_of(margin, positions)
    check_settings(margins, alpha, seed, _SCALE)
    evidence = {}
    for pair, places in positions.items():
        corpora = PairedCorpora(
            counts_of(baseline, metric)[places], counts_of(candidate, metric)[places], CORPUS_SCORES[metric]
        )
        groups = group_numbers(baseline.group, places)
        evidence[pair] = examine_corpora(corpora, groups, alpha, np.random.default_rng([seed, *pair.encode()]))
    adjusted = holm({pair: each.p_value if each.testable(alpha) else None for pair, each in evidence.items()})
    tests = sum(p is not None for p in adjusted.values())
    return {
        pair: settle(each, adjusted[pair], Rule(_SCALE, margins[pair], alpha, max(1, tests)))
        for pair, each in evidence.items()
    }


def counts_of(translations: Translations, metric: MetricName) -> Statistics:
    """The counts that a metric's corpus score is computed from, shape ``(sentences, k)``."""
    return translations.chrf if metric == "chrf" else translations.bleu


def check_same_sentences(one: Translations, other: Translations) -> None:
    """Refuses translations that are not of the same sentences in the same order.

    Raises:
        DataError: They are not, or there are none.
    """
    if not len(one) and not len(other):
        raise DataError("There are no translations to judge.", "Translate at least one sentence with both models.")
    told = []
    if len(one) != len(other):
        told.append(f"{len(one):,} and {len(other):,} sentences")
    else:
        columns = ("pair", "source", "reference", "group")
        told += [f"the {name} of row {row:,}" for name in columns if (row := _unequal(one, other, name)) is not None]
    if told:
        raise DataError(
            f"The two did not translate the same sentences: {', '.join(told[:_LISTED])} differ.",
            "Have both translate the same data: the same file, columns, limit and seed.",
        )


def _unequal(one: Translations, other: Translations, column: str) -> int | None:
    """First row, from 1, in which a column differs."""
    mine, theirs = getattr(one, column), getattr(other, column)
    if mine is None or theirs is None:
        return None if mine is theirs else 1
    return next((row for row, both in enumerate(zip(mine, theirs, strict=True), 1) if both[0] != both[1]), None)


def group_numbers(groups: Sequence[str] | None, places: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The groups of some sentences, numbered from 0 without gaps; None where each has one member."""
    if groups is None:
        return None
    distinct, numbered = np.unique(np.asarray([groups[place] for place in places], dtype=np.str_), return_inverse=True)
    return None if distinct.size == len(places) else numbered.astype(np.int64)


def examine_corpora(
    sentences: PairedCorpora, groups: NDArray[np.int64] | None, alpha: float, rng: np.random.Generator
) -> Evidence:
    """Weighs what two models made of the sentences of one pair.

    Args:
        sentences: Counts by sentence, at least one.
        groups: Number of each sentence's group, from 0 without gaps; None where each stands for itself.
        alpha: Error level, above 0 and at most 0.5.
        rng: Source of resamples; its draws do not depend on the order of the sentences.
    """
    n, (old, new) = len(sentences), sentences.scores
    parts = linearised(sentences) if n > 1 else None
    each = np.zeros(1) if parts is None else np.round(parts.sums / parts.sizes, 9)
    if parts is None and sentences.changed.any():
        each = np.asarray([np.sign(sentences.drop)])
    units = None if groups is None else int(groups.max()) + 1
    summary = Evidence(
        n=n,
        groups=units,
        baseline=old,
        candidate=new,
        drop=sentences.drop,
        lost=int(np.sum(each > 0)),
        won=int(np.sum(each < 0)),
    )
    if units == 1:
        gap = f"All {n:,} sentences belong to one group, so nothing shows how much groups differ"
        return replace(summary, gap=gap)
    if parts is None:
        return replace(summary, gap="One sentence shows nothing of the others")
    sizes = np.ones(n) if groups is None else np.bincount(groups).astype(np.float64)
    corpora = (sentences if groups is None else sentences.grouped(groups)).sorted()
    units_of = [parts] if groups is None else [parts, _evenly(parts, groups)]
    views = _views(corpora, units_of, sizes, alpha, rng)
    return replace(summary, views=views, p_value=randomization_p_value(corpora, rng))


def _views(
    corpora: PairedCorpora,
    units: Sequence[Clusters],
    sizes: NDArray[np.float64],
    alpha: float,
    rng: np.random.Generator,
) -> tuple[View, ...]:
    """What the sentences seen allow, and what those not met yet do.

    Args:
        corpora: Counts by independent unit.
        units: Parts in the drop: of each sentence, and of each group where there are any.
        sizes: Sentences of each independent unit.
        alpha: Error level.
        rng: Source of resamples.
    """
    n, count = float(sizes.sum()), float(sizes.sum() ** 2 / np.sum(sizes**2))
    if min(Departures.of(each, _SPAN).number for each in units) < BOOTSTRAP_NEEDS:
        return tuple(_rare(each, corpora.drop, n, alpha, few=True) for each in units)
    resampled = resampled_drops(corpora, rng)
    seen = View(
        bootstrap_interval(corpora, resampled, count, alpha),
        Plan(count, corpora.drop, float(resampled.var(ddof=1)) * count),
        n / count,
    )
    return (seen, *(_rare(each, corpora.drop, n, alpha, few=False) for each in units))


def _rare(units: Clusters, drop: float, n: float, alpha: float, *, few: bool) -> View:
    """What units not met yet could do, each losing all of its score; where few changed, these too count as large."""
    means = units.sums / units.sizes

    def lift(seen: float, tail: float) -> float:
        return share_bound(0.0, units.n_whole, tail) * max(0.0, _SPAN - seen)

    highest, lowest = float(means.max()), float(means.min())
    interval = Interval(drop - lift(-lowest, alpha / 2), drop + lift(highest, alpha / 2), drop + lift(highest, alpha))
    departures = Departures.of(units, _SPAN)
    if few:
        interval = interval.joined(departures.interval(_SPAN, alpha))
    number = departures.effective_number if few else 0.0
    plan = Plan(units.n_whole, drop, planned_flip_rate(number, units.n_whole) * _SPAN**2)
    return View(interval, plan, n / units.n_whole)


def _evenly(parts: Clusters, groups: NDArray[np.int64]) -> Clusters:
    """Each group's mean part, all groups alike: as one that fails as a whole is as likely to be large as small."""
    sums = np.bincount(groups, weights=parts.sums) / np.bincount(groups, weights=parts.sizes)
    return Clusters(sums.astype(np.float64), np.ones(sums.size, dtype=np.int64), sums**2)
