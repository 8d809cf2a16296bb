"""The subcommand that spreads the languages of a finished run over its candidates."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leanglot.cli.console import output
from leanglot.cli.options import (
    AsJson,
    CostsFile,
    Force,
    GroupColumn,
    LabelColumn,
    LanguageColumn,
    Limit,
    NormalizeTraffic,
    OptionalData,
    Run,
    Seed,
    SplitColumn,
    TextColumn,
)
from leanglot.cli.parsing import column_names, costs_of
from leanglot.errors import ConfigError

if TYPE_CHECKING:
    from leanglot.config import RoutingConfig


def route(
    run: Run,
    costs: CostsFile = None,
    normalize_traffic: NormalizeTraffic = False,
    max_p95_ms: Annotated[float | None, typer.Option(help="Largest p95 latency of a variant, ms.")] = None,
    max_memory_mb: Annotated[
        float | None, typer.Option(help="Most memory of all variants loaded, in MB of 10^6 bytes.")
    ] = None,
    max_variants: Annotated[int, typer.Option(min=1, help="Most variants loaded at once.")] = 3,
    strict: Annotated[
        bool, typer.Option("--strict", help="A language goes only to variants proven safe for it, or to the baseline.")
    ] = False,
    min_chance: Annotated[
        float, typer.Option(help="Probability with which all moves away from the main variant save money.")
    ] = 0.8,
    detect: Annotated[
        bool | None,
        typer.Option("--detect/--no-detect", help="Learn to tell languages; on where --texts or --data are given."),
    ] = None,
    texts: Annotated[
        Path | None, typer.Option(help="Texts to learn the languages from, none of them judged.", metavar="FILE")
    ] = None,
    data: OptionalData = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    language_column: LanguageColumn = "language",
    group_column: GroupColumn = None,
    split_column: SplitColumn = None,
    limit: Limit = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The router's folder; without, it only decides.", metavar="FOLDER"),
    ] = None,
    force: Force = False,
    save: Annotated[bool, typer.Option("--save", help="Put the routing into the run's report.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find who should answer which language or pair, and write a router; --data is what the run judged."""
    from rich.console import Group

    from leanglot.config import make_data
    from leanglot.pricing import save_again
    from leanglot.report.routing_table import render_routing
    from leanglot.results.folder import read_report
    from leanglot.routing.stored import material_from, route_run, with_routing

    given = texts is not None or data is not None
    if detect and not given:
        raise ConfigError(
            "--detect needs texts to learn from.", "Add --texts FILE, or --data FILE with what the run judged."
        )
    if detect is False and texts is not None:
        raise ConfigError("--texts has no effect with --no-detect.", "Leave one of them out.")
    report, folder = read_report(run), run.parent if run.is_file() else run
    if report.metric is not None and (given or detect):
        raise ConfigError(
            "The run is of a translation model, whose callers always tell the language pair: there is none to detect.",
            "Leave out --texts, --data and --detect.",
        )
    limits = _limits(
        max_p95_ms=max_p95_ms,
        max_memory_bytes=None if max_memory_mb is None else round(max_memory_mb * 1e6),
        max_variants=max_variants,
        strict=strict,
        min_chance=min_chance,
        detect=detect is not False,
    )
    columns = column_names(text_column, label_column, language_column, group_column, split_column)
    sources = [None if path is None else make_data({"path": path, "columns": columns}) for path in (data, texts)]
    prices = costs_of(costs, normalize_traffic=normalize_traffic)
    material = material_from(limits, prices, sources[0], sources[1], limit, seed)
    console = output()
    with console.status("Routing"):
        decision = route_run(report, folder, material, out, force=force)
    routed = with_routing(report, decision)
    if save:
        save_again(routed, run)
    if as_json:
        typer.echo(routed.model_dump_json(indent=2, include={"routing", "routing_facts"}))
        return
    console.print(Group(*render_routing(routed)))
    if out is not None:
        typer.echo(f"Router: {out}")


def _limits(**values: object) -> "RoutingConfig":
    """The limits, checked.

    Raises:
        ConfigError: One cannot be used; all are told at once.
    """
    from pydantic import ValidationError

    from leanglot.config import RoutingConfig

    try:
        return RoutingConfig.model_validate(values)
    except ValidationError as error:
        faults = "".join(
            f"\n  --{str(fault['loc'][0]).replace('_bytes', '_mb').replace('_', '-')}: {fault['msg']}, "
            f"got {fault['input']!r}"
            for fault in error.errors()
        )
        raise ConfigError(f"The limits cannot be used:{faults}", "Correct what is listed.") from None
