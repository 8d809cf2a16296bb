"""How a candidate stands against the baseline: speed, size, accuracy and its worst language."""

from collections.abc import Sequence
from dataclasses import dataclass

from leanglot.errors import DataError
from leanglot.results.records import Candidate


@dataclass(frozen=True)
class Standing:
    """One candidate relative to the baseline; None wherever a number that it takes was not measured.

    Attributes:
        speed: Times as fast as the baseline.
        smallness: Times as small as the baseline: its bytes divided by the candidate's.
        accuracy_drop: Drop of the accuracy over all examples.
        worst_drop: Largest drop of a language; 0 for the baseline; None unless every language has one.
        worst_language: Whose drop that is; None for the baseline.
    """

    speed: float | None
    smallness: float | None
    accuracy_drop: float | None
    worst_drop: float | None
    worst_language: str | None


def baseline_of(candidates: Sequence[Candidate]) -> Candidate:
    """The one candidate that all others are compared with.

    Raises:
        DataError: There is none, or more than one.
    """
    found = [candidate for candidate in candidates if candidate.status == "baseline"]
    if len(found) != 1:
        raise DataError(
            f"{len(found)} of the {len(candidates)} candidates have the status 'baseline'.",
            "A comparison needs exactly one.",
        )
    return found[0]


def standing_of(candidate: Candidate, baseline: Candidate) -> Standing:
    """Compares a candidate with the baseline, which stands at 1, 1, 0 and 0 itself."""
    worst_drop, worst_language = _worst(candidate)
    return Standing(
        speed=_speed(candidate, baseline),
        smallness=_ratio(baseline.size_bytes, candidate.size_bytes),
        accuracy_drop=_accuracy_drop(candidate, baseline),
        worst_drop=worst_drop,
        worst_language=worst_language,
    )


def _speed(candidate: Candidate, baseline: Candidate) -> float | None:
    """The ratio measured interleaved where there is one: it is steadier than a ratio of two medians."""
    if candidate.speedup is not None:
        return candidate.speedup
    return _ratio(_median_latency(baseline), _median_latency(candidate))


def _median_latency(candidate: Candidate) -> float | None:
    return None if candidate.latency_ms is None else candidate.latency_ms.p50


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    return None if numerator is None or not denominator else numerator / denominator


def _accuracy_drop(candidate: Candidate, baseline: Candidate) -> float | None:
    """Over all examples: in a mean over languages, one with a single example could outweigh all the evidence."""
    if baseline.accuracy is None or candidate.accuracy is None:
        return None
    return baseline.accuracy - candidate.accuracy


def _worst(candidate: Candidate) -> tuple[float | None, str | None]:
    if candidate.status == "baseline":
        return 0.0, None
    drops = {tag: result.drop for tag, result in candidate.languages.items() if result.drop is not None}
    if not drops or len(drops) < len(candidate.languages):
        return None, None
    worst = max(sorted(drops), key=drops.__getitem__)
    return drops[worst], worst
