"""Whether a language's accuracy has drifted, in three states, with the numbers behind it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final, Literal

from leanglot.familiar.rolling import Counted
from leanglot.results.monitoring import Alert

ALPHA: Final = 0.05
State = Literal["drift", "no drift", "not enough data"]


@dataclass(frozen=True)
class DriftCheck(Mapping[str, object]):
    """One language's newest labelled predictions beside its baseline; true in a condition where there is drift.

    A mapping of its attributes, and of ``drift``.

    Attributes:
        language: Canonical tag.
        state: ``drift`` when the monitor's test has found a drop that is not certainly below the threshold;
            ``no drift`` when the drop is certainly below it; else ``not enough data``.
        threshold: Largest drop that is borne, as a fraction.
        baseline_accuracy: Accuracy when the model was judged; None where it was not.
        current_accuracy: Accuracy of the newest labelled predictions; None where there are none.
        drop: ``baseline_accuracy - current_accuracy``; None where one of them is not known.
        drop_low: One-sided 95% lower bound of the drop.
        drop_high: One-sided 95% upper bound of it.
        n: Number of newest labelled predictions.
        baseline_n: Examples behind the baseline; None where there is none.
        detectable_drop: Smallest drop that the test would have found by now; None where not even a total loss.
        reason: Why it is in that state.
    """

    language: str
    state: State
    threshold: float
    baseline_accuracy: float | None
    current_accuracy: float | None
    drop: float | None
    drop_low: float | None
    drop_high: float | None
    n: int
    baseline_n: int | None
    detectable_drop: float | None
    reason: str

    @property
    def drift(self) -> bool:
        """Whether there is drift; False also where nobody can know, which ``state`` tells apart."""
        return self.state == "drift"

    def __bool__(self) -> bool:
        return self.drift

    def __getitem__(self, key: str) -> object:
        if key not in self:
            raise KeyError(key)
        return getattr(self, key)

    def __contains__(self, key: object) -> bool:
        return key == "drift" or any(field.name == key for field in fields(self))

    def __iter__(self) -> Iterator[str]:
        yield from (field.name for field in fields(self))
        yield "drift"

    def __len__(self) -> int:
        return len(fields(self)) + 1


def drop_bounds(baseline: Counted, current: Counted, alpha: float = ALPHA) -> tuple[float, float]:
    """One-sided bounds of the drop between two independent samples, from the bounds of each.

    Source: Zou and Donner, "Construction of confidence limits about effect measures: a general approach", Statistics
    in Medicine 27 (2008), with the exact bounds of both, which are never too narrow.

    Args:
        baseline: When the model was judged, at least one example.
        current: Now, at least one.
        alpha: Error level of each bound.
    """
    drop = baseline.share - current.share
    (old_low, old_high), (new_low, new_high) = baseline.bounds(alpha), current.bounds(alpha)
    low = drop - math.hypot(baseline.share - old_low, new_high - current.share)
    high = drop + math.hypot(old_high - baseline.share, current.share - new_low)
    return max(-1.0, low), min(1.0, high)


def check_drift(
    language: str,
    threshold: float,
    baseline: Counted | None,
    current: Counted,
    alert: Alert | None,
    detectable: float | None,
) -> DriftCheck:
    """Puts a language's newest labelled predictions beside its baseline.

    Args:
        language: Canonical tag.
        threshold: Largest drop that is borne.
        baseline: When the model was judged; None where it was not.
        current: The newest labelled predictions; none are allowed.
        alert: The open alert about the accuracy; None where there is none.
        detectable: Smallest drop that the test would have found by now.
    """
    known = baseline is not None and baseline.n > 0 and current.n > 0
    bounds = drop_bounds(baseline, current) if baseline is not None and known else None
    state, reason = _state(threshold, baseline, current, bounds, alert, detectable)
    return DriftCheck(
        language=language,
        state=state,
        threshold=threshold,
        baseline_accuracy=baseline.share if baseline is not None and baseline.n else None,
        current_accuracy=current.share if current.n else None,
        drop=baseline.share - current.share if baseline is not None and known else None,
        drop_low=bounds[0] if bounds else None,
        drop_high=bounds[1] if bounds else None,
        n=current.n,
        baseline_n=None if baseline is None else baseline.n,
        detectable_drop=detectable,
        reason=reason,
    )


def _state(
    threshold: float,
    baseline: Counted | None,
    current: Counted,
    bounds: tuple[float, float] | None,
    alert: Alert | None,
    detectable: float | None,
) -> tuple[State, str]:
    if baseline is None or baseline.n == 0:
        return "not enough data", "There is no baseline accuracy to compare with."
    if bounds is None:
        return "not enough data", "No prediction has been labelled yet."
    drop = baseline.share - current.share
    seen = f"a {'drop' if drop >= 0 else 'gain'} of {abs(drop) * 100:.1f} points"
    newest = f"The newest {current.n:,} labelled predictions show {seen}"
    if bounds[1] < threshold:
        return "no drift", f"{newest}; a drop of {threshold * 100:g} points or more is ruled out with 95% certainty."
    if alert is not None:
        return "drift", alert.message
    power = (
        "The test would not have found even a total loss by now"
        if detectable is None
        else f"By now the test would probably have found a drop of {detectable * 100:.1f} points"
    )
    return "not enough data", f"{newest}, and a drop of {bounds[1] * 100:.1f} points cannot be ruled out. {power}."
