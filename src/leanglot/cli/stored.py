"""Reading a stored run for a subcommand: as it is, or what is whole of a damaged one."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from leanglot.results.records import RunReport


def read_stored(run: Path, *, salvage: bool) -> "RunReport":
    """The report of a run; with `salvage`, its whole parts, after telling on the error stream what was left out.

    Raises:
        RunError: It cannot be read.
    """
    from leanglot.report.format import plain
    from leanglot.results.folder import read_report
    from leanglot.results.salvage import salvage_report

    if not salvage:
        return read_report(run)
    found = salvage_report(run)
    for loss in found.losses:
        typer.echo(plain(str(loss)), err=True)
    return found.report
