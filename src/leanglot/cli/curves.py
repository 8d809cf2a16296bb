"""The subcommand that shows what more training examples are worth."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from leanglot.cli.console import live, output, stoppable
from leanglot.cli.options import (
    AllowPickle,
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
from leanglot.cli.parsing import column_names, data_config, make_setting, refuse_idle
from leanglot.errors import ConfigError


def learning_curve(
    context: typer.Context,
    model: Model,
    training: Annotated[
        Path, typer.Option("--training", help="Labelled texts; of a column split, train rows only.", metavar="FILE")
    ],
    data: Data,
    examples: Annotated[
        str | None, typer.Option(help="Numbers of examples, such as 250,500,1000; by default doubling up to all.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the curve.", metavar="FOLDER")] = Path(
        "runs/learning-curve"
    ),
    layers: Annotated[
        int | None, typer.Option(help="Train a student of so many of the model's layers, not the model itself.")
    ] = None,
    alpha: Annotated[float, typer.Option(help="Weight of the model's own answers against the labels.")] = 0.0,
    epochs: Annotated[float, typer.Option(help="Examples drawn, as a multiple of those there are.")] = 3.0,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Optimizer steps at every number of examples, in place of --epochs.")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Examples per step.")] = 64,
    learning_rate: Annotated[float, typer.Option(help="At its highest.")] = 1e-4,
    precision: Annotated[str, typer.Option(help="fp32, or mixed with bf16 or fp16.")] = "fp32",
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    language_column: LanguageColumn = "language",
    group_column: GroupColumn = None,
    split_column: SplitColumn = None,
    threads: Threads = None,
    limit: Limit = None,
    seed: Seed = 0,
    allow_pickle: AllowPickle = False,
    as_json: AsJson = False,
) -> None:
    """Train on more and more examples, judge every language after each, and draw the learning curve."""
    from leanglot.config import make_candidate
    from leanglot.learning_curves import RECORD_NAME, CurvePlan
    from leanglot.learning_curves import learning_curve as train
    from leanglot.report.learning_curve import learning_curve_table
    from leanglot.techniques import Distillation

    if steps is not None:
        refuse_idle(context, ("epochs",), "--steps says how long every training is")
    schooling: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    schooling |= {"precision": precision, "validation": 0.0, "seed": seed}
    values: dict[str, Any] = {"technique": "distil", "alpha": alpha, "training": schooling}
    values |= {} if layers is None else {"student": {"layers": layers}}
    (step,) = make_candidate({"name": "learning-curve", "runtime": "pytorch", "recipe": [values]}).recipe
    if not isinstance(step, Distillation):
        raise TypeError(f"{step.technique} is no distillation")
    plan = CurvePlan(step, _sizes(examples), steps, seed)
    columns = column_names(text_column, label_column, language_column, group_column, split_column)
    setting = make_setting(data, columns, threads, limit, seed, allow_pickle=allow_pickle)
    with stoppable(), live(Console(stderr=True)) as progress:
        found, chart = train(model, out, setting, data_config(training, columns), plan, progress)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    output().print(learning_curve_table(found))
    typer.echo(f"Chart: {chart}\nRecord: {out / RECORD_NAME}")


def _sizes(option: str | None) -> list[int] | None:
    """``250,500``: numbers of examples.

    Raises:
        ConfigError: The option is not of that form, or a number repeats.
    """
    if option is None:
        return None
    try:
        sizes = [int(number) for number in option.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1 or len(set(sizes)) < len(sizes):
        raise ConfigError(
            f"--examples {option} names no numbers of examples.", "For example: --examples 250,500,1000, each once."
        )
    return sizes
