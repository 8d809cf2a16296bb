"""What the subcommands show: the terminal, a line of progress, an error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from leanglot.errors import LeanglotError

if TYPE_CHECKING:
    from pathlib import Path

    from leanglot.quantizers import Making
    from leanglot.report.live import LiveProgress
    from leanglot.results.manifest import Manifest


def output() -> Console:
    """The terminal as wide as it is; a pipe or a file as wide as the tables need."""
    console = Console()
    return console if console.is_terminal else Console(width=100)


def _resume() -> str:
    return "Run the same command again: what was finished is kept."


def live(console: Console) -> "LiveProgress":
    """Progress as it happens."""
    from leanglot.report.live import LiveProgress

    return LiveProgress(console)


@contextmanager
def stoppable(left: Callable[[], str] = _resume) -> Iterator[None]:
    """Ends a command that the user stops with the exit code of an interrupt, and says what is left of its work.

    Args:
        left: Gives that sentence.

    Raises:
        typer.Exit: The user stopped the command.
    """
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"Stopped. {left()}", err=True)
        raise typer.Exit(130) from None


def show_training(out: "Path", making: "Making", train: "Callable[[Making], Manifest | None]") -> None:
    """Shows a training while it runs, then its artifact, and what it did by language.

    Args:
        out: The artifact's folder.
        making: What the training needs.
        train: Does it with what it is given, which tells how it goes; None where another process writes the artifact.
    """
    from dataclasses import replace

    from leanglot.progress import Telling
    from leanglot.report.single import artifact_summary
    from leanglot.report.training_table import training_table

    with stoppable(), live(Console(stderr=True)) as progress:
        progress.plan([out.name])
        manifest = train(replace(making, tell=Telling(progress, out.name)))
        progress.enter(out.name, "done")
    if manifest is not None:
        typer.echo(artifact_summary(manifest, out))
        output().print(training_table(manifest.training[-1]))


def show_error(error: LeanglotError) -> None:
    """What is wrong, then what to do, in the words of the error."""
    console = Console(stderr=True)
    console.print("[bold red]Error:[/] ", end="")
    console.print(error.message, markup=False, highlight=False, soft_wrap=True)
    if error.hint:
        console.print(error.hint, markup=False, highlight=False, soft_wrap=True)
