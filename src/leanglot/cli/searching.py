"""The subcommand that searches how far a model can be pruned."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from leanglot.cli.console import live, output, stoppable
from leanglot.cli.options import (
    AllowPickle,
    Alpha,
    AsJson,
    Combine,
    CombineTraffic,
    Data,
    GroupColumn,
    ImportanceSamples,
    ImportanceTexts,
    LabelColumn,
    LanguageColumn,
    Limit,
    Method,
    Model,
    Seed,
    SplitColumn,
    TextColumn,
    Threads,
)
from leanglot.cli.parsing import column_names, data_of, importance_values, make_setting


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
    calibration: ImportanceTexts = None,
    combine: Combine = "worst",
    method: Method = "taylor",
    samples: ImportanceSamples = 512,
    traffic: CombineTraffic = None,
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

    importance = make_importance(importance_values(method, combine, samples, traffic, seed))
    asked: list[Any] = [kind.strip() for kind in kinds.split(",") if kind.strip()]
    plan = SearchPlan(asked, max_drop, worst_language, alpha, importance)
    columns = column_names(text_column, label_column, language_column, group_column, split_column)
    setting = make_setting(data, columns, threads, limit, seed, allow_pickle=allow_pickle)
    with stoppable(), live(Console(stderr=True)) as progress:
        found, chart = search(model, out, setting, plan, data_of(calibration, columns), progress)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    output().print(sparsity_table(found))
    typer.echo(f"Chart: {chart}\nRecord: {out / 'sparsity.json'}")
