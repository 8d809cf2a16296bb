"""Subcommands that try one setting after the other: bits per weight, layers of a repair."""

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
    Margin,
    Model,
    NewFolder,
    Quick,
    Seed,
    SplitColumn,
    TargetIsa,
    TextColumn,
    Threads,
)
from leanglot.cli.parsing import chosen_effort, column_names, data_of, make_setting
from leanglot.errors import ConfigError


def sweep(
    model: Model,
    data: Data,
    bits: Annotated[str, typer.Option(help="Bits per weight: some of 32, 16, 8 and 4.")] = "32,16,8,4",
    runtime: Annotated[str, typer.Option(help="onnxruntime, pytorch or openvino.")] = "onnxruntime",
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder.", metavar="FOLDER")] = Path("runs/sweep"),
    calibration: Annotated[
        Path | None, typer.Option(help="Texts for static activations (openvino).", metavar="FILE")
    ] = None,
    target_isa: TargetIsa = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    language_column: LanguageColumn = "language",
    group_column: GroupColumn = None,
    split_column: SplitColumn = None,
    margin: Margin = 0.01,
    alpha: Alpha = 0.05,
    threads: Threads = None,
    limit: Limit = None,
    seed: Seed = 0,
    allow_pickle: AllowPickle = False,
    quick: Quick = False,
) -> None:
    """Measure and judge the model at 32, 16, 8 and 4 bits, and draw accuracy by language and time against them."""
    from leanglot.config import make_config
    from leanglot.report.terminal import render_tables
    from leanglot.sweep import sweep as sweep_run
    from leanglot.techniques.support import known_runtime

    columns = column_names(text_column, label_column, language_column, group_column, split_column)
    values: dict[str, Any] = {"model": model, "data": {"path": data, "columns": columns}, "output": out}
    values |= {"margin": margin, "alpha": alpha, "threads": threads, "limit_per_language": limit, "seed": seed}
    values |= {"allow_pickle": allow_pickle, "target_isa": target_isa}
    values |= {} if calibration is None else {"calibration": {"path": calibration, "columns": columns}}
    config, console = make_config(values, "The options"), output()
    with live(console) as progress:
        found, chart = sweep_run(config, _numbers(bits), known_runtime(runtime), progress, chosen_effort(quick=quick))
    console.print(render_tables(found))
    typer.echo(f"Chart: {chart}\nReport: {config.output / 'report.html'}")


def repair(
    model: Model,
    artifact: Annotated[Path, typer.Argument(help="The quantized artifact that harms a language.", metavar="ARTIFACT")],
    data: Data,
    out: NewFolder,
    layers: Annotated[int, typer.Option(min=1, help="Most layers that are put back to FP32.")] = 8,
    seconds: Annotated[float, typer.Option(min=1, help="Time after which no further variant is started.")] = 900.0,
    calibration: Annotated[
        Path | None, typer.Option(help="Texts to rank layers on, none of them judged.", metavar="FILE")
    ] = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    language_column: LanguageColumn = "language",
    group_column: GroupColumn = None,
    split_column: SplitColumn = None,
    margin: Margin = 0.01,
    alpha: Alpha = 0.05,
    threads: Threads = None,
    limit: Limit = None,
    seed: Seed = 0,
    allow_pickle: AllowPickle = False,
    as_json: AsJson = False,
) -> None:
    """Find the layers whose quantization harms a language, and write the artifact with them in FP32."""
    from leanglot.config import RepairConfig
    from leanglot.repairing.single import repair_artifact
    from leanglot.report.repair_table import repair_table

    columns = column_names(text_column, label_column, language_column, group_column, split_column)
    setting = make_setting(data, columns, threads, limit, seed, allow_pickle=allow_pickle)
    limits, source = RepairConfig(layers=layers, seconds=seconds), data_of(calibration, columns)
    with live(Console(stderr=True)) as progress:
        found = repair_artifact(model, artifact, out, setting, limits, (margin, alpha), source, progress)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    output().print(repair_table({artifact.name: found}))
    typer.echo(f"Wrote {out}" if found.layers else "Nothing was put back, so nothing was written.")


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(f"--bits {text} is no list of numbers.", "For example: --bits 32,16,8,4.") from None
