"""Retention: the share of the baseline's accuracy that a candidate keeps in a language, and what can be told of it."""

from dataclasses import dataclass
from typing import Final, Literal

from leanglot.results.records import LanguageResult
from leanglot.stats.intervals import FEW

Grade = Literal["kept", "reduced", "lost", "unknown"]


@dataclass(frozen=True)
class Thresholds:
    """Where one grade of retention ends and the next begins.

    Attributes:
        kept: From here on a language is ``kept``.
        reduced: From here up to there it is ``reduced``; below, ``lost``.
    """

    kept: float = 0.99
    reduced: float = 0.97


USUAL: Final = Thresholds()


@dataclass(frozen=True)
class Retention:
    """The candidate's accuracy divided by the baseline's, on the same examples.

    Attributes:
        n: Judged examples.
        value: The ratio; None where either accuracy is unknown, or the baseline has no right answer.
        low: Lower end of its interval; None where the interval of the drop is unknown.
        high: Upper end of it.
    """

    n: int
    value: float | None
    low: float | None
    high: float | None

    def grade(self, thresholds: Thresholds = USUAL) -> Grade:
        """Where the ratio lies; ``unknown`` where the examples cannot tell.

        They cannot where there are fewer than 20, or where the interval reaches from the worst grade into the best.
        """
        if self.value is None or self.low is None or self.high is None or self.n < FEW:
            return "unknown"
        if self.low < thresholds.reduced and self.high >= thresholds.kept:
            return "unknown"
        if self.value >= thresholds.kept:
            return "kept"
        return "reduced" if self.value >= thresholds.reduced else "lost"


def retention_of(result: LanguageResult) -> Retention:
    """The retention in one language.

    The interval is that of the paired drop, divided by the baseline's observed accuracy, so that it says of 100%
    what the verdict's says of 0 points; the baseline's own uncertainty is left out.

    Args:
        result: A candidate's; the baseline's own has no interval.
    """
    before, after = result.baseline, result.candidate
    if before is None or after is None or before <= 0:
        return Retention(result.n, None, None, None)
    if result.drop_low is None or result.drop_high is None:
        return Retention(result.n, after / before, None, None)
    low, high = 1 - result.drop_high / before, 1 - result.drop_low / before
    return Retention(result.n, after / before, max(0.0, low), high)
