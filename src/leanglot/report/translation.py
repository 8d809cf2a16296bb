"""How well candidates translate, ready to be shown: scores by language pair, signatures, silent failures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from leanglot.charts.labels import challengers, language_tags
from leanglot.charts.quantities import ABSENT, count, points, score
from leanglot.charts.style import VERDICT_WORD
from leanglot.report.format import chance, concerned, language
from leanglot.report.summary import baseline_of, primary
from leanglot.results.records import Candidate, RunReport, VerdictKind
from leanglot.results.terms import METRIC_WORD, terms_of
from leanglot.results.translation import FailureChange, FailureKind, Metric, PairQuality
from leanglot.techniques import MetricName

FAILURE_WORD: Final[Mapping[FailureKind, str]] = {
    "wrong-language": "wrong language",
    "copied": "source copied",
    "repetition": "repetition",
    "empty": "empty",
    "length": "odd length",
    "unfinished": "unfinished",
}
HOW_FAILURES_READ: Final = (
    "Sentences of all language pairs together that fail without an error; one may fail in several ways. Odd length: "
    "far from the lengths of the references beside their sources. Unfinished: cut at the longest translation allowed."
)
VERDICT_COLUMN: Final = "Verdict"
FAILURES_COLUMN: Final = "Silent failures"


@dataclass(frozen=True, slots=True)
class PairRow:
    """One language pair of one candidate.

    Attributes:
        tag: The pair.
        cells: Texts by heading, in the order in which they are shown.
        verdict: The verdict.
    """

    tag: str
    cells: dict[str, str]
    verdict: VerdictKind | None


@dataclass(frozen=True, slots=True)
class PairTable:
    """One candidate's scores.

    Attributes:
        candidate: The candidate.
        compared: Whether it is compared with the baseline, and not the baseline itself.
        headings: The headings after the pair's.
        rows: One per language pair that it has scores of, the worst drop first.
    """

    candidate: Candidate
    compared: bool
    headings: tuple[str, ...]
    rows: tuple[PairRow, ...]


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One candidate's silent failures.

    Attributes:
        candidate: Its name.
        cells: Sentences, then how many fail in each way that was looked for.
    """

    candidate: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundFailure:
    """A kind of failure that became more frequent.

    Attributes:
        candidate: Name of the candidate.
        told: Kind, pair, counts and chance.
    """

    candidate: str
    told: str


@dataclass(frozen=True, slots=True)
class FailureTable:
    """The silent failures of a run.

    Attributes:
        headings: The kinds that were looked for, in words.
        rows: One per candidate that was examined, the baseline first.
        found: What became more frequent beyond chance.
        sentences: That nothing was found, and who was not examined.
        how_it_reads: What is counted.
    """

    headings: tuple[str, ...]
    rows: tuple[FailureRow, ...]
    found: tuple[FoundFailure, ...]
    sentences: tuple[str, ...]
    how_it_reads: str = HOW_FAILURES_READ


@dataclass(frozen=True, slots=True)
class TranslationSection:
    """What a report tells of translations.

    Attributes:
        measured: What the scores are, with sacrebleu's signatures, one sentence each.
        tables: Scores by candidate: that of the candidate shown first, the others, the baseline.
        failures: Silent failures; None where no candidate was examined.
    """

    measured: tuple[str, ...]
    tables: tuple[PairTable, ...]
    failures: FailureTable | None


def translation_section(report: RunReport) -> TranslationSection | None:
    """What is told of translations; None where the run has none.

    Args:
        report: The run.

    Raises:
        RunError: When the report names candidates that it does not have.
    """
    metric = report.metric
    if metric is None:
        return None
    shown = [each for each in _in_order(report) if each.translation is not None]
    failures = _failures(report)
    unknown = () if failures is not None else ("Silent failures were not looked for in this run.",)
    return TranslationSection(
        measured=(*_measured(metric), *unknown),
        tables=tuple(_table(report, each) for each in shown),
        failures=failures,
    )


def _in_order(report: RunReport) -> list[Candidate]:
    """The candidate that the report opens with, the others, then the baseline; without those that failed."""
    others = [each for each in challengers(report) if each.status != "failed"]
    first = primary(report)
    others.sort(key=lambda each: first is None or each.name != first.name)
    return [*others, baseline_of(report)]


def _measured(metric: Metric) -> Iterator[str]:
    yield (
        f"Scores are corpus {METRIC_WORD[metric.name]} in points of 100 against one reference each, by language pair; "
        "verdicts, drops and the margin are points of it. Copying is the score of handing the source back. The score "
        "of a whole candidate pools all language pairs: it ranks the candidates of this run and compares with nothing "
        "published."
    )
    yield from signatures(metric)
    if metric.beside is not None:
        yield f"{METRIC_WORD[metric.beside.name]} is shown beside it and decides nothing."
        yield from signatures(metric.beside)


