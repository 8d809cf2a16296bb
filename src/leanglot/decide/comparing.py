"""May two runs be compared, and what changed between them? Stored reports and answers in, a record out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from leanglot.decide.failure_changes import failure_changes, with_failures
from leanglot.decide.flips import count_flips
from leanglot.decide.pairing import differences
from leanglot.decide.translation_gate import changed_translations
from leanglot.decide.translation_verdict import judge_translations
from leanglot.decide.verdict import candidate_status, judge
from leanglot.errors import DataError, RunError
from leanglot.results.comparison import CandidateChange, RunComparison, Standing
from leanglot.results.predictions import Predictions
from leanglot.results.records import Candidate, DataSummary, Environment, RunReport
from leanglot.results.terms import terms_of
from leanglot.results.translations import Translations

_LISTED: Final = 5


@dataclass(frozen=True)
class StoredRun:
    """A run as it is stored.

    Attributes:
        name: How it is called.
        report: Its report.
        answers: The answers or the translations of its candidates, or why there are none, by name.
    """

    name: str
    report: RunReport
    answers: Mapping[str, Predictions | Translations | str]


def compare_runs(first: StoredRun, second: StoredRun, *, ignore_machine: bool = False) -> RunComparison:
    """Compares two runs on the same data, candidate by candidate of equal name.

    Args:
        first: The run to start from.
        second: The run that came after.
        ignore_machine: Compare runs of different machines too, without anything that depends on the machine.

    Raises:
        RunError: The data or the rules of the verdicts differ, or the machines and `ignore_machine` is off; names each
            difference.
    """
    one, other = first.report, second.report
    machine = machine_differences(one.environment, other.environment)
    _check_comparable(first, second, () if ignore_machine else machine)
    names = {candidate.name for candidate in other.candidates}
    shared = [candidate.name for candidate in one.candidates if candidate.name in names]
    timed = not machine and not ignore_machine
    return RunComparison(
        first=first.name,
        second=second.name,
        margin=one.margin,
        alpha=one.alpha,
        same_machine=timed,
        candidates=tuple(_change(first, second, name, timed=timed) for name in shared),
        only_first=tuple(each.name for each in one.candidates if each.name not in names),
        only_second=tuple(each.name for each in other.candidates if each.name not in shared),
        notes=_notes(one, other, machine),
        metric=one.metric,
    )


def data_differences(one: DataSummary, other: DataSummary) -> tuple[str, ...]:
    """What tells the data of two runs apart, each in a few words."""
    if one.digest == other.digest:
        return ()
    found = [f"data: {one.source} of SHA-256 {one.digest[:12]}…, and {other.source} of {other.digest[:12]}…"]
    unequal = [
        tag for tag in sorted({*one.examples, *other.examples}) if one.examples.get(tag) != other.examples.get(tag)
    ]
    if unequal:
        numbers = {tag: (one.examples.get(tag, 0), other.examples.get(tag, 0)) for tag in unequal[:_LISTED]}
        told = ", ".join(f"{tag} {pair[0]:,} and {pair[1]:,}" for tag, pair in numbers.items())
        rest = f" and {len(unequal) - _LISTED} languages more" if len(unequal) > _LISTED else ""
        found.append(f"examples: {told}{rest}")
    if one.labels != other.labels:
        found.append(f"labels: {len(one.labels)} and {len(other.labels)}, or in another order")
    return tuple(found)


def machine_differences(one: Environment, other: Environment) -> tuple[str, ...]:
    """What tells two machines apart, as far as it shapes times; each in a few words."""
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in ("cpu", "platform", "cores", "threads")}
    found = [f"{name}: {pair[0]} and {pair[1]}" for name, pair in pairs.items() if pair[0] != pair[1]]
    only = tuple(" ".join(sorted(set(a.isa) - set(b.isa))) or "nothing" for a, b in ((one, other), (other, one)))
    if set(one.isa) != set(other.isa):
        found.append(f"instruction sets: only the first has {only[0]}, only the second {only[1]}")
    return tuple(found)


def _check_comparable(first: StoredRun, second: StoredRun, machine: Sequence[str]) -> None:
    one, other = first.report, second.report
    data = data_differences(one.data, other.data)
    rules = [
        f"{name}: {pair[0]} and {pair[1]}"
        for name, pair in {
            "margin": (one.margin, other.margin),
            "alpha": (one.alpha, other.alpha),
            "baseline": (one.baseline, other.baseline),
        }.items()
        if pair[0] != pair[1]
    ]
    if one.metric != other.metric:
        told = [terms_of(run.metric).quality for run in (one, other)]
        rules.append(f"metric: {told[0]} and {told[1]}" + (", by another signature" if told[0] == told[1] else ""))
    faults = [*data, *rules, *machine]
    if not faults:
        return
    hint = "Run both on the same data with the same margin."
    if machine and not data and not rules:
        hint = "Run both on one machine, or compare only what does not depend on it: --ignore-machine"
    raise RunError(
        f"{first.name} and {second.name} cannot be compared; they differ in:\n"
        + "\n".join(f"  {fault}" for fault in faults),
        hint,
    )


def _change(first: StoredRun, second: StoredRun, name: str, *, timed: bool) -> CandidateChange:
    one, other = (_standing(run.report.candidate(name), timed=timed) for run in (first, second))
    pair = tuple(run.answers.get(name, "there are no stored answers") for run in (first, second))
    gap = next((f"not compared: {each}" for each in pair if isinstance(each, str)), None)
    old, new = pair
    if isinstance(old, Translations) and isinstance(new, Translations):
        return _retranslated(name, (one, other), (old, new), first.report)
    if gap is not None or not isinstance(old, Predictions) or not isinstance(new, Predictions):
        return _unpaired(name, one, other, gap or "not compared: the stored answers are of different kinds")
    if told := differences(old, new):
        return _unpaired(name, one, other, f"not compared: the stored answers are to other examples: {'; '.join(told)}")
    report = first.report
    verdicts = judge(old.correct, new.correct, new.language, margin=report.margin, alpha=report.alpha, groups=new.group)
    status, why = candidate_status(verdicts)
    return CandidateChange(
        name=name,
        first=one,
        second=other,
        paired=verdicts,
        flips=count_flips(old, new),
        paired_status=status,
        reason=why,
    )


def _retranslated(
    name: str, standings: tuple[Standing, Standing], pair: tuple[Translations, Translations], report: RunReport
) -> CandidateChange:
    """The second run's translations against the first's, as a candidate is judged against the baseline."""
    old, new = pair
    if report.metric is None:
        return _unpaired(name, *standings, "not compared: translations of a run without a metric")
    try:
        judged = judge_translations(old, new, report.metric.name, margin=report.margin, alpha=report.alpha)
    except DataError as error:
        return _unpaired(name, *standings, f"not compared: {error.message.rstrip('.')}")
    verdicts = with_failures(judged, failure_changes(old, new, report.alpha))
    status, why = candidate_status(verdicts)
    return CandidateChange(
        name=name,
        first=standings[0],
        second=standings[1],
        paired=verdicts,
        flips=changed_translations(old, new, np.arange(len(new))),
        paired_status=status,
        reason=why,
    )


def _unpaired(name: str, one: Standing, other: Standing, why: str) -> CandidateChange:
    return CandidateChange(
        name=name, first=one, second=other, paired=None, flips=None, paired_status=None, reason=f"{why}."
    )


def _standing(candidate: Candidate, *, timed: bool) -> Standing:
    drops = {tag: row.drop for tag, row in candidate.languages.items() if row.drop is not None}
    worst = max(sorted(drops), key=drops.__getitem__, default=None)
    latency = candidate.latency_ms
    return Standing(
        status=candidate.status,
        accuracy=candidate.accuracy,
        worst_language=worst,
        worst_drop=None if worst is None else drops[worst],
        verdicts={tag: row.verdict for tag, row in candidate.languages.items() if row.verdict is not None},
        size_bytes=candidate.size_bytes,
        speedup=candidate.speedup if timed else None,
        latency_p50_ms=latency.p50 if timed and latency is not None else None,
    )


def _notes(one: RunReport, other: RunReport, machine: Sequence[str]) -> tuple[str, ...]:
    found = []
    if machine:
        found.append(f"The machines differ, so times are not compared: {'; '.join(machine)}.")
    if one.model != other.model:
        found.append(f"The models have different names: {one.model} and {other.model}.")
    versions = [
        f"{name} {old} to {new}"
        for name, old in one.environment.versions.items()
        if (new := other.environment.versions.get(name, "not told")) != old
    ]
    if versions:
        found.append(f"The versions differ: {', '.join(versions)}.")
    return tuple(found)
