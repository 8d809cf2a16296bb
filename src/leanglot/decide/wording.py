"""Verdicts in plain sentences, with the numbers that decided them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from leanglot.decide.evidence import Evidence
from leanglot.decide.scores import Scale
from leanglot.stats.intervals import Interval

NAMED_AT_MOST: Final = 5


@dataclass(frozen=True)
class Finding:
    """All that a sentence about one language can tell.

    Attributes:
        evidence: What the data say.
        margin: Largest harmless drop.
        scale: The scale of the scores; drops of fractions are told in points.
        p_adjusted: Adjusted p-value; None where no test could have found a drop.
        significant: Whether there is a drop beyond chance.
        detectable: Smallest drop that this much data finds; None where there is no such drop.
        needed: Further examples that would settle it; None where no number would help.
    """

    evidence: Evidence
    margin: float
    scale: Scale
    p_adjusted: float | None
    significant: bool
    detectable: float | None
    needed: int | None

    def amount(self, value: float, unlike: float | None = None) -> str:
        """A size in points, or in the scores' own unit, with enough digits to tell it from ``unlike``."""
        factor = 100 if self.scale.fraction else 1
        start = 1 if self.scale.fraction else _decimals(value)
        for decimals in range(start, 10):
            text = f"{value * factor:.{decimals}f}"
            vanished = value != 0 and float(text) == 0
            if not vanished and (unlike is None or text != f"{unlike * factor:.{decimals}f}"):
                return text
        return f"{value * factor:g}"

    def size(self, value: float, unlike: float | None = None) -> str:
        """The same with its unit."""
        text = self.amount(value, unlike)
        return text + (" point" if text == "1.0" else " points") if self.scale.fraction else text

    @property
    def chance(self) -> str:
        """The adjusted p-value."""
        if self.p_adjusted is None:
            return "p unknown"
        return "p < 0.001" if self.p_adjusted < 0.001 else f"p = {self.p_adjusted:.3f}"


def why_safe(finding: Finding, interval: Interval) -> str:
    """Why the language is safe; a drop that is significant all the same is said to be so."""
    margin = finding.amount(finding.margin, interval.bound)
    worst = finding.size(abs(interval.bound), finding.margin)
    if finding.significant:
        drop = finding.size(finding.evidence.drop)
        return (
            f"The drop of {drop} is significant ({finding.chance}), yet it is {worst} at most, "
            f"certainly below the margin of {margin}."
        )
    if interval.bound < 0:
        return f"The candidate is better: it gains at least {worst}."
    return f"Even the worst drop the data allow ({worst}) is below the margin of {margin}."


def why_harmed(finding: Finding) -> str:
    """What was lost, and how surely."""
    evidence = finding.evidence
    told = "Lost {:,} answers, won {:,}" if finding.scale.binary else "Worse on {:,} examples, better on {:,}"
    return (
        f"{told.format(evidence.lost, evidence.won)}: a drop of {finding.size(evidence.drop)}, "
        f"significant after Holm's adjustment ({finding.chance})."
    )


def why_open(finding: Finding) -> str:
    """Why neither is shown, and what would settle it."""
    evidence, interval = finding.evidence, finding.evidence.interval
    if evidence.gap is not None or interval is None:
        return f"{evidence.gap}."
    found = finding.detectable
    if found is None and finding.p_adjusted is None:
        unit = "examples" if evidence.groups is None else "groups"
        limits = f"{_count(evidence.units, unit)} cannot show any drop, however large"
    elif found is None:
        limits = f"{_sample(evidence)} would miss most drops, however large"
    elif evidence.drop > finding.margin:
        limits = (
            f"The drop of {finding.size(evidence.drop)} may be chance ({finding.chance}), "
            f"yet may be as large as {finding.size(interval.bound)}"
        )
    elif found > finding.margin:
        limits = f"{_sample(evidence)} would likely miss a drop smaller than {finding.size(found)}"
    else:
        limits = (
            f"A drop of {finding.size(interval.bound, finding.margin)} is possible, "
            f"not below the margin of {finding.amount(finding.margin, interval.bound)}"
        )
    return f"{limits}; {_more(finding)}."


def names(tags: Sequence[str]) -> str:
    """The first names in full, the rest as a number: ``de, fr and 7 more``."""
    if len(tags) > NAMED_AT_MOST:
        return f"{', '.join(tags[:NAMED_AT_MOST])} and {len(tags) - NAMED_AT_MOST} more"
    return " and ".join(filter(None, (", ".join(tags[:-1]), *tags[-1:])))


def _more(finding: Finding) -> str:
    if finding.needed is None:
        return "no number of examples that could be had would settle it"
    digits = max(len(str(finding.needed)) - 3, 1 if finding.needed >= 100 else 0)
    number = f"{round(finding.needed, -digits):,}"
    source = ", from new groups," if finding.evidence.groups is not None else ""
    return f"about {number} more{source} would settle it"


def _sample(evidence: Evidence) -> str:
    told = _count(evidence.n, "examples")
    return told if evidence.groups is None else f"{told} in {_count(evidence.groups, 'groups')}"


def _count(number: int, unit: str) -> str:
    return f"{number:,} {unit if number != 1 else unit.removesuffix('s')}"


def _decimals(value: float) -> int:
    """Decimals for three significant digits."""
    return max(0, 2 - math.floor(math.log10(abs(value)))) if value else 1
