"""What the subcommands show: the terminal, a line of progress, an error."""

from typing import TYPE_CHECKING

from rich.console import Console

from leanglot.errors import LeanglotError

if TYPE_CHECKING:
    from leanglot.report.live import LiveProgress


def output() -> Console:
    """The terminal as wide as it is; a pipe or a file as wide as the tables need."""
    console = Console()
    return console if console.is_terminal else Console(width=100)


def live(console: Console) -> "LiveProgress":
    """Progress as it happens."""
    from leanglot.report.live import LiveProgress

    return LiveProgress(console)


def show_error(error: LeanglotError) -> None:
    """What is wrong, then what to do, in the words of the error."""
    console = Console(stderr=True)
    console.print("[bold red]Error:[/] ", end="")
    console.print(error.message, markup=False, highlight=False, soft_wrap=True)
    if error.hint:
        console.print(error.hint, markup=False, highlight=False, soft_wrap=True)
