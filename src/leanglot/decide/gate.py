"""The gate: may a candidate take the baseline's place? Stored answers in, the decision with its reasons out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np

from leanglot.decide.flips import count_flips
from leanglot.decide.floors import floor_sentences, hold_floors
from leanglot.decide.pairing import differences
from leanglot.decide.verdict import candidate_status, judge
from leanglot.decide.wording import names
from leanglot.errors import ConfigError, DataError
from leanglot.results.gate import (
    EXIT_FAILED,
    EXIT_PASSED,
    EXIT_UNPROVEN,
    GateLanguage,
    GateOutcome,
    GateReport,
    GateSide,
    SizeLimit,
)
from leanglot.results.predictions import Predictions
from leanglot.results.records import Status


@dataclass(frozen=True)
class GateRule:
    """What a candidate has to fulfil.

    Attributes:
        margin: Largest harmless drop of languages without one of their own.
        margins: Largest harmless drop by language.
        floor: Lowest accuracy of languages without one of their own; None asks for none.
        floors: Lowest accuracy by language.
        alpha: Error level.
        strict: Whether what is not proven stops the candidate too.
        max_size_bytes: Largest size; None sets none.
        max_size_ratio: Largest size as a multiple of the baseline's; None sets none.
    """

    margin: float = 0.01
    margins: Mapping[str, float] = field(default_factory=dict)
    floor: float | None = None
    floors: Mapping[str, float] = field(default_factory=dict)
    alpha: float = 0.05
    strict: bool = False
    max_size_bytes: float | None = None
    max_size_ratio: float | None = None


@dataclass(frozen=True)
class Contestant:
    """One side of a gate.

    Attributes:
        side: What it is.
        answers: Its answers.
        digest: SHA-256 of the examples that it answered, their texts included; None where that is not known.
    """

    side: GateSide
    answers: Predictions
    digest: str | None = None


def check_rule(rule: GateRule) -> None:
    """Refuses limits that no candidate could meaningfully be held to.

    Raises:
        ConfigError: A floor or a largest size is out of range.
    """
    floors = {**({} if rule.floor is None else {"all languages": rule.floor}), **rule.floors}
    faults = [f"The lowest accuracy of {tag} is {floor:g}." for tag, floor in floors.items() if not 0 < floor <= 1]
    if faults:
        raise ConfigError(" ".join(faults), "It is a share of right answers, above 0 and at most 1: 0.8 is 80%.")
    limits = {"size": rule.max_size_bytes, "size ratio": rule.max_size_ratio}
    if bad := [f"The largest {name} is {limit:g}." for name, limit in limits.items() if not _is_limit(limit)]:
        raise ConfigError(" ".join(bad), "It is a number above 0.")


def decide_gate(
    baseline: Contestant,
    candidate: Contestant,
    rule: GateRule,
    created_at: datetime,
    data: str | None = None,
    notes: Sequence[str] = (),
) -> GateReport:
    """Decides whether a candidate may take the baseline's place.

    Every language is judged against the baseline as `judge` does, by its own margin. A floor is held against the
    candidate alone: under it by the observed accuracy is ``below``; the interval of the accuracy, at level
    ``1 - alpha``, wholly at or above it is ``met``. That interval is the one `judge` would give of the drop from a
    baseline that is always right: Wilson's (1927), joined by the exact one-sided bound, and by what the groups allow.

    Args:
        baseline: What the candidate is held against.
        candidate: The candidate.
        rule: What it has to fulfil.
        created_at: The time, UTC.
        data: Name of the examples.
        notes: What to know besides.

    Raises:
        ConfigError: A floor or a largest size is out of range.
        DataError: The answers are not to the same examples, a margin or a floor is given for a language that has none,
            or a size is asked for and not known.
    """
    check_rule(rule)
    check_same_examples(baseline, candidate)
    answers, tags = candidate.answers, sorted(set(candidate.answers.language))
    margins = for_each(tags, "margin", rule.margins, rule.margin)
    floors = for_each(tags, "lowest accuracy", rule.floors, rule.floor)
    verdicts = judge(
        baseline.answers.correct,
        answers.correct,
        answers.language,
        margin=margins,
        alpha=rule.alpha,
        groups=answers.group,
    )
    chosen = np.asarray(answers.language, dtype=np.str_)
    held = hold_floors(answers, floors, rule.alpha)
    languages = {
        tag: GateLanguage(
            margin=margins[tag],
            verdict=verdict,
            flips=count_flips(baseline.answers, answers, chosen == tag),
            floor=held.get(tag),
        )
        for tag, verdict in verdicts.items()
    }
    sizes = held_sizes(baseline.side, candidate.side, rule)
    status, why = candidate_status(verdicts)
    outcome = outcome_of(languages, sizes)
    return GateReport(
        created_at=created_at,
        baseline=baseline.side,
        candidate=candidate.side,
        data=data,
        margin=rule.margin,
        alpha=rule.alpha,
        strict=rule.strict,
        languages=languages,
        baseline_accuracy=float(baseline.answers.correct.mean()),
        candidate_accuracy=float(answers.correct.mean()),
        flips=count_flips(baseline.answers, answers),
        status=status,
        sizes=sizes,
        outcome=outcome,
        exit_code=exit_code_of(outcome, strict=rule.strict),
        reason=told_reason(
            status, why, [*floor_sentences(held), *(each.reason for each in sizes if not each.kept)], outcome
        ),
        notes=tuple(notes),
    )


def check_same_examples(one: Contestant, other: Contestant) -> None:
    """Refuses answers that are not to the same examples.

    Raises:
        DataError: They are not; names each difference.
    """
    told = differences(one.answers, other.answers)
    if not told and one.digest is not None and other.digest is not None and one.digest != other.digest:
        told = (f"the texts: the data have SHA-256 {one.digest[:12]}… and {other.digest[:12]}…",)
    if told:
        raise DataError(
            f"{one.side.name} and {other.side.name} did not answer the same examples:\n"
            + "\n".join(f"  {each}" for each in told),
            "Have both answer the same data: the same file, columns, --limit and --seed.",
        )


def for_each(tags: Sequence[str], what: str, given: Mapping[str, float], otherwise: float | None) -> dict[str, float]:
    """The value of each language; those with none of their own and no other are left out."""
    if unknown := [tag for tag in given if tag not in tags]:
        raise DataError(
            f"A {what} is given for {names(unknown)}, of which the data have no example.",
            f"Their languages are {', '.join(tags)}.",
        )
    values = {tag: given.get(tag, otherwise) for tag in tags}
    return {tag: value for tag, value in values.items() if value is not None}


def held_sizes(baseline: GateSide, candidate: GateSide, rule: GateRule) -> tuple[SizeLimit, ...]:
    """The largest sizes that were asked for, and whether the candidate keeps them.

    Raises:
        DataError: A size is not known.
    """
    limits = []
    if rule.max_size_bytes is not None:
        limits.append((rule.max_size_bytes, "the limit"))
    if rule.max_size_ratio is not None:
        limits.append((rule.max_size_ratio * _size(baseline), f"{rule.max_size_ratio:g} times the baseline's size"))
    return tuple(_size_limit(_size(candidate), int(limit), what) for limit, what in limits)


def _size(side: GateSide) -> int:
    if side.size_bytes is None:
        raise DataError(
            f"A largest size is asked for, and {side.name} has none: it is stored predictions without an artifact.",
            "Give the artifact's folder, or leave the limit out.",
        )
    return side.size_bytes


def _size_limit(size: int, limit: int, what: str) -> SizeLimit:
    kept = size <= limit
    told = f"{size / 1e6:,.1f} MB {'is within' if kept else 'exceeds'} {what}, {limit / 1e6:,.1f} MB."
    return SizeLimit(limit_bytes=limit, size_bytes=size, kept=kept, reason=told)


def _is_limit(limit: float | None) -> bool:
    return limit is None or 0 < limit < float("inf")


def outcome_of(languages: Mapping[str, GateLanguage], sizes: Sequence[SizeLimit]) -> GateOutcome:
    """What the verdicts, floors and sizes come to."""
    verdicts = {each.verdict.verdict for each in languages.values()}
    floors = {each.floor.kind for each in languages.values() if each.floor is not None}
    if "harmed" in verdicts or "below" in floors or not all(each.kept for each in sizes):
        return "failed"
    return "unproven" if "inconclusive" in verdicts or "unproven" in floors else "passed"


def told_reason(status: Status, why: str, others: Sequence[str], outcome: GateOutcome) -> str:
    """What decided comes first."""
    return " ".join([*others, why] if outcome == "failed" and status != "rejected" else [why, *others])


def exit_code_of(outcome: GateOutcome, *, strict: bool) -> Literal[0, 1, 3]:
    """The command's exit code."""
    if outcome == "failed":
        return EXIT_FAILED
    return EXIT_UNPROVEN if outcome == "unproven" and strict else EXIT_PASSED
