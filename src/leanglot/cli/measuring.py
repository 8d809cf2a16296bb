"""Subcommands that measure one model or artifact, or the machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console, RenderableType

from leanglot.cli.console import live, output
from leanglot.cli.options import (
    Against,
    AllowPickle,
    Alpha,
    AsJson,
    Beam,
    Data,
    GroupColumn,
    LabelColumn,
    LanguageColumn,
    Limit,
    Margin,
    Metric,
    Model,
    Quick,
    Seed,
    SplitColumn,
    TextColumn,
    Threads,
)
from leanglot.cli.parsing import chosen_effort, column_names, make_setting, make_translation

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
    metric: Metric = "chrf",
    beam: Beam = None,
    as_json: AsJson = False,
) -> None:
    """Measure quality by language, or by language pair; with --against, judge every one of them."""
    from leanglot.report.single import evaluation_table
    from leanglot.results.baseline_store import check_baseline_place
    from leanglot.results.router_manifest import is_router
    from leanglot.routing.evaluation import evaluate_router
    from leanglot.steps import evaluate as evaluate_step
    from leanglot.translating.tasks import translates

    columns = column_names(text_column, label_column, language_column, group_column, split_column)
    setting = make_setting(data, columns, threads, limit, seed, allow_pickle=allow_pickle)
    if save_baseline:
        check_baseline_place(model)
    if translates(model, allow_pickle=allow_pickle):
        from leanglot.report.translation_single import translation_table
        from leanglot.translating.steps import evaluate_translation

        settings = make_translation(metric, beam)
        with live(Console(stderr=True)) as progress:
            made = evaluate_translation(
                model, setting, settings, against, margin, alpha, progress, save_baseline=save_baseline
            )
        _tell(made, lambda: translation_table(made.pairs, made.verdicts, made.remarks), as_json=as_json)
        return
    with live(Console(stderr=True)) as progress:
        if is_router(Path(model)):
            found = evaluate_router(Path(model), setting, against, margin, alpha, progress)
        else:
            found = evaluate_step(model, setting, against, margin, alpha, progress, save_baseline=save_baseline)
    _tell(found, lambda: evaluation_table(found.quality, found.verdicts, found.remarks), as_json=as_json)


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
    beam: Beam = None,
    as_json: AsJson = False,
) -> None:
    """Measure latency, throughput, cold start, memory and size; with --against, in turns with that one."""
    from leanglot.report.single import benchmark_table
    from leanglot.steps import benchmark as benchmark_step
    from leanglot.translating.tasks import translates

    columns = column_names(text_column, label_column, language_column, None, None)
    setting = make_setting(data, columns, threads, limit, seed, allow_pickle=allow_pickle)
    effort = chosen_effort(quick=quick)
    with live(Console(stderr=True)) as progress:
        if translates(model, allow_pickle=allow_pickle):
            from leanglot.translating.steps import benchmark_translation

            found = benchmark_translation(model, setting, make_translation("chrf", beam), against, effort, progress)
        else:
            found = benchmark_step(model, setting, against, effort, progress)
    _tell(found, lambda: benchmark_table(found.speed, found.cold_start, found.weight), as_json=as_json)


def _tell(found: BaseModel, table: Callable[[], RenderableType], *, as_json: bool) -> None:
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        output().print(table())


def doctor() -> None:
    """Show what this machine and this installation can do."""
    from leanglot.report.doctor import doctor_table
    from leanglot.results.environment import available_cores, read_environment

    output().print(doctor_table(read_environment(available_cores())))
