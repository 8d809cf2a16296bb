"""Subcommands that measure one model or artifact, or the machine."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from leanglot.cli.console import live, output
from leanglot.cli.options import (
    Against,
    AllowPickle,
    Alpha,
    AsJson,
    Data,
    GroupColumn,
    LabelColumn,
    LanguageColumn,
    Limit,
    Margin,
    Model,
    Quick,
    Seed,
    SplitColumn,
    TextColumn,
    Threads,
)
from leanglot.cli.parsing import chosen_effort, column_names, make_setting

SaveBaseline = Annotated[
    bool,
    typer.Option("--save-baseline", help="Keep what the model did, by language, in the artifact, for its monitor."),
]


def evaluate(
    model: Model,
    data: Data,
    against: Against = None,
    margin: Margin = 0.01,
    alpha: Alpha = 0.05,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    language_column: LanguageColumn = "language",
    group_column: GroupColumn = None,
    split_column: SplitColumn = None,
    threads: Threads = None,
    limit: Limit = None,
    seed: Seed = 0,
    allow_pickle: AllowPickle = False,
    save_baseline: SaveBaseline = False,
    as_json: AsJson = False,
) -> None:
    """Measure quality by language; with --against, judge every language."""
    from leanglot.report.single import evaluation_table
    from leanglot.results.baseline_store import check_baseline_place
    from leanglot.results.router_manifest import is_router
    from leanglot.routing.evaluation import evaluate_router
    from leanglot.steps import evaluate as evaluate_step

    columns = column_names(text_column, label_column, language_column, group_column, split_column)
    setting = make_setting(data, columns, threads, limit, seed, allow_pickle=allow_pickle)
    if save_baseline:
        check_baseline_place(model)
    with live(Console(stderr=True)) as progress:
        if is_router(Path(model)):
            found = evaluate_router(Path(model), setting, against, margin, alpha, progress)
        else:
            found = evaluate_step(model, setting, against, margin, alpha, progress, save_baseline=save_baseline)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        output().print(evaluation_table(found.quality, found.verdicts, found.remarks))


def benchmark(
    model: Model,
    data: Data,
    against: Against = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    language_column: LanguageColumn = "language",
    threads: Threads = None,
    limit: Limit = None,
    seed: Seed = 0,
    allow_pickle: AllowPickle = False,
    quick: Quick = False,
    as_json: AsJson = False,
) -> None:
    """Measure latency, throughput, cold start, memory and size; with --against, in turns with that one."""
    from leanglot.report.single import benchmark_table
    from leanglot.steps import benchmark as benchmark_step

    columns = column_names(text_column, label_column, language_column, None, None)
    setting = make_setting(data, columns, threads, limit, seed, allow_pickle=allow_pickle)
    with live(Console(stderr=True)) as progress:
        found = benchmark_step(model, setting, against, chosen_effort(quick=quick), progress)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        output().print(benchmark_table(found.speed, found.cold_start, found.weight))


def doctor() -> None:
    """Show what this machine and this installation can do."""
    from leanglot.report.doctor import doctor_table
    from leanglot.results.environment import available_cores, read_environment

    output().print(doctor_table(read_environment(available_cores())))
