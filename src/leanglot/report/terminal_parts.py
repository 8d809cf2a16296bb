"""What the tables in the terminal are made of: their look, verdicts with a sign, columns that fit."""

from dataclasses import dataclass
from itertools import compress
from typing import Final

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from leanglot.charts.style import VERDICT_SIGN, VERDICT_WORD
from leanglot.results.records import VerdictKind

WIDTH: Final = 100


_NARROW: Final = 96


_VERDICT_STYLE: Final[dict[VerdictKind | None, str]] = {
    "safe": "blue",
    "harmed": "bold red",
    "inconclusive": "dim",
    None: "dim",
}


def plain_table(title: str) -> Table:
    """A table with a title and one line under its head."""
    return Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False,
        padding=(0, 1, 0, 0), expand=True, header_style="dim",
    )  # fmt: skip


def signed_verdict(verdict: VerdictKind | None) -> Text:
    """A verdict with its sign, such as ``✓ safe``."""
    return Text(f"{VERDICT_SIGN[verdict]} {VERDICT_WORD[verdict]}", _VERDICT_STYLE[verdict])


@dataclass(frozen=True)
class FittedTable:
    """A table whose first column takes what is left; a narrow terminal does without some of the others.

    Attributes:
        title: Its title.
        headings: Of all columns.
        rows: A cell for each.
        spare: Headings of the columns that a narrow terminal leaves out, so that names stay readable.
    """

    title: str
    headings: tuple[str, ...]
    rows: list[list[Text]]
    spare: frozenset[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = [heading not in self.spare or options.max_width >= _NARROW for heading in self.headings]
        table = plain_table(self.title)
        table.add_column(self.headings[0], ratio=1, overflow="fold")
        for heading in list(compress(self.headings, shown))[1:]:
            table.add_column(heading, justify="left" if heading == "status" else "right", no_wrap=True)
        for row in self.rows:
            table.add_row(*compress(row, shown))
        yield table
