"""What a search for the highest sparsity found, in sentences."""

from collections.abc import Sequence
from typing import Final

from leanglot.charts.quantities import limit_words, percent
from leanglot.results.sparsity import UNITS, KindResult, Probe, SearchKind
from leanglot.tune.requirement import MEAN, Requirement

_NAMED_AT_MOST: Final = 3


def reason(requirement: Requirement, kind: SearchKind, low: Probe | None, high: Probe | None) -> str:
    """Why a kind came out as it did.

    Args:
        requirement: What had to be kept.
        kind: What was pruned.
        low: The highest probe within; None where none is.
        high: The next above it, which is not; None where there is none.
    """
    limit = limit_words(requirement.max_drop)
    ending = f"; {requirement.open_question}." if requirement.undecided else "."
    if low is None:
        tried = "" if high is None else f": {_culprits(high, requirement)} at {percent(high.actual)}"
        return f"The least that was tried is too much already{tried}{ending}"
    whom = "no language that can be decided" if requirement.undecided else "no language"
    kept = f"{whom} loses" if requirement.worst_language else "the languages lose on average no"
    share = f"{percent(low.actual)} of the {UNITS[kind]} gone"
    if high is None:
        return f"Even with {share}, the most that can be tried, {kept} more than {limit}{ending}"
    return f"With {share} {kept} more than {limit}; {_culprits(high, requirement)} at {percent(high.actual)}{ending}"


def _culprits(probe: Probe, requirement: Requirement) -> str:
    """Such as ``th loses 1.8 points and sw loses 1.2 points``."""
    before = requirement.accuracies(requirement.baseline)
    if probe.exceeded == (MEAN,):
        drop = requirement.mean(before) - probe.macro_accuracy
        return f"the mean loses {_points(drop, requirement.max_drop)}"
    told = [
        f"{tag} loses {_points(before[tag] - probe.accuracy[tag], requirement.max_drop)}"
        for tag in probe.exceeded[:_NAMED_AT_MOST]
    ]
    if (more := len(probe.exceeded) - _NAMED_AT_MOST) > 0:
        told.append(f"{more} more lose too much")
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"


def _points(drop: float, limit: float) -> str:
    """A drop with enough digits to tell it from the allowed one, such as ``1.8 points``."""
    for decimals in range(1, 10):
        text = f"{100 * drop:.{decimals}f}"
        if text != f"{100 * limit:.{decimals}f}":
            break
    return f"{text} points"


def notes_on(results: Sequence[KindResult], requirement: Requirement) -> tuple[str, ...]:
    """What to know of a search: its assumption and where the probes contradict it, and what the data cannot decide."""
    notes = []
    if requirement.undecided:
        question, limit = requirement.open_question, limit_words(requirement.max_drop)
        moved = "its own accuracy" if requirement.worst_language else "the mean"
        then = "It stops the search only where harm is proven" if requirement.worst_language else "It is left out of it"
        notes.append(
            f"{question[0].upper()}{question[1:]}: one answer of such a language moves {moved} by more than {limit}. "
            f"{then}."
        )
    if any(result.probes for result in results):
        notes.append(
            "The search takes it that more sparsity hurts more, and did not try every sparsity; "
            "below what was found others may hurt more, and above it one may hurt less."
        )
        notes += [told for result in results for told in _contradictions(result, requirement)]
    if any(result.verdicts for result in results):
        notes.append(
            "Each sparsity was chosen on the examples that its verdicts are given on, which favours it: judge the "
            "pruned model on others before it ships."
        )
    return tuple(notes)


def _contradictions(result: KindResult, requirement: Requirement) -> list[str]:
    """Where less sparsity hurt more than the sparsity found."""
    found = result.found
    if found is None:
        return []
    return [
        f"It does not hold for {result.kind}: at {percent(probe.actual)} {_culprits(probe, requirement)}, while "
        f"{percent(found.actual)} keeps within the allowed drop."
        for probe in result.probes
        if probe.sparsity < found.sparsity and not probe.within
    ]
