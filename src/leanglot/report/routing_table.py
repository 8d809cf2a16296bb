"""Routing in the terminal: the variants with their languages, then what that is worth."""

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from leanglot.report.format import plain
from leanglot.report.routing import language_rows, routing_sentences, variant_rows
from leanglot.results.records import RunReport
from leanglot.results.terms import terms_of

_MOST_REASONS = 12


def render_routing(report: RunReport) -> list[RenderableType]:
    """Renders the routing; nothing where there is none.

    Args:
        report: The run.

    Returns:
        Parts for ``rich.console.Group``.
    """
    variants, facts, terms = variant_rows(report), report.routing_facts, terms_of(report.metric)
    if not variants or facts is None:
        return []
    table = Table(
        title="Routing", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False,
        padding=(0, 1, 0, 0), expand=True, header_style="dim",
    )  # fmt: skip
    table.add_column("variant", overflow="fold")
    table.add_column("", no_wrap=True)
    table.add_column(terms.told("languages"), ratio=1, overflow="fold")
    for row in variants:
        table.add_row(Text(plain(row.name)), Text(row.role, "dim"), Text(plain(row.told)))
    moved = [row for row in language_rows(report) if row.variant != facts.main]
    reasons = [Text.assemble((row.tag, "cyan"), f": {plain(row.reason)}") for row in moved[:_MOST_REASONS]]
    if len(moved) > _MOST_REASONS:
        reasons.append(Text(terms.told(f"{len(moved) - _MOST_REASONS} more languages are in report.md."), "dim"))
    told = [Text(plain(sentence)) for sentence in routing_sentences(report)]
    left_out = [
        Text.assemble("not considered: ", (plain(name), "cyan"), f": {plain(why)}")
        for name, why in facts.excluded.items()
    ]
    return [table, *reasons, *told, *left_out, *(Text(plain(note), "dim") for note in facts.notes), Text()]
