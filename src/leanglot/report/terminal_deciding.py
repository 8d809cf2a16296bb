"""Prices and the search for recipes in the terminal."""

from rich.console import RenderableType
from rich.text import Text

from leanglot.report.cost import HOW_COST_READS, CostRow, cost_headings, cost_table
from leanglot.report.format import plain
from leanglot.report.searching import HOW_SEARCH_READS, SEARCH_COLUMNS, search_table
from leanglot.report.terminal_parts import FittedTable
from leanglot.results.records import RunReport
from leanglot.results.terms import terms_of


def cost_parts(report: RunReport) -> list[RenderableType]:
    """Renders the prices; nothing where no costs were given."""
    found = cost_table(report)
    if found is None:
        return []
    rows = [_cost_cells(row) for row in found.rows]
    headings = cost_headings(terms_of(report.metric))
    table = FittedTable(
        found.title, ("candidate", *headings), rows, frozenset({"machines", "per million", "/M sentences"})
    )
    changes = [Text(f"- {plain(change)}") for change in found.changes]
    remarks = (found.assumptions, HOW_COST_READS, *found.remarks)
    return [table, *changes, *(Text(plain(remark), "dim") for remark in remarks), Text()]


def _cost_cells(row: CostRow) -> list[Text]:
    style = "bold" if row.cheapest else "dim" if row.candidate.status == "rejected" else ""
    return [Text(plain(text), style) for text in (row.candidate.name, *row.cells.values())]


def search_parts(report: RunReport) -> list[RenderableType]:
    """Renders what a search tried; nothing where none was made."""
    found, terms = search_table(report), terms_of(report.metric)
    if found is None:
        return []
    told = [Text("Search", "bold"), Text(plain(" ".join(found.sentences)))]
    if not found.rows:
        return [*told, Text()]
    rows = [[Text(plain(cell)) for cell in (row.name, *row.cells)] for row in found.rows]
    why = [Text.assemble((plain(row.name), "cyan"), f": {plain(row.reason)}") for row in found.rows if row.is_out]
    table = FittedTable("Tried and not shown above", tuple(map(terms.told, SEARCH_COLUMNS)), rows, frozenset({"took"}))
    return [*told, Text(), table, *why, Text(terms.told(HOW_SEARCH_READS), "dim"), Text()]
