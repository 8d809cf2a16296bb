"""The subcommand that compares two stored runs."""

from pathlib import Path
from typing import Annotated

import typer

from leanglot.cli.console import output
from leanglot.cli.options import AsJson


def compare(
    first: Annotated[Path, typer.Argument(help="The run to start from.", metavar="RUN_A")],
    second: Annotated[Path, typer.Argument(help="The run that came after.", metavar="RUN_B")],
    ignore_machine: Annotated[
        bool,
        typer.Option("--ignore-machine", help="Compare runs of different machines too: accuracy and size, no times."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what changed from one stored run to another on the same data, candidate by candidate of equal name."""
    from leanglot.comparing import compare as compare_runs
    from leanglot.report.compare import comparison_table

    found = compare_runs(first, second, ignore_machine=ignore_machine)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        output().print(comparison_table(found))
