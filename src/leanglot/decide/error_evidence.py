"""What is known of each candidate's error rates: its answers where they are stored and sound, else its counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from leanglot.results.predictions import Predictions
from leanglot.results.records import Candidate
from leanglot.stats.error_rates import DRAWS, ErrorCount, ErrorDraws, counted_draws, error_rate_draws


@dataclass(frozen=True, eq=False)
class ErrorEvidence:
    """Draws of the error rates of all candidates that have any.

    Attributes:
        draws: The draws; candidates that failed are not among them.
        notes: Whose answers could not be used, and what was used instead; one sentence each.
    """

    draws: ErrorDraws
    notes: tuple[str, ...]


def gather_errors(
    candidates: Sequence[Candidate],
    predictions: Mapping[str, Predictions],
    missing: Mapping[str, str],
    draws: int = DRAWS,
    seed: int = 0,
) -> ErrorEvidence:
    """Draws the error rates of all candidates that did not fail.

    Those whose answers to the same examples are known are drawn together. Of the others only the counts in their
    records are known: they are drawn by themselves, and compare less sharply.

    Args:
        candidates: All candidates of a run, the baseline among them.
        predictions: Answers by candidate.
        missing: Why a candidate's answers are missing, by name, as the end of a sentence.
        draws: Number of draws.
        seed: Seed of the draws.
    """
    judged = [candidate for candidate in candidates if candidate.status != "failed"]
    reference = next((predictions[each.name] for each in judged if each.name in predictions), None)
    faults = {each.name: _fault(each, predictions, reference, missing) for each in judged}
    together = [name for name, fault in faults.items() if fault is None]
    apart = [each for each in judged if faults[each.name] is not None]
    counts = {each.name: _counts(each) for each in apart}
    found = counted_draws(counts, draws, seed)
    if reference is not None and together:
        correct = {name: predictions[name].correct for name in together}
        found = error_rate_draws(correct, reference.language, reference.group, draws, seed).joined(found)
    notes = tuple(
        f"{name}: {fault}; " + ("the counts in its record were used." if counts[name] else "its errors are unknown.")
        for name, fault in faults.items()
        if fault is not None
    )
    return ErrorEvidence(found, notes)


def _fault(
    candidate: Candidate,
    predictions: Mapping[str, Predictions],
    reference: Predictions | None,
    missing: Mapping[str, str],
) -> str | None:
    """Why a candidate's answers cannot be used beside the others'; None when they can."""
    own = predictions.get(candidate.name)
    if own is None or reference is None:
        return missing.get(candidate.name, "its single answers were not given")
    same = np.array_equal(own.index, reference.index) and own.label == reference.label
    if not same or own.language != reference.language or own.group != reference.group:
        return "its stored answers are to other examples than the others'"
    recorded = _counts(candidate)
    tags, whose = np.unique(np.asarray(own.language, dtype=str), return_inverse=True)
    stored = {
        str(tag): ErrorCount(int((~own.correct[whose == place]).sum()), int((whose == place).sum()))
        for place, tag in enumerate(tags)
    }
    if recorded and recorded != stored:
        return "its stored answers are not those that its record counts"
    return None


def _counts(candidate: Candidate) -> dict[str, ErrorCount]:
    """Wrong answers by language, from the accuracies of the record; of translations, those that fail silently."""
    if candidate.translation is not None:
        pairs = candidate.translation.pairs.items()
        return {tag: ErrorCount(pair.failing, pair.n) for tag, pair in pairs if pair.n and pair.failing is not None}
    return {
        tag: ErrorCount(round(result.n * (1 - result.candidate)), result.n)
        for tag, result in candidate.languages.items()
        if result.n and result.candidate is not None
    }
