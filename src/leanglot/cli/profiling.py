"""The subcommand that profiles a model or an artifact."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from leanglot.cli.console import live, output, stoppable
from leanglot.cli.options import (
    AllowPickle,
    AsJson,
    GroupColumn,
    LabelColumn,
    LanguageColumn,
    Model,
    OptionalData,
    Seed,
    SplitColumn,
    TextColumn,
    Threads,
)
from leanglot.cli.parsing import column_names, data_of, refuse_idle


def profile(
    context: typer.Context,
    model: Model,
    data: OptionalData = None,
    length: Annotated[int, typer.Option(help="Tokens per text where there are no data, which are then random.")] = 32,
    batch: Annotated[int, typer.Option(help="Texts per call.")] = 1,
    engine: Annotated[
        str | None,
        typer.Option(help="pytorch, onnxruntime, openvino or both; by default an artifact's own, both of a model's."),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Most rows of a table.")] = 15,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for profile.json and the chart.", metavar="FOLDER")
    ] = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    language_column: LanguageColumn = "language",
    group_column: GroupColumn = None,
    split_column: SplitColumn = None,
    threads: Threads = None,
    seed: Seed = 0,
    allow_pickle: AllowPickle = False,
    as_json: AsJson = False,
) -> None:
    """Show which operators and modules take the time and the bytes, and what to try next."""
    from leanglot.profiling import ProfilePlan, write_profile
    from leanglot.profiling import profile as profile_model
    from leanglot.report.profile import profile_table

    if data is not None:
        refuse_idle(context, ["length"], "the texts of --data have their own")
    columns = column_names(text_column, label_column, language_column, group_column, split_column)
    plan = ProfilePlan(data_of(data, columns), length, batch, threads, engine, seed, allow_pickle)
    with stoppable(lambda: "Nothing was written."), live(Console(stderr=True)) as progress:
        found = profile_model(model, plan, progress)
    written = () if out is None else write_profile(found, out)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    output().print(profile_table(found, top))
    for path in written:
        typer.echo(f"Wrote {path}")
