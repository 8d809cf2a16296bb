"""The subcommand that watches what a shipped model answers, by language."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from leanglot.cli.console import output
from leanglot.cli.parsing import named_numbers, refuse_idle
from leanglot.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from leanglot.monitor.keeper import Keeper
    from leanglot.monitor.rules import Rules
    from leanglot.results.monitor_baseline import MonitorBaseline
    from leanglot.results.monitoring import Snapshot


def monitor(
    context: typer.Context,
    logs: Annotated[
        list[Path],
        typer.Argument(help="Prediction logs: .jsonl or .parquet files, or folders of them.", metavar="LOGS"),
    ],
    artifact: Annotated[
        Path | None,
        typer.Option("--artifact", "-a", help="The artifact or router that answered.", metavar="FOLDER"),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="Keep what was learned and how far was read in this file, to go on from.", metavar="FILE"),
    ] = None,
    reset_state: Annotated[
        bool, typer.Option("--reset-state", help="Begin a new state; the logs are counted from their beginning.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on reading as the logs grow, until Ctrl-C or SIGTERM.")
    ] = False,
    every: Annotated[str, typer.Option(help="With --follow: time between two looks, such as 10s or 5m.")] = "10s",
    alpha: Annotated[
        float, typer.Option(help="Chance of any false alert, ever, over all languages and signals; at most 0.5.")
    ] = 0.05,
    design_effect: Annotated[
        float, typer.Option(help="Predictions worth as much as one independent one, where they come in bursts.")
    ] = 1.0,
    latency_budget_ms: Annotated[
        float | None, typer.Option(help="Alert where provably more than 5% of the answers are slower than this.")
    ] = None,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(help="Change that a signal may show without an alert, such as length=0.1; repeatable."),
    ] = None,
    snapshot: Annotated[
        Path | None, typer.Option(help="Write everything that is known as JSON, anew after each look.", metavar="FILE")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: the snapshot, or with --follow a line for each alert.")
    ] = False,
) -> None:
    """Watch, by language, what a shipped model answers, against what it did when it was judged.

    Ends with 0: no alert is open. 1: an alert is open. 2: the input cannot be used.
    """
    from leanglot.monitor.keeper import Keeper
    from leanglot.monitor.log_files import check_places

    if not follow:
        refuse_idle(context, ("every",), "it is for --follow")
        check_places(logs)
    if reset_state and state is None:
        raise ConfigError("--reset-state has no effect without --state.", "Add --state FILE, or leave it out.")
    rules = _rules(alpha, design_effect, latency_budget_ms, tolerance or [])
    seconds = _seconds(every)
    with _stoppable() as stop, Keeper(logs, _baseline(artifact), rules, state, reset=reset_state) as keeper:
        write = _writer(snapshot)
        if follow:
            found = _follow(keeper, seconds, stop, write, as_json=as_json)
        else:
            found = _read_once(keeper, stop, write)
            if as_json:
                typer.echo(found.model_dump_json(indent=2))
        if not as_json:
            from leanglot.report.monitoring import monitor_table

            output().print(monitor_table(found))
    raise typer.Exit(int(any(alert.ended_at is None for alert in found.alerts)))


def _read_once(keeper: "Keeper", stop: Event, write: "Callable[[Snapshot], None]") -> "Snapshot":
    from leanglot.monitor.session import read_once

    with Console(stderr=True).status("Reading the logs") as status:
        complete = read_once(
            keeper, stop, lambda found: status.update(f"Reading the logs: {found.predictions:,} predictions")
        )
    found = keeper.snapshot()
    if not complete:
        keeper.save()
        typer.echo("Stopped before the logs were read to their end. With --state, the same command goes on.", err=True)
        raise typer.Exit(130)
    write(found)
    return found


def _follow(
    keeper: "Keeper", every_s: float, stop: Event, write: "Callable[[Snapshot], None]", *, as_json: bool
) -> "Snapshot":
    from leanglot.monitor.session import follow
    from leanglot.report.monitoring import Told, ended_line, monitor_table, opened_lines

    found = keeper.snapshot()
    told, terminal, aside = Told(found), output(), Console(stderr=True)
    if not as_json:
        terminal.print(monitor_table(found))

    def tell(found: "Snapshot") -> None:
        opened, ended, notes = told.news(_written(found, write))
        for alert in (*opened, *ended):
            if as_json:
                typer.echo(alert.model_dump_json())
            else:
                terminal.print(opened_lines(alert) if alert in opened else ended_line(alert))
        for note in notes:
            aside.print(note, markup=False, highlight=False, soft_wrap=True)

    follow(keeper, every_s, stop, tell)
    return keeper.snapshot()


def _written(found: "Snapshot", write: "Callable[[Snapshot], None]") -> "Snapshot":
    """The snapshot after it was written; where it could not be, it says so, and the next one is tried again."""
    try:
        write(found)
    except StorageError as error:
        return found.model_copy(update={"notes": (*found.notes, f"The snapshot is not up to date: {error.message}")})
    return found


def _writer(path: Path | None) -> "Callable[[Snapshot], None]":
    """Writes snapshots to a file, where one was given."""
    from leanglot.results.atomic import write_text_atomically

    def write(found: "Snapshot") -> None:
        if path is not None:
            write_text_atomically(path, found.model_dump_json(indent=2) + "\n")

    return write


def _baseline(artifact: Path | None) -> "MonitorBaseline | None":
    from leanglot.results.monitor_baseline import read_monitor_baseline

    return None if artifact is None else read_monitor_baseline(artifact)


def _rules(alpha: float, design_effect: float, latency_budget_ms: float | None, tolerances: Sequence[str]) -> "Rules":
    from dataclasses import fields

    from leanglot.monitor.rules import Rules, Tolerances

    given = named_numbers("--tolerance", tolerances, "signal=0.1", "For example: --tolerance length=0.15.")
    allowed = [each.name for each in fields(Tolerances)]
    if unknown := [name for name in given if name not in allowed]:
        raise ConfigError(f"--tolerance {unknown[0]} names no signal.", f"Allowed are {', '.join(allowed)}.")
    return Rules(
        alpha=alpha,
        design_effect=design_effect,
        latency_budget_ms=latency_budget_ms,
        tolerances=Tolerances(**given),
    )


def _seconds(every: str) -> float:
    from leanglot.config.deciding import seconds_of

    try:
        return seconds_of(every)
    except ValueError as error:
        raise ConfigError(f"--every: {error}.", "For example: --every 10s.") from None


@contextmanager
def _stoppable() -> Iterator[Event]:
    """An event that Ctrl-C and SIGTERM set; a second one ends the process at once."""
    stop = Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def end(number: int, _: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, end)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
