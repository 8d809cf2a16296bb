"""Lays the whole report out for the page's tables and its script: candidates, languages, the grid of drops."""

from dataclasses import dataclass
from typing import Final

from leanglot.charts.labels import challengers, language_tags
from leanglot.charts.quantities import ABSENT, limit_words, points
from leanglot.charts.style import VERDICT_SIGN, VERDICT_WORD
from leanglot.report.candidate_order import sorting_values
from leanglot.report.format import language, plain
from leanglot.report.language_rows import language_columns, language_rows, strip_limit
from leanglot.report.page_data import Choice, Language, PageData, Priced, Sign, WhatIf, Words
from leanglot.report.summary import primary
from leanglot.results.records import Candidate, RunReport, VerdictKind
from leanglot.results.terms import terms_of

STEPS: Final = (0.5, 1.0, 3.0, 10.0)
"""Where the colour of the grid changes, in margins."""


@dataclass(frozen=True)
class GridCell:
    """The drop of one candidate in one language.

    Attributes:
        text: The drop in points, or that there is none.
        verdict: The verdict.
        style: Class in the style sheet: how large the loss or gain is.
    """

    text: str
    verdict: VerdictKind | None
    style: str


@dataclass(frozen=True)
class GridRow:
    """One candidate of the grid.

    Attributes:
        index: Its index in the report.
        candidate: The candidate.
        cells: One per language, in the order of the data.
    """

    index: int
    candidate: Candidate
    cells: tuple[GridCell, ...]


def page_data(report: RunReport) -> PageData:
    """Everything the page's script needs to know."""
    names = [candidate.name for candidate in report.candidates]
    terms = terms_of(report.metric)
    return PageData(
        chosen=names.index(_chosen(report).name),
        baseline=names.index(report.baseline),
        margin=round(100 * report.margin, 6),
        margin_text=limit_words(report.margin),
        level=f"{(1 - report.alpha) * 100:g}%",
        signs={
            kind or "": Sign(sign=VERDICT_SIGN[kind], word=VERDICT_WORD[kind], style=kind or "inconclusive")
            for kind in VERDICT_SIGN
        },
        columns=language_columns(report),
        languages=tuple(Language(tag=plain(tag), name=plain(language(tag))) for tag in language_tags(report)),
        candidates=tuple(_choice(report, candidate) for candidate in report.candidates),
        what_if=_what_if(report),
        words=Words(quality=terms.heading, language=terms.language, examples=terms.told("Examples")),
    )


def drop_grid(report: RunReport) -> tuple[GridRow, ...]:
    """All candidates beside the baseline by all languages."""
    indices = {candidate.name: index for index, candidate in enumerate(report.candidates)}
    return tuple(
        GridRow(indices[each.name], each, tuple(_cell(report, each, tag) for tag in language_tags(report)))
        for each in challengers(report)
    )


def _choice(report: RunReport, candidate: Candidate) -> Choice:
    rows = language_rows(report, candidate)
    limit = strip_limit(rows, 100 * report.margin)
    return Choice(
        name=plain(candidate.name),
        status=candidate.status,
        note=plain(candidate.reason or ""),
        values=sorting_values(report, candidate),
        limit=limit,
        strip_ends=f"{points(-limit / 100)} to {points(limit / 100)} points",
        rows=rows,
    )


def _chosen(report: RunReport) -> Candidate:
    """The candidate that the report opens with; the first that was judged where it names the baseline or none."""
    shipped = primary(report)
    if shipped is not None and shipped.name != report.baseline:
        return shipped
    judged = [each for each in challengers(report) if each.status != "failed"]
    return (judged or [report.candidate(report.baseline)])[0]


def _cell(report: RunReport, candidate: Candidate, tag: str) -> GridCell:
    result = candidate.languages.get(tag) if candidate.status != "failed" else None
    if result is None or result.drop is None:
        return GridCell(ABSENT, None if result is None else result.verdict, "absent")
    shown = points(result.drop)
    size = 0 if shown == "0.0" else sum(abs(result.drop) >= step * report.margin for step in STEPS)
    kind = "loss" if result.drop > 0 else "gain"
    return GridCell(shown, result.verdict, f"{kind}{size}" if size else "level")


def _what_if(report: RunReport) -> WhatIf | None:
    if report.pricing is None:
        return None
    priced: list[Priced] = []
    for index, candidate in enumerate(report.candidates):
        cost = candidate.monthly_cost
        if cost is not None and cost.infra is not None and cost.errors is not None:
            priced.append(
                Priced(
                    candidate=index,
                    infra=cost.infra,
                    errors=cost.errors,
                    scales=cost.machines is not None,
                    shippable=candidate.status not in {"failed", "rejected"},
                )
            )
    if not priced:
        return None
    names = [candidate.name for candidate in report.candidates]
    cheapest = report.pricing.cheapest
    return WhatIf(
        currency=plain(report.pricing.costs.currency) or "$",
        cheapest=names.index(cheapest) if cheapest in names else None,
        priced=tuple(priced),
    )
