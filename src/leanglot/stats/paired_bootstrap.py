"""Two systems compared by a corpus metric: paired bootstrap interval and paired randomization test over sentences."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.stats.bootstrap import bca_limits
from leanglot.stats.clusters import Clusters
from leanglot.stats.corpus_scores import REFERENCE_LENGTH
from leanglot.stats.intervals import Interval

RESAMPLES: Final = 1_999
SHUFFLES: Final = 9_999
EXACT_UP_TO: Final = 12
"""Changed units: 4,096 ways to exchange them, fewer than the random ones."""

_ELEMENTS_AT_ONCE: Final = 2_000_000

_Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PairedCorpora:
    """What two systems made of the same sentences, as the counts that a corpus metric sums.

    Attributes:
        baseline: Counts of the baseline per independent unit (a sentence, or a whole group), shape ``(units, k)``.
        candidate: Counts of the candidate, shape ``(units, k)``.
        score: The metric, from summed counts ``(..., k)`` to scores ``(...)``.
    """

    baseline: _Numbers
    candidate: _Numbers
    score: Callable[[_Numbers], _Numbers]

    def __len__(self) -> int:
        return len(self.baseline)

    @cached_property
    def scores(self) -> tuple[float, float]:
        """The metric of the baseline and of the candidate."""
        return float(self.score(self.baseline.sum(axis=0))), float(self.score(self.candidate.sum(axis=0)))

    @property
    def drop(self) -> float:
        """Baseline minus candidate."""
        return self.scores[0] - self.scores[1]

    @cached_property
    def changed(self) -> NDArray[np.bool_]:
        """Units whose counts differ at all, shape ``(units,)``."""
        return np.asarray((self.baseline != self.candidate).any(axis=1))

    def drops(self, baseline: _Numbers, candidate: _Numbers) -> _Numbers:
        """The drop of each pair of summed counts, shape ``(...)``."""
        return np.asarray(self.score(baseline) - self.score(candidate))

    @cached_property
    def left_out(self) -> _Numbers:
        """The drop without each unit in turn, shape ``(units,)``."""
        return self.drops(
            self.baseline.sum(axis=0) - self.baseline,
            self.candidate.sum(axis=0) - self.candidate,
        )

    def sorted(self) -> "PairedCorpora":
        """The same in an order that does not depend on the order of the sentences."""
        order = np.lexsort(np.concatenate([self.baseline, self.candidate], axis=1).T)
        return PairedCorpora(self.baseline[order], self.candidate[order], self.score)

    def grouped(self, groups: NDArray[np.int64]) -> "PairedCorpora":
        """The counts summed over groups, numbered from 0 without gaps, shape ``(units,)``."""
        sums = []
        for side in (self.baseline, self.candidate):
            total = np.zeros((int(groups.max()) + 1, side.shape[1]))
            np.add.at(total, groups, side)
            sums.append(total)
        return PairedCorpora(sums[0], sums[1], self.score)


def resampled_drops(corpora: PairedCorpora, rng: np.random.Generator) -> _Numbers:
    """The drop in each of 1,999 corpora whose units were drawn with replacement, the same for both systems.

    Source: Koehn, "Statistical significance tests for machine translation evaluation" (2004); sacrebleu's
    ``--paired-bs`` draws so too.
    """
    units = len(corpora)
    rows = max(1, _ELEMENTS_AT_ONCE // units)
    drops = []
    for start in range(0, RESAMPLES, rows):
        count = min(rows, RESAMPLES - start)
        drawn = rng.integers(units, size=(count, units)) + units * np.arange(count)[:, None]
        times = np.bincount(drawn.ravel(), minlength=count * units).reshape(count, units).astype(np.float64)
        drops.append(corpora.drops(times @ corpora.baseline, times @ corpora.candidate))
    return np.concatenate(drops)


def bootstrap_interval(corpora: PairedCorpora, resampled: _Numbers, count: float, alpha: float) -> Interval:
    """BCa interval of the drop (Efron, 1987), its levels expanded for few units (Hesterberg, 2015).

    Args:
        corpora: At least two units whose drops are not all equal.
        resampled: Drops from `resampled_drops`.
        count: What the units are worth in equal ones.
        alpha: Error level, above 0 and at most 0.5.
    """
    return bca_limits(resampled, corpora.drop, corpora.left_out, count, alpha)


def randomization_p_value(corpora: PairedCorpora, rng: np.random.Generator) -> float:
    """Two-sided p-value that the two systems are exchangeable: approximate randomization over whole units.

    Exact over all exchanges where at most 12 units changed; else 9,999 random ones, counting the observed one too.
    Exchanges as extreme as what was observed count, which sacrebleu's ``--paired-ar`` leaves out.

    Source: Riezler and Maxwell, "On some pitfalls in automatic evaluation and significance testing for MT" (2005).
    """
    gaps = (corpora.candidate - corpora.baseline)[corpora.changed]
    if not len(gaps):
        return 1.0
    old, new = corpora.baseline.sum(axis=0), corpora.candidate.sum(axis=0)
    threshold = abs(corpora.drop) - 1e-12  # differences by rounding alone are ties
    as_extreme = total = 0
    for exchanged in _exchanges(len(gaps), rng):
        moved = exchanged @ gaps
        as_extreme += int(np.sum(np.abs(corpora.drops(old + moved, new - moved)) >= threshold))
        total += len(exchanged)
    exact = len(gaps) <= EXACT_UP_TO
    return as_extreme / total if exact else (as_extreme + 1) / (total + 1)


def _exchanges(units: int, rng: np.random.Generator) -> Iterator[_Numbers]:
    """Which units are exchanged, in batches of shape ``(patterns, units)``."""
    if units <= EXACT_UP_TO:
        yield ((np.arange(2**units)[:, None] >> np.arange(units)) & 1).astype(np.float64)
        return
    width = -(-units // 8)
    rows = max(1, _ELEMENTS_AT_ONCE // units)
    for start in range(0, SHUFFLES, rows):
        count = min(rows, SHUFFLES - start)
        packed = np.frombuffer(rng.bytes(count * width), dtype=np.uint8).reshape(count, width)
        yield np.unpackbits(packed, axis=1, count=units).astype(np.float64)


def linearised(corpora: PairedCorpora) -> Clusters:
    """Each unit's own part in the drop, weighted by the length of its reference.

    A corpus metric is no mean over sentences, but to first order it is one over reference lengths: with the drop
    ``T`` over a total length ``W``, and ``T'`` without a unit of length ``w``, that unit's sum is
    ``W * T - (W - w) * T'``, so that leaving units out of the weighted mean gives what leaving them out of the corpus
    does. A unit whose counts did not change has a part of 0; the others share what is left of ``W * T``.

    Returns:
        Sums, sizes (reference lengths) and squares, in the order of the units; the drop of all is the corpus's.
    """
    sizes = np.maximum(corpora.baseline[:, REFERENCE_LENGTH], 1.0)
    whole, drop, changed = float(sizes.sum()), corpora.drop, corpora.changed
    sums = np.where(changed, whole * drop - (whole - sizes) * corpora.left_out, 0.0)
    if changed.any():
        sums = sums + np.where(changed, sizes, 0.0) * (whole * drop - sums.sum()) / sizes[changed].sum()
    return Clusters(sums, sizes.astype(np.int64), sums**2 / sizes)
