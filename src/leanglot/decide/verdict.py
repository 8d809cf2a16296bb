"""The verdict per language: is the candidate safe, harmful, or not yet known to be either?"""

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from leanglot.decide.evidence import Evidence, examine
from leanglot.decide.scores import Scale, scale_of, split_by_language
from leanglot.decide.wording import Finding, names, why_harmed, why_open, why_safe
from leanglot.errors import DataError
from leanglot.languages import split_pair
from leanglot.results.records import Status, Verdict
from leanglot.stats.multiplicity import holm
from leanglot.stats.power import detectable_drop, detectable_flips, further_examples

SMALLEST_MARGIN: Final = 1e-9
MOST_ASKED: Final = 1_000_000_000
"""Further examples beyond which a number would be no help: the margin is too fine for the spread of the scores."""


@dataclass(frozen=True)
class Rule:
    """What a verdict is measured against.

    Attributes:
        scale: The scale of the scores.
        margin: Largest harmless drop of the language.
        alpha: Error level.
        tests: Number of languages tested together.
    """

    scale: Scale
    margin: float
    alpha: float
    tests: int


def judge(
    baseline: ArrayLike,
    candidate: ArrayLike,
    languages: ArrayLike,
    margin: float | Mapping[str, float] = 0.01,
    alpha: float = 0.05,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> dict[str, Verdict]:
    """Judges a candidate against a baseline in every language, from scores on the same examples.

    A language is ``safe`` when the one-sided upper bound of its drop lies below the margin; ``harmed`` when
    it is not safe and a paired test, adjusted over the languages, finds a drop; else ``inconclusive``, with
    the number of further examples that would probably settle it (80%, if answers go on to flip as planned).

    Scores of 0 and 1 get Tango's score interval (1998), joined by exact bounds where nothing was won or the
    examples are fewer than 20, and the exact McNemar test. Other scores get a BCa bootstrap interval (Efron 1987)
    with quantiles expanded for small samples (Hesterberg 2015), joined by what rare differences not met yet could
    do, and a sign-flip permutation test. Where fewer than 20 of them depart from the commonest difference, the
    bootstrap cannot speak: each departure, seen or yet possible, then counts as large as the scores' range allows
    (1 where all scores lie between 0 and 1, else the range observed, once 100 examples show one), so that a hundred
    unchanged examples leave a drop of 3% of the range possible.

    Groups name examples that are not independent, such as sentences made from one template. They widen the
    intervals by the design effect, drawn towards its largest value where few groups show a change, with t
    quantiles; and an interval holds also what the groups allow when each counts as one answer, since losing whole
    groups now and then is not seen in single flips. Real scores are resampled by whole groups; the tests flip the
    signs of whole groups. Groups of one member each change nothing.

    Holm's adjustment (1979) counts the languages large enough for the test to find any drop at all. The
    others keep their p-value, with no adjusted one, and cannot come out harmed.

    Args:
        baseline: Scores of the baseline, higher is better: 0 and 1, booleans, or any finite numbers. Shape
            ``(n,)``.
        candidate: Scores of the candidate on the same examples in the same order, shape ``(n,)``.
        languages: Language tag of each example, shape ``(n,)``.
        margin: Largest harmless drop, in the unit of the scores: 0.01 is one point of accuracy. One for all languages,
            or one by language tag, for each language of the examples and no other.
        alpha: Error level: the chance that a drop as large as the margin passes as safe in one language, and
            the chance that any language is called harmed when in all of them changes are as likely as their
            opposites.
        groups: Id of each example's group, scoped within its language, shape ``(n,)``; None for independent
            examples.
        seed: Seed of the resampling of real scores, 0 or more. Each language draws its own stream, and the order
            of the examples does not matter; other languages matter to Holm's adjustment and to the range of the
            scores alone.

    Returns:
        A verdict by language tag, in the order of the tags.

    Raises:
        DataError: No examples, unequal lengths, a score that is no finite number, a missing tag or group id,
            a margin, alpha or seed out of range, or a margin too few or too many.
    """
    scores = split_by_language(baseline, candidate, languages, groups)
    scale = scale_of(scores)
    margins = margins_of(margin, scores)
    check_settings(margins, alpha, seed, scale)
    evidence = {
        tag: examine(pair, scale, alpha, np.random.default_rng([seed, *tag.encode()])) for tag, pair in scores.items()
    }
    adjusted = holm({tag: each.p_value if each.testable(alpha) else None for tag, each in evidence.items()})
    tests = sum(p is not None for p in adjusted.values())
    return {
        tag: settle(each, adjusted[tag], Rule(scale, margins[tag], alpha, max(1, tests)))
        for tag, each in evidence.items()
    }


def candidate_status(languages: Mapping[str, Verdict]) -> tuple[Status, str]:
    """Sums the verdicts of all languages up: certified, rejected or unrefuted, and why.

    All of them must be safe for ``certified``: an intersection-union test, which needs no adjustment.

    Args:
        languages: The verdicts by language tag.

    Raises:
        DataError: There are no verdicts.
    """
    if not languages:
        raise DataError("There are no verdicts to sum up.", "Judge at least one language first.")
    unit = "language pair" if all(split_pair(tag) for tag in languages) else "language"
    harmed = [tag for tag in _worst_first(languages) if languages[tag].verdict == "harmed"]
    if harmed:
        verb = "is" if len(harmed) == 1 else "are"
        return "rejected", f"{len(harmed)} of {len(languages)} {unit}s {verb} harmed: {names(harmed)}."
    unproven = [tag for tag in _worst_first(languages) if languages[tag].verdict != "safe"]
    if unproven:
        verb = "is" if len(unproven) == 1 else "are"
        return "unrefuted", (
            f"No {unit} is proven harmed, but {len(unproven)} of {len(languages)} {verb} not proven safe: "
            f"{names(unproven)}."
        )
    return "certified", (
        f"All {len(languages)} {unit}s are safe."
        if len(languages) > 1
        else f"The only {unit}, {next(iter(languages))}, is safe."
    )


def settle(evidence: Evidence, p_adjusted: float | None, rule: Rule) -> Verdict:
    """Decides on one language, once its evidence and its adjusted p-value are known.

    Args:
        evidence: What its data say.
        p_adjusted: After Holm's adjustment; None where no test could have found a drop.
        rule: What it is measured against.
    """
    interval = evidence.interval
    significant = p_adjusted is not None and p_adjusted < rule.alpha and evidence.drop > 0
    safe = interval is not None and interval.bound < rule.margin
    settled = safe or significant
    finding = Finding(
        evidence=evidence,
        margin=rule.margin,
        scale=rule.scale,
        p_adjusted=p_adjusted,
        significant=significant,
        detectable=_detectable(evidence, rule),
        needed=0 if settled else _samples_needed(evidence, rule),
    )
    return Verdict(
        n=evidence.n,
        groups=evidence.groups,
        baseline=evidence.baseline,
        candidate=evidence.candidate,
        drop=evidence.drop,
        drop_low=interval.low if interval else None,
        drop_high=interval.high if interval else None,
        drop_bound=interval.bound if interval else None,
        p_value=evidence.p_value,
        p_adjusted=p_adjusted,
        verdict="safe" if safe else "harmed" if significant else "inconclusive",
        detectable_drop=finding.detectable,
        samples_needed=finding.needed,
        reason=why_safe(finding, interval) if interval and safe else (why_harmed if significant else why_open)(finding),
    )


def _detectable(evidence: Evidence, rule: Rule) -> float | None:
    """Found at the strictest level that Holm's adjustment can ask for."""
    if not evidence.views or not evidence.testable(rule.alpha):
        return None
    plan, level = evidence.views[0].plan, rule.alpha / rule.tests
    return detectable_flips(plan.n, plan.variance, level) if rule.scale.binary else detectable_drop(plan, level)


def _samples_needed(evidence: Evidence, rule: Rule) -> int | None:
    """Examples, not groups, for every view that is still open; harm must hold at the strictest level of Holm's."""
    still_open = [view for view in evidence.views if view.interval.bound >= rule.margin]
    if not still_open:
        return None
    needed = max(
        math.ceil(further_examples(view.plan, rule.margin, rule.alpha, rule.alpha / rule.tests) * view.worth)
        for view in still_open
    )
    return needed if needed <= MOST_ASKED else None


def margins_of(margin: float | Mapping[str, float], scores: Mapping[str, object]) -> dict[str, float]:
    """The margin of each language that has scores.

    Raises:
        DataError: A language has no margin, or a margin no language.
    """
    if not isinstance(margin, Mapping):
        return dict.fromkeys(scores, margin)
    faults = [f"{tag} has examples and no margin" for tag in scores if tag not in margin]
    faults += [f"{tag} has a margin and no examples" for tag in margin if tag not in scores]
    if faults:
        raise DataError(
            f"The margins do not fit the languages: {'; '.join(faults)}.",
            "Give one margin for all languages, or one for each that has examples.",
        )
    return dict(margin)


def check_settings(margins: Mapping[str, float], alpha: float, seed: int, scale: Scale) -> None:
    """Refuses margins, an error level or a seed out of range.

    Raises:
        DataError: One of them is.
    """
    highest = 1.0 if scale.fraction else math.inf
    one = len(set(map(repr, margins.values()))) == 1
    for tag, margin in margins.items():
        if not _is_number(margin) or not SMALLEST_MARGIN <= margin < highest:
            limits = f"at least {SMALLEST_MARGIN:g}" + (" and below 1" if scale.fraction else " and finite")
            unit = ", such as 0.01 for one point" if scale.fraction else ""
            whose = "" if one else f" of {tag}"
            raise DataError(
                f"The margin{whose} is {margin!r}.", f"It is the largest harmless drop: a number {limits}{unit}."
            )
    if not _is_number(alpha) or not 0 < alpha <= 0.5:
        raise DataError(f"The error level alpha is {alpha!r}.", "It is above 0 and at most 0.5; 0.05 is usual.")
    if seed < 0:
        raise DataError(f"The seed is {seed}.", "It is a whole number, 0 or more.")


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _worst_first(languages: Mapping[str, Verdict]) -> list[str]:
    """Tags by their drop, the largest first; those without one after all others."""
    drops = {tag: -math.inf if verdict.drop is None else verdict.drop for tag, verdict in languages.items()}
    return sorted(languages, key=lambda tag: (-drops[tag], tag))
