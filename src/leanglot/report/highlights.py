"""The languages that matter most in a run: the harmed, the worst drops, and those nearest to be settled."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from leanglot.charts.labels import challengers
from leanglot.report.summary import LanguageLine, answers, drop_of, group_languages
from leanglot.results.records import Candidate, LanguageResult, RunReport

_HARMED: Final = 6
_WORST: Final = 3
_NEAREST: Final = 4

Why = Literal["harmed", "worst drop", "nearest to settled"]


@dataclass(frozen=True)
class Highlight:
    """One language of one candidate that deserves a look.

    Attributes:
        candidate: Name of the candidate.
        tag: The language.
        result: What was found.
        why: What makes it stand out.
    """

    candidate: str
    tag: str
    result: LanguageResult
    why: Why


@dataclass(frozen=True)
class Highlights:
    """A short selection.

    Attributes:
        rows: The languages chosen: harmed ones of any candidate, the others of recommended candidates alone.
        harmed_left_out: Harmed languages for which there was no room.
    """

    rows: tuple[Highlight, ...]
    harmed_left_out: int


def pick_highlights(report: RunReport) -> Highlights:
    """Chooses at most 13 lines: 6 harmed, 3 with the worst drops, 4 that need the fewest further examples.

    Args:
        report: The run. Where nothing but the baseline is recommended, all candidates count as recommended.
    """
    named = {answer.candidate.name for answer in answers(report) if answer.candidate is not None}
    others = challengers(report)
    looked_at = [candidate for candidate in others if candidate.name in named] or list(others)
    harmed = _harmed(report, others)
    worst = _worst_per_language(looked_at)
    nearest = _nearest_per_language(report, looked_at)
    rows = [*harmed[:_HARMED]]
    seen = {(row.candidate, row.tag) for row in harmed}
    for chosen, limit in ((worst, _WORST), (nearest, _NEAREST)):
        fresh = [row for row in chosen if (row.candidate, row.tag) not in seen][:limit]
        seen.update((row.candidate, row.tag) for row in fresh)
        rows.extend(fresh)
    return Highlights(tuple(rows), harmed_left_out=max(0, len(harmed) - _HARMED))


def _harmed(report: RunReport, candidates: Iterable[Candidate]) -> list[Highlight]:
    rows = [
        Highlight(candidate.name, line.tag, line.result, "harmed")
        for candidate in candidates
        for line in group_languages(report, candidate).harmed
        if line.result is not None
    ]
    return sorted(rows, key=lambda row: -(row.result.drop or 0.0))


def _worst_per_language(candidates: Iterable[Candidate]) -> list[Highlight]:
    """Losing languages, each with the candidate that costs it most."""
    rows = [
        Highlight(candidate.name, tag, result, "worst drop")
        for candidate in candidates
        for tag, result in candidate.languages.items()
        if (drop_of(LanguageLine(tag, result)) or 0.0) > 0
    ]
    return _once_per_language(sorted(rows, key=lambda row: -(row.result.drop or 0.0)))


def _nearest_per_language(report: RunReport, candidates: Iterable[Candidate]) -> list[Highlight]:
    rows = [
        Highlight(candidate.name, line.tag, line.result, "nearest to settled")
        for candidate in candidates
        for line in group_languages(report, candidate).unproven
        if line.result is not None and line.result.samples_needed
    ]
    return _once_per_language(sorted(rows, key=lambda row: row.result.samples_needed or 0))


def _once_per_language(rows: Iterable[Highlight]) -> list[Highlight]:
    first: dict[str, Highlight] = {}
    for row in rows:
        first.setdefault(row.tag, row)
    return list(first.values())
