"""A gate's decision as files for a CI server: all of them whole, or none."""

from contextlib import ExitStack
from pathlib import Path

from leanglot.errors import ConfigError, StorageError
from leanglot.report.gate import render_gate
from leanglot.report.junit import render_junit
from leanglot.results.atomic import file_atomically
from leanglot.results.gate import GateReport

_ELSEWHERE = "Choose another place with --junit or --summary."


def write_gate(report: GateReport, junit: Path | None, summary: Path | None) -> None:
    """Writes JUnit XML and markdown where they are asked for.

    Args:
        report: The gate's record.
        junit: The file for JUnit XML; None writes none.
        summary: The file for markdown; None writes none.

    Raises:
        ConfigError: Both are one file, or one of them is a folder.
        StorageError: A file cannot be written; then none is.
    """
    check_places(junit, summary)
    texts = {}
    if junit is not None:
        texts[junit] = render_junit(report)
    if summary is not None:
        texts[summary] = render_gate(report)
    try:
        with ExitStack() as stack:
            for path, text in texts.items():
                stack.enter_context(file_atomically(path)).write_text(text, encoding="utf-8", newline="\n")
    except StorageError as error:
        raise StorageError(error.message, _ELSEWHERE) from error


def check_places(junit: Path | None, summary: Path | None) -> None:
    """Refuses places that cannot be written to whatever the decision, before any model answers.

    Raises:
        ConfigError: Both are one file, or one of them is a folder.
    """
    places = [path for path in (junit, summary) if path is not None]
    if folders := [path for path in places if path.is_dir()]:
        raise ConfigError(f"{folders[0]} is a folder.", "Give a file, such as gate.xml or gate.md.")
    if len({path.resolve() for path in places}) < len(places):
        raise ConfigError(f"--junit and --summary are both {junit}.", "Give each a file of its own.")
