"""How well candidates translate, in the terminal: scores by language pair, silent failures."""

from typing import Final

from rich.console import RenderableType
from rich.text import Text

from leanglot.report.format import plain
from leanglot.report.terminal_parts import FittedTable, signed_verdict
from leanglot.report.translation import (
    FAILURES_COLUMN,
    VERDICT_COLUMN,
    FailureTable,
    PairTable,
    translation_section,
)
from leanglot.results.records import RunReport

_SHORT: Final = {"Sentences": "n", "chrF of copying": "copying", VERDICT_COLUMN: "verdict", FAILURES_COLUMN: "failures"}
_SPARE: Final = frozenset({"copying", "failures"})


def translation_parts(report: RunReport) -> list[RenderableType]:
    """Renders the scores of the candidate shown first and all silent failures; nothing where nothing translates.

    Args:
        report: The run.

    Raises:
        RunError: When the report names candidates that it does not have.
    """
    found = translation_section(report)
    if found is None:
        return []
    parts: list[RenderableType] = [_pairs(found.tables[0])] if found.tables else []
    parts += [Text(plain(sentence), "dim") for sentence in found.measured] + [Text()]
    return parts if found.failures is None else [*parts, *_failures(found.failures)]


def _pairs(table: PairTable) -> FittedTable:
    headings = [heading for heading in table.headings if heading != FAILURES_COLUMN]
    rows = [
        [
            Text(plain(row.tag)),
            *(
                signed_verdict(row.verdict)
                if heading == VERDICT_COLUMN and table.compared
                else Text(plain(row.cells[heading]))
                for heading in headings
            ),
        ]
        for row in table.rows
    ]
    shown = tuple(_SHORT.get(heading, heading.replace(", baseline", ", was")) for heading in headings)
    return FittedTable(f"Language pairs of {plain(table.candidate.name)}", ("pair", *shown), rows, _SPARE)


def _failures(found: FailureTable) -> list[RenderableType]:
    rows = [[Text(plain(row.candidate)), *map(Text, row.cells)] for row in found.rows]
    told = [Text.assemble((plain(each.candidate), "cyan"), (f": {plain(each.told)}", "red")) for each in found.found]
    table = FittedTable("Silent failures, in sentences", ("candidate", "n", *found.headings), rows, frozenset())
    return [
        table,
        *told,
        *(Text(plain(sentence)) for sentence in found.sentences),
        Text(found.how_it_reads, "dim"),
        Text(),
    ]
