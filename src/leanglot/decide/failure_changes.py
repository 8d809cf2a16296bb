"""Silent failures beside the baseline's: which kinds a candidate shows more often, and what its verdict makes of it."""

from collections.abc import Mapping, Sequence
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from leanglot.decide.translation_verdict import check_same_sentences
from leanglot.errors import DataError
from leanglot.results.translation import FailureChange, FailureKind
from leanglot.results.translations import Translations
from leanglot.results.verdicts import Verdict
from leanglot.stats.multiplicity import holm
from leanglot.stats.paired import cluster_p_value

KINDS: Final[tuple[FailureKind, ...]] = get_args(FailureKind)

_WORDS: Final[Mapping[FailureKind, str]] = {
    "wrong-language": "are in another language than the target",
    "copied": "hand the source back",
    "repetition": "repeat themselves",
    "empty": "are empty",
    "length": "are far too short or too long",
    "unfinished": "do not end",
}


def failure_changes(
    baseline: Translations, candidate: Translations, alpha: float = 0.05, seed: int = 0
) -> tuple[FailureChange, ...]:
    """Tests for each kind of silent failure in each pair whether the candidate shows it more often.

    The test is the exact one-sided McNemar test on the same sentences, or where these come in groups the one-sided
    sign-flip test over whole groups, adjusted after Holm over all kinds and pairs. Those in which so few sentences
    changed that no test could find anything (Tarone, "A modified Bonferroni method for discrete data", 1990) are no
    tests: their adjusted p-value is 1.

    Args:
        baseline: What the baseline made of the sentences.
        candidate: What the candidate made of the same sentences, in the same order.
        alpha: Error level of all tests together.
        seed: Seed of the sign flips, where groups are too many and too large to enumerate.

    Returns:
        One record for each kind and pair in which either of them failed at all, pairs in alphabetical order. A kind
        that one of the two was not examined for is left out.

    Raises:
        DataError: The two are not of the same sentences, or alpha is out of range.
    """
    check_same_sentences(baseline, candidate)
    if not 0 < alpha <= 0.5:
        raise DataError(f"The error level alpha is {alpha!r}.", "It is above 0 and at most 0.5; 0.05 is usual.")
    found: list[FailureChange] = []
    testable: dict[str, float | None] = {}
    for pair, places in baseline.by_pair().items():
        groups = None if baseline.group is None else np.asarray(baseline.group, dtype=np.str_)[places]
        for kind in (kind for kind in KINDS if kind in baseline.failed and kind in candidate.failed):
            old, new = baseline.failed[kind][places], candidate.failed[kind][places]
            if not old.any() and not new.any():
                continue
            worse = new.astype(np.int64) - old.astype(np.int64)
            sums = worse if groups is None else np.bincount(np.unique(groups, return_inverse=True)[1], weights=worse)
            sums = sums.astype(np.int64)
            p_value = _one_sided(sums, np.random.default_rng([seed, *f"{pair} {kind}".encode()]))
            testable[str(len(found))] = p_value if 0.5 ** np.count_nonzero(sums) < alpha else None
            found.append(
                FailureChange(
                    pair=pair,
                    kind=kind,
                    n=len(places),
                    baseline=int(old.sum()),
                    candidate=int(new.sum()),
                    p_value=p_value,
                    p_adjusted=1.0,
                    found=False,
                )
            )
    adjusted = holm(testable)
    return tuple(_adjusted(change, adjusted[str(number)], alpha) for number, change in enumerate(found))


def with_failures(verdicts: Mapping[str, Verdict], changes: Sequence[FailureChange]) -> dict[str, Verdict]:
    """The verdicts, with each pair harmed in which a silent failure was found more often, whatever its score.

    A corpus score can hide them: one sentence in fifty that comes back untranslated costs less than a point. The tests
    of the failures and those of the scores keep the error level each, so that a candidate that changed nothing is
    called harmed with a chance of twice ``alpha`` at most.

    Args:
        verdicts: The verdicts by pair.
        changes: The tests of the failures.
    """
    reasons: dict[str, list[str]] = {}
    for change in changes:
        if change.found:
            reasons.setdefault(change.pair, []).append(_sentence(change))
    return {
        pair: verdict
        if pair not in reasons
        else verdict.model_copy(
            update={
                "verdict": "harmed",
                "samples_needed": 0,
                "reason": " ".join([*reasons[pair], _metric_part(verdict)]),
            }
        )
        for pair, verdict in verdicts.items()
    }


def _one_sided(sums: NDArray[np.int64], rng: np.random.Generator) -> float:
    """P-value that units fail more often, from their failures more than the baseline's: McNemar's where all are 1."""
    surplus, sizes = int(sums.sum()), np.abs(sums)
    if sizes.max(initial=0) <= 1:
        changed = int(sizes.sum())
        return float(binom.sf((changed + surplus) // 2 - 1, changed, 0.5)) if changed else 1.0
    # Under random signs sums are as likely as their opposites, so that one side has half of both.
    return cluster_p_value(sums, rng) / 2 if surplus > 0 else 1.0


def _adjusted(change: FailureChange, p_adjusted: float | None, alpha: float) -> FailureChange:
    if p_adjusted is None:
        return change
    found = p_adjusted < alpha and change.candidate > change.baseline
    return change.model_copy(update={"p_adjusted": p_adjusted, "found": found})


def _sentence(change: FailureChange) -> str:
    chance = "p < 0.001" if change.p_adjusted < 0.001 else f"p = {change.p_adjusted:.3f}"
    return (
        f"{change.candidate:,} of {change.n:,} translations {_WORDS[change.kind]}, "
        f"{change.baseline:,} of the baseline's ({chance})."
    )


def _metric_part(verdict: Verdict) -> str:
    """What the score alone said, where that was not harm."""
    if verdict.verdict == "harmed":
        return verdict.reason
    return f"By the score alone: {verdict.reason[:1].lower()}{verdict.reason[1:]}"
