"""Subcommands on whole runs: do one, and read it again."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leanglot.cli.console import live, output, stoppable
from leanglot.cli.options import (
    AllowPickle,
    Alpha,
    AsJson,
    Beam,
    Budget,
    CostsFile,
    GroupColumn,
    LabelColumn,
    LanguageColumn,
    Limit,
    LogFolder,
    LogWith,
    Margin,
    Metric,
    NormalizeTraffic,
    OptionalData,
    Quick,
    RecipeOption,
    Run,
    Salvage,
    Search,
    SearchTrain,
    SearchTrials,
    Seed,
    SplitColumn,
    TargetIsa,
    TextColumn,
    Threads,
)
from leanglot.cli.parsing import chosen_effort, column_names, costs_of, log_values, read_tolerances, search_values
from leanglot.cli.stored import read_stored
from leanglot.errors import ConfigError

if TYPE_CHECKING:
    from leanglot.config import RunConfig
    from leanglot.results.records import RunReport


def demo(
    quick: Quick = False,
    recipe: RecipeOption = None,
    search: Search = False,
    budget: Budget = None,
    search_trials: SearchTrials = None,
    search_train: SearchTrain = True,
    translation: Annotated[
        bool, typer.Option("--translation", help="Take the demo's translation model and its parallel strings.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Run folder; runs/demo or runs/demo-translation.", metavar="FOLDER"),
    ] = None,
) -> None:
    """Do the main job on the demo model and the demo data."""
    from leanglot.config import SearchConfig
    from leanglot.demo import prepare_demo

    if translation:
        if search:
            raise ConfigError("--search is for classifiers.", "Leave it out of --translation.")
        _demo_translation(out or Path("runs/demo-translation"), recipe, quick=quick)
        return
    out = out or Path("runs/demo")
    wanted = search_values(search=search, budget=budget, trials=search_trials, train=search_train, recipe=recipe)
    console = output()
    with console.status("Preparing the demo model and its sentences (first time: 95 MB to download)"):
        config = prepare_demo(out, quick=quick, recipes=recipe)
    if wanted is not None:
        config = config.model_copy(update={"search": SearchConfig.model_validate(wanted)})
    typer.echo(f"Model {config.model}\nData  {config.data.path}")
    _optimize(config, quick=quick)


def _demo_translation(out: Path, recipe: Path | None, *, quick: bool) -> None:
    from leanglot.translating.demo import prepare_translation_demo

    with output().status("Preparing the translation demo's strings (first time: 51 MB to download)"):
        config = prepare_translation_demo(out, quick=quick, recipes=recipe)
    typer.echo(f"Model {config.model}\nData  {config.data.path}")
    _optimize(config, quick=quick)


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
    target_isa: TargetIsa = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Texts for static activations, importance and repair, none of them judged.")
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option(help="Texts that show what the vocabulary is needed for: adds trimmed candidates.")
    ] = None,
    training: Annotated[
        Path | None, typer.Option(help="Examples to train on, labelled or not, none of them judged.")
    ] = None,
    recipe: RecipeOption = None,
    search: Search = False,
    budget: Budget = None,
    search_trials: SearchTrials = None,
    search_train: SearchTrain = True,
    steps: Annotated[bool, typer.Option(help="Measure candidates of several steps after each of them too.")] = True,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put layers of quantized candidates that harm a language back to FP32.")
    ] = False,
    costs: CostsFile = None,
    normalize_traffic: NormalizeTraffic = False,
    route: Annotated[
        bool, typer.Option("--route", help="Spread the languages over candidates, and write a router.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Recommend certified candidates only.")] = False,
    log_with: LogWith = None,
    log_folder: LogFolder = Path("runs/logs"),
    allow_pickle: AllowPickle = False,
    metric: Metric = "chrf",
    beam: Beam = None,
    quick: Quick = False,
) -> None:
    """Measure, compress, judge every language and recommend; CONFIG.yaml, or MODEL with --data."""
    from leanglot.config import load_config, load_recipes, make_config
    from leanglot.translating.tasks import translates

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
        columns = column_names(text_column, label_column, language_column, group_column, split_column)
        values: dict[str, Any] = {
            "model": source,
            "data": {"path": data, "columns": columns},
            "margin": margin,
        }
        values |= {"alpha": alpha, "threads": threads, "seed": seed, "limit_per_language": limit}
        values |= {"max_length": max_length, "strict": strict, "allow_pickle": allow_pickle, "target_isa": target_isa}
        values |= {} if calibration is None else {"calibration": {"path": calibration, "columns": columns}}
        values |= {} if corpus is None else {"corpus": {"path": corpus, "columns": columns}}
        values |= {} if training is None else {"training": {"path": training, "columns": columns}}
        if translates(source, allow_pickle=allow_pickle):
            values |= {"task": "translation", "translation": {"metric": metric, "beam": beam}}
        values |= {} if recipe is None else {"candidates": load_recipes(recipe)}
        wanted = search_values(search=search, budget=budget, trials=search_trials, train=search_train, recipe=recipe)
        values |= {} if wanted is None else {"search": wanted}
        values |= {"repair": {}, "steps": steps} if repair else {"steps": steps}
        prices = costs_of(costs, normalize_traffic=normalize_traffic)
        values |= {} if prices is None else {"costs": prices}
        values |= {"routing": {"strict": strict}} if route else {}
        values |= log_values(context, log_with, log_folder)
        config = make_config(values if out is None else values | {"output": out}, "The options")
    _optimize(config, quick=quick)


def report(
    context: typer.Context,
    run: Run,
    salvage: Salvage = False,
    log_with: LogWith = None,
    log_folder: LogFolder = Path("runs/logs"),
) -> None:
    """Write the page, the text, the spreadsheets, the model card and the charts again from the stored results."""
    from leanglot.config import LogConfig
    from leanglot.report.files import write_report
    from leanglot.report.tracking import log_run, run_log

    wanted = log_values(context, log_with, log_folder)
    folder = run.parent if run.is_file() else run
    log = run_log(LogConfig(**wanted["log"]), folder) if wanted else None
    stored = read_stored(run, salvage=salvage)
    write_report(stored, folder)
    typer.echo(f"Wrote {folder / 'report.html'}")
    if log is not None:
        typer.echo(f"Logged to MLflow as run {log_run(stored, folder, log)} of {log.experiment!r}")


def card(
    run: Run,
    candidate: Annotated[
        str | None, typer.Option(help="Name of the candidate; the recommended one by default.", metavar="NAME")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to write it, such as README.md.", metavar="FILE")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Folder of the base model, whose card tells its licence.", metavar="FOLDER")
    ] = None,
    base_model: Annotated[str | None, typer.Option(help="Name of the base model on the hub.", metavar="ID")] = None,
    licence: Annotated[
        str | None, typer.Option("--license", help="Licence, as the hub abbreviates it.", metavar="ID")
    ] = None,
    salvage: Salvage = False,
) -> None:
    """Write a Hugging Face model card (README.md) of one candidate."""
    from leanglot.report.card import CARD_NAME, choose_candidate, render_card
    from leanglot.report.card_metadata import known_origin
    from leanglot.results.atomic import write_text_atomically

    stored = read_stored(run, salvage=salvage)
    chosen = choose_candidate(stored, candidate)
    text = render_card(stored, chosen, known_origin(model, base_model, licence))
    folder = run.parent if run.is_file() else run
    place = out or folder / (CARD_NAME if candidate is None else f"card-{chosen.name}.md")
    write_text_atomically(place, text)
    typer.echo(f"Wrote {place}: the model card of {chosen.name}")


def recommend(
    run: Run,
    costs: CostsFile = None,
    normalize_traffic: NormalizeTraffic = False,
    strict: Annotated[bool, typer.Option("--strict", help="Recommend certified candidates only.")] = False,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(help="Allowed drop of the accuracy for a goal, such as speed=0.02."),
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Write the answer and the prices into the run: its report, page and charts.")
    ] = False,
    salvage: Salvage = False,
    as_json: AsJson = False,
) -> None:
    """Recommend again from the stored results; with --costs, by what each candidate costs in a month."""
    from leanglot.pricing import recommend_again, save_again
    from leanglot.report.terminal import render_costs, render_recommendations

    if save and salvage:
        raise ConfigError("--save would write over the damaged report.json.", "Leave --save or --salvage out.")
    prices = costs_of(costs, normalize_traffic=normalize_traffic)
    folder = run.parent if run.is_file() else run
    updated = recommend_again(
        read_stored(run, salvage=salvage), folder, prices, read_tolerances(tolerance or []), strict=strict
    )
    if save:
        save_again(updated, run)
    if as_json:
        typer.echo(json.dumps(_answers(updated, priced=prices is not None), indent=2))
        return
    console = output()
    if updated.pricing is not None:
        console.print(render_costs(updated))
    console.print(render_recommendations(updated))
    if save:
        typer.echo(f"Report: {folder / 'report.html'}")


def _answers(report: "RunReport", *, priced: bool) -> dict[str, Any]:
    """The recommendations by goal; where they were just priced, the prices beside them."""
    found: dict[str, Any] = {goal: answer.model_dump() for goal, answer in report.recommendations.items()}
    if not priced or report.pricing is None:
        return found
    costs = {each.name: each.monthly_cost and each.monthly_cost.model_dump() for each in report.candidates}
    return {"recommendations": found, "monthly_cost": costs, "pricing": report.pricing.model_dump()}


def _optimize(config: "RunConfig", *, quick: bool) -> None:
    from leanglot.pipeline import optimize as optimize_run
    from leanglot.report.terminal import render_tables

    console = output()
    with stoppable(), live(console) as progress:
        found = optimize_run(config, progress, chosen_effort(quick=quick))
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
