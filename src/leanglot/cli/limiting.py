"""The subcommand that searches how far a translation model can be cut."""

from pathlib import Path
from typing import Annotated, Any

import typer

from leanglot.cli.console import output, stoppable
from leanglot.cli.options import AllowPickle, Alpha, AsJson, Beam, Data, Limit, Model, Seed
from leanglot.cli.parsing import make_translation, refuse_idle


def search_limits(
    context: typer.Context,
    model: Model,
    data: Data,
    max_drop: Annotated[
        float, typer.Option(help="No language pair may lose so much of the metric; 0.01 is one point.")
    ] = 0.01,
    metric: Annotated[str, typer.Option(help="bleu or chrf.", metavar="NAME")] = "bleu",
    kinds: Annotated[
        str, typer.Option(help="What is cut: some of magnitude and decoder-layers.")
    ] = "magnitude,decoder-layers",
    training: Annotated[
        Path | None, typer.Option(help="Sentences that every probe is trained on again.", metavar="FILE")
    ] = None,
    epochs: Annotated[float, typer.Option(min=1e-6, help="Length of each such training.")] = 1.0,
    precision: Annotated[
        str, typer.Option(help="Of each such training: fp32, or bf16 where hardware has it.")
    ] = "fp32",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the search.", metavar="FOLDER")] = Path(
        "runs/limits"
    ),
    beam: Beam = None,
    alpha: Alpha = 0.05,
    limit: Limit = None,
    seed: Seed = 0,
    allow_pickle: AllowPickle = False,
    as_json: AsJson = False,
) -> None:
    """Find the highest sparsity and the shallowest decoder of a translation model that cost no pair too much."""
    from leanglot.config import make_candidate
    from leanglot.data.parallel_reading import read_parallel, read_parallel_training, sample_per_pair
    from leanglot.models.hub import resolve_model
    from leanglot.models.translation_model import load_translation_model
    from leanglot.report.translation_limits import limits_table
    from leanglot.translating.limits import LimitPlan
    from leanglot.translating.limits import search_limits as search
    from leanglot.tune.translation_limits import LimitRule

    if training is None:
        refuse_idle(context, ("epochs", "precision"), "without --training nothing is trained")
    schedule = {"epochs": epochs, "precision": precision, "seed": seed, "learning_rate": 3e-4}
    step = {"technique": "distil-sequence", "training": schedule}
    recipe: Any = make_candidate({"name": "probe", "runtime": "pytorch", "recipe": [step]}).recipe
    rule = LimitRule(make_translation(metric, beam).metric, max_drop, alpha, seed)
    asked: Any = tuple(kind.strip() for kind in kinds.split(",") if kind.strip())
    learnt = None if training is None else read_parallel_training(training)
    plan = LimitPlan(asked, rule, beam or 1, learnt, recipe[0])
    examples, notes = read_parallel(data)
    examples = examples if limit is None else sample_per_pair(examples, limit, seed)
    loaded = load_translation_model(resolve_model(model, allow_pickle=allow_pickle), allow_pickle=allow_pickle)
    with stoppable(lambda: f"Its probes are kept in {out}: call it again to go on."):
        found = search(loaded, examples, out, plan, lambda text: typer.echo(text, err=True))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    output().print(limits_table(found))
    typer.echo("\n".join(notes), nl=bool(notes))
    typer.echo(f"Record: {out / 'limits.json'}")
