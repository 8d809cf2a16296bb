"""The command line: one function per subcommand; each parses, calls one function of the core and shows its result."""

import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from leanglot.cli.comparing import compare
from leanglot.cli.console import show_error
from leanglot.cli.curves import learning_curve
from leanglot.cli.gating import gate
from leanglot.cli.limiting import search_limits
from leanglot.cli.making import export
from leanglot.cli.measuring import benchmark, doctor, evaluate
from leanglot.cli.profiling import profile
from leanglot.cli.pruning import prune, trim_vocabulary
from leanglot.cli.quantizing import quantize
from leanglot.cli.routing import route
from leanglot.cli.runs import card, demo, optimize, recommend, report
from leanglot.cli.searching import search_sparsity
from leanglot.cli.serving import serve
from leanglot.cli.training import distil
from leanglot.cli.translating import translate
from leanglot.cli.tuning import repair, sweep
from leanglot.cli.watching import monitor
from leanglot.errors import LeanglotError
from leanglot.quiet import quiet_imports


def _show_version(asked: bool) -> None:  # noqa: FBT001 - the callback of a flag gets its value
    if asked:
        from leanglot import __version__

        typer.echo(f"leanglot {__version__}")
        raise typer.Exit


def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Makes multilingual language models small and fast, and shows, by language, whether anybody paid for it."""


def make_app() -> typer.Typer:
    """The command line with all its subcommands."""
    app = typer.Typer(
        name="leanglot",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback()(common)
    for command in (
        *(demo, optimize, evaluate, benchmark, quantize, prune, trim_vocabulary, distil, search_sparsity, export),
        *(
            search_limits,
            learning_curve,
            profile,
            gate,
            compare,
            sweep,
            repair,
            report,
            card,
            recommend,
            route,
            serve,
            monitor,
            translate,
            doctor,
        ),
    ):
        app.command()(command)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error of ours is one message and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a pipe that cannot write a sign gets "?", not a traceback
    try:
        with quiet_imports():
            make_app()(args=None if arguments is None else list(arguments))
    except LeanglotError as error:
        show_error(error)
        sys.exit(2)
