"""The gate of translation models: may a candidate take the baseline's place? Translations in, the decision out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.decide.failure_changes import failure_changes, with_failures
from leanglot.decide.floors import floor_sentences
from leanglot.decide.gate import GateRule, check_rule, exit_code_of, for_each, held_sizes, outcome_of, told_reason
from leanglot.decide.translation_verdict import counts_of, examine_corpora, group_numbers, judge_translations
from leanglot.decide.verdict import candidate_status
from leanglot.results.gate import Flips, Floor, FloorKind, GateLanguage, GateReport, GateSide
from leanglot.results.translation import Metric
from leanglot.results.translations import Statistics, Translations
from leanglot.stats.corpus_scores import BLEU_ORDERS, CHRF_ORDERS, CORPUS_SCORES, REFERENCE_LENGTH
from leanglot.stats.paired_bootstrap import PairedCorpora
from leanglot.techniques import MetricName

_ROUNDING: Final = 1e-9
_NAMES: Final[Mapping[MetricName, str]] = {"chrf": "chrF", "bleu": "BLEU"}


@dataclass(frozen=True, slots=True)
class TranslationContestant:
    """One side of a gate.

    Attributes:
        side: What it is.
        translations: What it made of the sentences.
    """

    side: GateSide
    translations: Translations


def decide_translation_gate(
    baseline: TranslationContestant,
    candidate: TranslationContestant,
    rule: GateRule,
    metric: Metric,
    created_at: datetime,
    data: str | None = None,
    notes: Sequence[str] = (),
) -> GateReport:
    """Decides whether a candidate may take the baseline's place.

    Every pair is judged against the baseline as `judge_translations` does, by its own margin, and harmed where a silent
    failure is found more often. A floor is held against the candidate's own corpus score: under it by the observed
    score is ``below``; the score's interval wholly at or above it is ``met``.

    Args:
        baseline: What the candidate is held against.
        candidate: The candidate.
        rule: What it has to fulfil; floors are fractions of the metric, 0.5 a chrF of 50.
        metric: What quality is measured with.
        created_at: The time, UTC.
        data: Name of the sentences.
        notes: What to know besides.

    Raises:
        ConfigError: A floor or a largest size is out of range.
        DataError: The translations are not of the same sentences, a margin or a floor is given for a pair without
            sentences, or a size is asked for and not known.
    """
    check_rule(rule)
    old, new = baseline.translations, candidate.translations
    pairs = sorted(set(new.pair))
    margins = for_each(pairs, "margin", rule.margins, rule.margin)
    floors = for_each(pairs, f"lowest {_NAMES[metric.name]}", rule.floors, rule.floor)
    judged = judge_translations(old, new, metric.name, margins, rule.alpha)
    changes = failure_changes(old, new, rule.alpha)
    verdicts = with_failures(judged, changes)
    held = hold_score_floors(new, metric.name, floors, rule.alpha)
    places = new.by_pair()
    languages = {
        pair: GateLanguage(
            margin=margins[pair],
            verdict=verdict,
            flips=changed_translations(old, new, places[pair]),
            floor=held.get(pair),
        )
        for pair, verdict in verdicts.items()
    }
    sizes = held_sizes(baseline.side, candidate.side, rule)
    status, why = candidate_status(verdicts)
    outcome = outcome_of(languages, sizes)
    score = CORPUS_SCORES[metric.name]
    return GateReport(
        created_at=created_at,
        baseline=baseline.side,
        candidate=candidate.side,
        data=data,
        margin=rule.margin,
        alpha=rule.alpha,
        strict=rule.strict,
        languages=languages,
        baseline_accuracy=float(score(counts_of(old, metric.name).sum(axis=0))),
        candidate_accuracy=float(score(counts_of(new, metric.name).sum(axis=0))),
        flips=changed_translations(old, new, np.arange(len(new))),
        status=status,
        sizes=sizes,
        outcome=outcome,
        exit_code=exit_code_of(outcome, strict=rule.strict),
        reason=told_reason(
            status,
            why,
            [*floor_sentences(held, _NAMES[metric.name]), *(each.reason for each in sizes if not each.kept)],
            outcome,
        ),
        notes=tuple(notes),
        metric=metric,
        changes=changes,
    )


def hold_score_floors(
    translations: Translations, metric: MetricName, floors: Mapping[str, float], alpha: float
) -> dict[str, Floor]:
    """Holds the corpus score of each pair against the lowest one asked for.

    The interval of the score is the one that a verdict would give of the drop from a model that hands in the
    references.

    Args:
        translations: The candidate's.
        metric: ``chrf`` or ``bleu``.
        floors: Lowest score by pair as a fraction; each pair has a sentence.
        alpha: Error level of the interval.
    """
    found = {}
    for pair, places in translations.by_pair().items():
        if pair not in floors:
            continue
        counts = counts_of(translations, metric)[places]
        corpora = PairedCorpora(perfect_counts(counts, metric), counts, CORPUS_SCORES[metric])
        groups = group_numbers(translations.group, places)
        evidence = examine_corpora(corpora, groups, alpha, np.random.default_rng([0, *pair.encode()]))
        interval = evidence.interval
        low, high = (None, None) if interval is None else (1 - interval.high, 1 - interval.low)
        score, minimum = corpora.scores[1], floors[pair]
        kind = _kind(score, low, minimum)
        reason = _told(kind, _NAMES[metric], score, low, minimum, evidence.gap)
        found[pair] = Floor(minimum=minimum, kind=kind, accuracy=score, low=low, high=high, reason=reason)
    return found


def perfect_counts(counts: Statistics, metric: MetricName) -> Statistics:
    """The counts that the references themselves would have."""
    perfect = counts.copy()
    length = counts[:, REFERENCE_LENGTH]
    if metric == "chrf":
        for order in range(CHRF_ORDERS):
            perfect[:, 3 * order] = perfect[:, 3 * order + 2] = counts[:, 3 * order + 1]
        return perfect
    perfect[:, 0] = length
    for order in range(BLEU_ORDERS):
        perfect[:, 2 + order] = perfect[:, 2 + BLEU_ORDERS + order] = np.maximum(length - order, 0)
    return perfect


def changed_translations(one: Translations, other: Translations, places: NDArray[np.int64]) -> Flips:
    """Translations that changed; right are those that fail in no silent way."""
    old, new = _fails(one)[places], _fails(other)[places]
    changed = sum(one.hypothesis[place] != other.hypothesis[place] for place in places)
    return Flips(
        n=len(places),
        changed=changed,
        right_to_wrong=int(np.sum(new & ~old)),
        wrong_to_right=int(np.sum(old & ~new)),
        flip_rate=changed / len(places),
        agreement=1 - changed / len(places),
    )


def _fails(translations: Translations) -> NDArray[np.bool_]:
    shown = np.zeros(len(translations), dtype=np.bool_)
    for kind in translations.failed.values():
        shown |= kind
    return shown


def _kind(score: float, low: float | None, minimum: float) -> FloorKind:
    if score < minimum - _ROUNDING:
        return "below"
    return "met" if low is not None and low >= minimum - _ROUNDING else "unproven"


def _told(kind: FloorKind, name: str, score: float, low: float | None, minimum: float, gap: str | None) -> str:
    floor = f"the floor of {100 * minimum:g}"
    if kind == "below":
        return f"{name} of {_apart(score, minimum)} is below {floor}."
    reached = f"{name} of {100 * score:.1f}"
    if low is None:
        return f"{reached}, at or above {floor}, but not proven: {gap}."
    least = _apart(low, minimum)
    if kind == "met":
        return f"{reached}, and {least} at the least that the data allow: {floor} is met."
    return f"{reached}, but the data allow as little as {least}, below {floor}."


def _apart(score: float, minimum: float) -> str:
    """A score in points with enough digits to tell it from the floor."""
    texts = (f"{100 * score:.{decimals}f}" for decimals in range(1, 10))
    return next((text for text in texts if float(text) != round(100 * minimum, 9)), f"{100 * score:g}")
