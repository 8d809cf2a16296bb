"""The command line: one function per subcommand; each parses, calls one function of the core and shows its result."""

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from leanglot.cli_options import (
    Against,
    AllowPickle,
    Alpha,
    AsJson,
    Data,
    Force,
    GroupColumn,
    LabelColumn,
    LanguageColumn,
    Limit,
    Margin,
    Model,
    NewFolder,
    OptionalData,
    Quick,
    Run,
    Seed,
    SplitColumn,
    TextColumn,
    Threads,
)
from leanglot.errors import ConfigError, LeanglotError

if TYPE_CHECKING:
    from leanglot.config import DataConfig, RunConfig
    from leanglot.exam import Effort
    from leanglot.report.live import LiveProgress
    from leanglot.steps import Setting

app = typer.Typer(
    name="leanglot",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - the callback of a flag gets its value
    if asked:
        from leanglot import __version__

        typer.echo(f"leanglot {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Makes multilingual language models small and fast, and shows, by language, whether anybody paid for it."""


@app.command()
def demo(
    quick: Quick = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder.", metavar="FOLDER")] = Path("runs/demo"),
) -> None:
    """Do the main job on the demo model and the demo data."""
    from leanglot.demo import prepare_demo

    console = _console()
    with console.status("Preparing the demo model and its sentences (first time: 95 MB to download)"):
        config = prepare_demo(out, quick=quick)
    typer.echo(f"Model {config.model}\nData  {config.data.path}")
    _optimize(config, quick=quick)


@app.command()
def optimize(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="A config file, a model folder, or a name on the hub.")],
    data: OptionalData = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run folder.", metavar="FOLDER")] = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    language_column: LanguageColumn = "language",
    group_column: GroupColumn = None,
    split_column: SplitColumn = None,
    margin: Margin = 0.01,
    alpha: Alpha = 0.05,
    threads: Threads = None,
    seed: Seed = 0,
    limit: Limit = None,
    max_length: Annotated[int | None, typer.Option(min=4, help="Longest input in tokens.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Recommend certified candidates only.")] = False,
    allow_pickle: AllowPickle = False,
    quick: Quick = False,
) -> None:
    """Measure, compress, judge every language and recommend; CONFIG.yaml, or MODEL with --data."""
    from leanglot.config import load_config, make_config

    if Path(source).suffix.lower() in {".yaml", ".yml"}:
        _refuse_beside_a_config(context, source)
        config = load_config(Path(source))
        config = config if out is None else config.model_copy(update={"output": out})
    else:
        if data is None:
            raise ConfigError(
                f"{source} is a model, and nothing says what to judge it on.",
                "Add --data FILE, or give a config file that ends in .yaml.",
            )
        columns = _columns(text_column, label_column, language_column, group_column, split_column)
        values: dict[str, Any] = {
            "model": source,
            "data": {"path": data, "columns": columns},
            "margin": margin,
        }
        values |= {"alpha": alpha, "threads": threads, "seed": seed, "limit_per_language": limit}
        values |= {"max_length": max_length, "strict": strict, "allow_pickle": allow_pickle}
        config = make_config(values if out is None else values | {"output": out}, "The options")
    _optimize(config, quick=quick)


@app.command()
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
    as_json: AsJson = False,
) -> None:
    """Measure quality by language; with --against, judge every language."""
    from leanglot.report.single import evaluation_table
    from leanglot.steps import evaluate as evaluate_step

    columns = _columns(text_column, label_column, language_column, group_column, split_column)
    setting = _setting(data, columns, threads, limit, seed, allow_pickle=allow_pickle)
    with _live(Console(stderr=True)) as progress:
        found = evaluate_step(model, setting, against, margin, alpha, progress)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        _console().print(evaluation_table(found.quality, found.verdicts, found.remarks))


@app.command()
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

    columns = _columns(text_column, label_column, language_column, None, None)
    setting = _setting(data, columns, threads, limit, seed, allow_pickle=allow_pickle)
    with _live(Console(stderr=True)) as progress:
        found = benchmark_step(model, setting, against, _effort(quick=quick), progress)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        _console().print(benchmark_table(found.speed, found.cold_start, found.weight))


@app.command()
def quantize(
    model: Model,
    out: NewFolder,
    embeddings: Annotated[bool, typer.Option(help="Store the embedding table as INT8 rows.")] = True,
    per_channel: Annotated[bool, typer.Option(help="One scale per output channel.")] = True,
    reduce_range: Annotated[
        bool | None, typer.Option(help="7-bit weights; by default decided by this machine's instruction set.")
    ] = None,
    allow_pickle: AllowPickle = False,
    force: Force = False,
) -> None:
    """Write an ONNX artifact with dynamic INT8 weights."""
    from leanglot.techniques import Int8

    step = Int8(embeddings=embeddings, per_channel=per_channel, reduce_range=reduce_range)
    _transform(model, out, "int8", "onnxruntime", [step], allow_pickle=allow_pickle, force=force)


@app.command()
def prune(
    model: Model,
    out: NewFolder,
    sparsity: Annotated[float, typer.Option(help="Share of the linear layers' weights set to zero, in [0, 1).")],
    scope: Annotated[str, typer.Option(help="global: one ranking of all layers; layer: each layer's own.")] = "global",
    runtime: Annotated[str, typer.Option(help="pytorch or onnxruntime.")] = "pytorch",
    allow_pickle: AllowPickle = False,
    force: Force = False,
) -> None:
    """Write an artifact whose smallest weights are zero."""
    step = {"technique": "magnitude", "sparsity": sparsity, "scope": scope}
    _transform(model, out, "pruned", runtime, [step], allow_pickle=allow_pickle, force=force)