def signatures(metric: Metric) -> Iterator[str]:
    """Sacrebleu's signatures of one metric, a sentence each."""
    word = METRIC_WORD[metric.name]
    yield f"Signature of {word} (sacrebleu): {metric.signature}."
    for signature, pairs in concerned((each, pair) for pair, each in metric.pair_signatures.items()).items():
        yield f"Signature of {word} for {', '.join(pairs)}: {signature}."


def _table(report: RunReport, candidate: Candidate) -> PairTable:
    compared = candidate.name != report.baseline
    before = _pairs(baseline_of(report)) if compared else {}
    own = _pairs(candidate)
    rows = [
        _row(report, candidate, tag, own[tag], before.get(tag) if compared else None)
        for tag in language_tags(report)
        if tag in own
    ]
    drops = {tag: result.drop for tag, result in candidate.languages.items() if result.drop is not None}
    rows.sort(key=lambda row: -drops.get(row.tag, float("-inf")))
    return PairTable(candidate, compared, tuple(rows[0].cells) if rows else (), tuple(rows))


def _pairs(candidate: Candidate) -> Mapping[str, PairQuality]:
    return {} if candidate.translation is None else candidate.translation.pairs


def _row(report: RunReport, candidate: Candidate, tag: str, own: PairQuality, before: PairQuality | None) -> PairRow:
    terms, result = terms_of(report.metric), candidate.languages.get(tag)
    compared = candidate.name != report.baseline
    cells = {"Sentences": count(own.n)}
    for name in _metrics(report):
        if compared:
            cells[f"{METRIC_WORD[name]}, baseline"] = score(None if before is None else getattr(before, name), terms)
        cells[METRIC_WORD[name]] = score(getattr(own, name), terms)
    cells["chrF of copying"] = score(own.copying, terms)
    if compared:
        verdict = None if result is None else result.verdict
        cells["Drop"] = points(None if result is None else result.drop)
        cells["At most"] = points(None if result is None else result.drop_bound)
        cells[VERDICT_COLUMN] = VERDICT_WORD[verdict]
    cells[FAILURES_COLUMN] = _failing(own, before)
    return PairRow(tag, cells, None if result is None else result.verdict)


def _metrics(report: RunReport) -> tuple[MetricName, ...]:
    """That of the verdicts first."""
    names: tuple[MetricName, ...] = get_args(MetricName)
    return tuple(sorted(names, key=lambda name: report.metric is None or name != report.metric.name))


def _failing(own: PairQuality, before: PairQuality | None) -> str:
    """How many sentences fail in which way, with the baseline's number where that is another."""
    if not own.failures:
        return ABSENT
    told = []
    for kind, number in own.failures.items():
        was = number if before is None else before.failures.get(kind)
        if number or was:
            changed = "" if was is None or was == number else f" (was {count(was)})"
            told.append(f"{FAILURE_WORD[kind]} {count(number)}{changed}")
    return ", ".join(told) or "none"


def _failures(report: RunReport) -> FailureTable | None:
    judged = [baseline_of(report), *(each for each in challengers(report) if each.status != "failed")]
    examined = [each for each in judged if any(pair.failures for pair in _pairs(each).values())]
    if not examined:
        return None
    present = {kind for each in examined for pair in _pairs(each).values() for kind in pair.failures}
    kinds = tuple(kind for kind in FAILURE_WORD if kind in present)
    found = tuple(
        FoundFailure(each.name, told_failure(change))
        for each in examined
        if each.translation is not None
        for change in each.translation.changes
        if change.found
    )
    return FailureTable(
        headings=tuple(FAILURE_WORD[kind] for kind in kinds),
        rows=tuple(FailureRow(each.name, _counts(each, kinds)) for each in examined),
        found=found,
        sentences=tuple(_silence(judged, examined, found)),
    )


def _counts(candidate: Candidate, kinds: Sequence[FailureKind]) -> tuple[str, ...]:
    pairs = list(_pairs(candidate).values())
    known = {kind: [pair.failures[kind] for pair in pairs if kind in pair.failures] for kind in kinds}
    counts = (count(sum(known[kind])) if known[kind] else ABSENT for kind in kinds)
    return (count(sum(pair.n for pair in pairs)), *counts)


def _silence(
    judged: Sequence[Candidate], examined: Sequence[Candidate], found: Sequence[FoundFailure]
) -> Iterator[str]:
    if len(examined) > 1 and not found:
        yield "No kind of silent failure became more frequent beyond chance in any language pair."
    if unseen := [each.name for each in judged if each not in examined]:
        yield f"Not examined for silent failures: {', '.join(unseen)}."


def told_failure(change: FailureChange) -> str:
    """A kind of failure in one pair with its numbers, beside the baseline's."""
    told = chance(change.p_adjusted)
    return (
        f"{FAILURE_WORD[change.kind]} in {language(change.pair)}: {count(change.candidate)} of {count(change.n)} "
        f"sentences, the baseline {count(change.baseline)} (p {told if told.startswith('<') else f'= {told}'})"
    )
