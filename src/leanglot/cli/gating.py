"""The subcommand that decides, with its exit code, whether a candidate may take the baseline's place."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from leanglot.cli.console import live, output, stoppable
from leanglot.cli.options import (
    AllowPickle,
    Alpha,
    AsJson,
    Beam,
    GroupColumn,
    LabelColumn,
    LanguageColumn,
    Limit,
    Margin,
    Metric,
    OptionalData,
    Seed,
    SplitColumn,
    TextColumn,
    Threads,
)
from leanglot.cli.parsing import by_language, column_names, make_setting, make_translation, refuse_idle
from leanglot.errors import ConfigError

_NEED_DATA = (
    *("text_column", "label_column", "language_column", "group_column", "split_column"),
    *("threads", "limit", "seed", "allow_pickle"),
)
_SIDE = "a model folder, an artifact, a name on the hub, or stored predictions: a predictions.parquet or RUN:NAME."


def gate(
    context: typer.Context,
    baseline: Annotated[str, typer.Argument(help=f"What is served now: {_SIDE}", metavar="BASELINE")],
    candidate: Annotated[str, typer.Argument(help="What is to take its place, likewise.", metavar="CANDIDATE")],
    data: OptionalData = None,
    margin: Margin = 0.01,
    margin_for: Annotated[
        list[str] | None, typer.Option(help="A language's own margin, such as th=0.03; repeatable.", metavar="TAG=DROP")
    ] = None,
    min_accuracy: Annotated[
        list[str] | None,
        typer.Option(
            help="Lowest accuracy of a language, such as th=0.80, or 0.80 for all; repeatable.", metavar="[TAG=]SHARE"
        ),
    ] = None,
    max_size_mb: Annotated[
        float | None, typer.Option(help="Largest size of the candidate, in MB of 10^6 bytes.")
    ] = None,
    max_size_ratio: Annotated[
        float | None, typer.Option(help="Largest size of the candidate as a multiple of the baseline's.")
    ] = None,
    alpha: Alpha = 0.05,
    strict: Annotated[
        bool, typer.Option("--strict", help="What is not proven ends with exit code 3; without, it passes and is told.")
    ] = False,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML, for a CI server.", metavar="FILE")] = None,
    summary: Annotated[
        Path | None, typer.Option(help="Write markdown, for a pull request or a job's summary.", metavar="FILE")
    ] = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    language_column: LanguageColumn = "language",
    group_column: GroupColumn = None,
    split_column: SplitColumn = None,
    threads: Threads = None,
    limit: Limit = None,
    seed: Seed = 0,
    allow_pickle: AllowPickle = False,
    metric: Metric = "chrf",
    beam: Beam = None,
    as_json: AsJson = False,
) -> None:
    """Decide whether CANDIDATE may take the place of BASELINE, in every language.

    Ends with 0: passed. 1: a language is harmed or below its lowest accuracy, or the size is exceeded.
    2: the input cannot be used. 3: something is not proven, under --strict.
    """
    from leanglot.decide.gate import GateRule
    from leanglot.gating import gate as decide
    from leanglot.report.gate_files import check_places, write_gate
    from leanglot.report.gate_table import gate_table
    from leanglot.translating.gating import gate_translations
    from leanglot.translating.tasks import translates_side

    floor, floors = _floors(min_accuracy or [])
    rule = GateRule(
        margin=margin,
        margins=by_language("--margin-for", margin_for or [], "th=0.03"),
        floor=floor,
        floors=floors,
        alpha=alpha,
        strict=strict,
        max_size_bytes=None if max_size_mb is None else max_size_mb * 1e6,
        max_size_ratio=max_size_ratio,
    )
    if data is None:
        refuse_idle(context, _NEED_DATA, "without --data nothing is read and no model answers")
    check_places(junit, summary)
    columns = column_names(text_column, label_column, language_column, group_column, split_column)
    setting = None if data is None else make_setting(data, columns, threads, limit, seed, allow_pickle=allow_pickle)
    with stoppable(lambda: "Nothing was decided."), live(Console(stderr=True)) as progress:
        if any(translates_side(side, allow_pickle=allow_pickle) for side in (baseline, candidate)):
            found = gate_translations(baseline, candidate, rule, setting, make_translation(metric, beam), progress)
        else:
            found = decide(baseline, candidate, rule, setting, progress)
    write_gate(found, junit, summary)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        output().print(gate_table(found))
    raise typer.Exit(found.exit_code)


def _floors(options: Sequence[str]) -> tuple[float | None, dict[str, float]]:
    """The lowest accuracy of all languages without one of their own, and those of single ones."""
    for_all = [option for option in options if "=" not in option]
    floors = by_language("--min-accuracy", [option for option in options if "=" in option], "th=0.80 or 0.80")
    if len(for_all) > 1:
        raise ConfigError(
            f"--min-accuracy is given for all languages more than once: {', '.join(for_all)}.", "Give it once."
        )
    if not for_all:
        return None, floors
    try:
        return float(for_all[0]), floors
    except ValueError:
        raise ConfigError(
            f"--min-accuracy {for_all[0]} is not of the form th=0.80 or 0.80.", "For example: --min-accuracy th=0.80."
        ) from None
