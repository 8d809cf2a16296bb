"""The subcommand that searches how far a model can be pruned."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from leanglot.cli.console import live, output
from leanglot.cli.options import (
    AllowPickle,
    Alpha,
    AsJson,
    Data,
    GroupColumn,
    LabelColumn,
    LanguageColumn,
    Limit,
    Model,
    Seed,
    SplitColumn,
    TextColumn,
    Threads,
)
from leanglot.cli.parsing import column_names, data_of, make_setting, named_numbers


def search_sparsity(
    model: Model,
    data: Data,
    max_drop: Annotated[
        float, typer.Option(help="Largest drop of the accuracy that is allowed; 0.01 is one point.")
    ] = 0.01,
    worst_language: Annotated[
        bool, typer.Option(help="Every language has to keep within it; with --no-worst-language their mean.")
    ] = True,
    kinds: Annotated[
        str, typer.Option(help="What is pruned: some of magnitude, heads, ffn and layers.")
    ] = "magnitude,heads,ffn,layers",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the search.", metavar="FOLDER")] = Path(
        "runs/sparsity"
    ),
    calibration: Annotated[
        Path | None,
        typer.Option(help="Texts to measure importance on, labelled or not; of a column split, train rows only."),
    ] = None,
    combine: Annotated[
        str, typer.Option(help="Importance over the languages: worst keeps what any needs; mean; traffic.")
    ] = "worst",
    method: Annotated[str, typer.Option(help="taylor or gradient.")] = "taylor",
    samples: Annotated[int, typer.Option(help="Texts that importance is measured on.")] = 512,
    traffic: Annotated[
        list[str] | None, typer.Option(help="For --combine traffic: a language's share, such as de=0.3; repeatable.")
    ] = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    language_column: LanguageColumn = "language",
    group_column: GroupColumn = None,
    split_column: SplitColumn = None,
    alpha: Alpha = 0.05,
    threads: Threads = None,
    limit: Limit = None,
    seed: Seed = 0,
    allow_pickle: AllowPickle = False,
    as_json: AsJson = False,
) -> None:
    """Find the highest sparsity of each kind that keeps every language within the allowed drop, and draw it."""
    from leanglot.config import make_importance
    from leanglot.report.sparsity import sparsity_table
    from leanglot.searching.search import SearchPlan
    from leanglot.searching.search import search_sparsity as search

    values: dict[str, Any] = {"method": method, "combine": combine, "samples": samples, "seed": seed}
    if traffic:
        values["traffic"] = named_numbers("--traffic", traffic, "de=0.3", "Give one for each language.")
    asked: list[Any] = [kind.strip() for kind in kinds.split(",") if kind.strip()]
    plan = SearchPlan(asked, max_drop, worst_language, alpha, make_importance(values))
    columns = column_names(text_column, label_column, language_column, group_column, split_column)
    setting = make_setting(data, columns, threads, limit, seed, allow_pickle=allow_pickle)
    try:
        with live(Console(stderr=True)) as progress:
            found, chart = search(model, out, setting, plan, data_of(calibration, columns), progress)
    except KeyboardInterrupt:
        typer.echo("Stopped. Run the same command again: what was finished is kept.", err=True)
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    output().print(sparsity_table(found))
    typer.echo(f"Chart: {chart}\nRecord: {out / 'sparsity.json'}")