@app.command()
def export(model: Model, out: NewFolder, allow_pickle: AllowPickle = False, force: Force = False) -> None:
    """Write an ONNX artifact in FP32."""
    _transform(model, out, "onnx-fp32", "onnxruntime", [], allow_pickle=allow_pickle, force=force)


@app.command()
def report(run: Run) -> None:
    """Write report.html, report.md and the charts again from the stored results."""
    from leanglot.report.files import write_report
    from leanglot.results.folder import read_report

    folder = run.parent if run.is_file() else run
    write_report(read_report(run), folder)
    typer.echo(f"Wrote {folder / 'report.html'}")


@app.command()
def recommend(
    run: Run,
    strict: Annotated[bool, typer.Option("--strict", help="Recommend certified candidates only.")] = False,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(help="Allowed drop of the accuracy for a goal, such as speed=0.02."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recommend again from the stored results."""
    from leanglot.decide.recommend import recommend as recommend_from
    from leanglot.report.terminal import render_recommendations
    from leanglot.results.folder import read_report

    stored = read_report(run)
    found = recommend_from(stored.candidates, tolerances=_tolerances(tolerance or []), strict=strict)
    updated = stored.model_copy(update={"recommendations": found})
    if as_json:
        typer.echo(json.dumps({goal: answer.model_dump() for goal, answer in found.items()}, indent=2))
    else:
        _console().print(render_recommendations(updated))


@app.command()
def doctor() -> None:
    """Show what this machine and this installation can do."""
    from leanglot.report.doctor import doctor_table
    from leanglot.results.environment import available_cores, read_environment

    _console().print(doctor_table(read_environment(available_cores())))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error of ours is one message and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a pipe that cannot write a sign gets "?", not a traceback
    try:
        app(args=None if arguments is None else list(arguments))
    except LeanglotError as error:
        console = Console(stderr=True)
        console.print("[bold red]Error:[/] ", end="")
        console.print(error.message, markup=False, highlight=False, soft_wrap=True)
        if error.hint:
            console.print(error.hint, markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)


def _console() -> Console:
    """The terminal as wide as it is; a pipe or a file as wide as the tables need."""
    console = Console()
    return console if console.is_terminal else Console(width=100)


def _optimize(config: "RunConfig", *, quick: bool) -> None:
    from leanglot.pipeline import optimize as optimize_run
    from leanglot.report.terminal import render_tables

    console = _console()
    try:
        with _live(console) as progress:
            found = optimize_run(config, progress, _effort(quick=quick))
    except KeyboardInterrupt:
        typer.echo("Stopped. Run the same command again: what was finished is kept.", err=True)
        raise typer.Exit(130) from None
    console.print(render_tables(found))
    typer.echo(f"Report: {config.output / 'report.html'}")


def _refuse_beside_a_config(context: typer.Context, source: str) -> None:
    """Options that a config file would silently win over."""
    sources = {name: context.get_parameter_source(name) for name in context.params.keys() - {"source", "out", "quick"}}
    typed = sorted(name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE")
    given = [f"--{name.replace('_', '-')}" for name in typed]
    if given:
        raise ConfigError(
            f"{source} is a config file, so {', '.join(given)} {'has' if len(given) == 1 else 'have'} no effect.",
            "Set it in the file; beside a config file only --out and --quick are taken.",
        )


def _live(console: Console) -> "LiveProgress":
    from leanglot.report.live import LiveProgress

    return LiveProgress(console)


def _effort(*, quick: bool) -> "Effort":
    from leanglot.exam import FULL
    from leanglot.exam import QUICK as LITTLE

    return LITTLE if quick else FULL


def _tolerances(options: Sequence[str]) -> dict[Any, float]:
    """``goal=0.01`` for each goal; the goals themselves are checked where they are used."""
    found = {}
    for option in options:
        goal, _, number = option.partition("=")
        try:
            found[goal] = float(number)
        except ValueError:
            raise ConfigError(
                f"--tolerance {option} is not of the form goal=0.01.", "For example: speed=0.02."
            ) from None
    return found


def _columns(text: str, label: str, language: str, group: str | None, split: str | None) -> dict[str, str | None]:
    return {"text": text, "label": label, "language": language, "group": group, "split": split}


def _setting(
    data: Path,
    columns: dict[str, str | None],
    threads: int | None,
    limit: int | None,
    seed: int,
    *,
    allow_pickle: bool,
) -> "Setting":
    from leanglot.steps import Setting

    source: DataConfig = _data_config(data, columns)
    return Setting(data=source, threads=threads, limit=limit, seed=seed, allow_pickle=allow_pickle)


def _data_config(data: Path, columns: dict[str, str | None]) -> "DataConfig":
    from leanglot.config import make_data

    return make_data({"path": data, "columns": columns})


def _transform(
    model: str, out: Path, name: str, runtime: str, recipe: list[Any], *, allow_pickle: bool, force: bool
) -> None:
    from leanglot.config import make_candidate
    from leanglot.report.single import artifact_summary
    from leanglot.steps import transform

    candidate = make_candidate({"name": name, "runtime": runtime, "recipe": recipe})
    manifest = transform(model, candidate, out, allow_pickle=allow_pickle, force=force)
    typer.echo(artifact_summary(manifest, out))


if __name__ == "__main__":
    main()
