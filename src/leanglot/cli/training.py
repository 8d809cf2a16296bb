"""The subcommand that trains: distillation of a student, and recovery of a pruned one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from leanglot.cli.console import live, output, show_training, stoppable
from leanglot.cli.options import (
    AllowPickle,
    Force,
    GroupColumn,
    LabelColumn,
    LanguageColumn,
    Model,
    NewFolder,
    OptionalData,
    Seed,
    SplitColumn,
    TextColumn,
)
from leanglot.cli.parsing import column_names, data_of, language_shares, refuse_idle, was_typed
from leanglot.errors import ConfigError

if TYPE_CHECKING:
    from leanglot.config import CandidateConfig, DataConfig
    from leanglot.distilling import Pair
    from leanglot.quantizers import Making


def distil(
    context: typer.Context,
    model: Model,
    training: Annotated[
        Path,
        typer.Option(
            "--training",
            help="Texts to learn from, labelled or not; of a column split, train rows only.",
            metavar="FILE",
        ),
    ],
    out: NewFolder,
    student: Annotated[
        str | None, typer.Option(help="A model that learns, such as a pruned one, instead of one made here.")
    ] = None,
    layers: Annotated[int | None, typer.Option(help="Layers of the student.")] = None,
    take: Annotated[
        str, typer.Option(help="Which of the model's layers: spread, alternate, first, last or importance.")
    ] = "spread",
    hidden_size: Annotated[int | None, typer.Option(help="Width of a student with new weights.")] = None,
    heads: Annotated[int | None, typer.Option(help="Its attention heads per layer.")] = None,
    ffn: Annotated[int | None, typer.Option(help="Its neurons per layer.")] = None,
    wider: Annotated[bool, typer.Option("--wider", help="It may be larger than its teacher.")] = False,
    temperature: Annotated[float, typer.Option(help="Softens both models' answers; above 0.")] = 4.0,
    alpha: Annotated[float, typer.Option(help="Weight of the teacher against the labels; 0 fine-tunes.")] = 0.7,
    match_hidden: Annotated[
        float, typer.Option(help="Weight of the hidden states' difference; 0 matches the answers alone.")
    ] = 0.0,
    epochs: Annotated[float, typer.Option(help="Examples drawn, as a multiple of those there are.")] = 3.0,
    batch_size: Annotated[int, typer.Option(help="Examples per step, over all processes.")] = 64,
    micro_batch: Annotated[int | None, typer.Option(help="Most examples at once; gradients add up.")] = None,
    learning_rate: Annotated[float, typer.Option(help="At its highest.")] = 1e-4,
    warmup: Annotated[float | None, typer.Option(help="Share of the steps in which it rises; 0.1 by default.")] = None,
    schedule: Annotated[
        str | None, typer.Option(help="How it falls: linear (the default), cosine, or constant.")
    ] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Of all matrices; 0.01 by default.")] = None,
    clip: Annotated[float | None, typer.Option(help="Largest norm of the gradient; 1 by default.")] = None,
    balance: Annotated[
        str, typer.Option(help="Over the languages: uniform, proportional, temperature or traffic.")
    ] = "uniform",
    sampling_temperature: Annotated[float, typer.Option(help="For --balance temperature; 1 is proportional.")] = 3.0,
    traffic: Annotated[
        list[str] | None, typer.Option(help="For --balance traffic: a language's share, such as de=0.3; repeatable.")
    ] = None,
    validation: Annotated[float, typer.Option(help="Share of the examples, by group, that is held out.")] = 0.1,
    patience: Annotated[
        int | None, typer.Option(help="Stop after so many epochs without a better validation, and take the best.")
    ] = None,
    watch: Annotated[str, typer.Option(help="What must get better: the worst language, or the mean.")] = "worst",
    dropout: Annotated[
        float | None, typer.Option(help="Of every layer that has some; the model's own by default.")
    ] = None,
    freeze: Annotated[
        list[str] | None, typer.Option(help="Layers that stay as they are, such as embeddings; repeatable.")
    ] = None,
    precision: Annotated[str, typer.Option(help="fp32, or mixed with bf16 or fp16.")] = "fp32",
    log_with: Annotated[str | None, typer.Option(help="tensorboard or mlflow.")] = None,
    log_folder: Annotated[Path, typer.Option(help="Folder of that log.", metavar="FOLDER")] = Path("runs/logs"),
    corpus: Annotated[
        Path | None, typer.Option(help="First trim the vocabulary to what these texts use.", metavar="FILE")
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Then quantize to INT8, the embedding table too.")] = False,
    runtime: Annotated[
        str | None, typer.Option(help="pytorch, onnxruntime or openvino; with --int8 onnxruntime by default.")
    ] = None,
    data: OptionalData = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    language_column: LanguageColumn = "language",
    group_column: GroupColumn = None,
    split_column: SplitColumn = None,
    seed: Seed = 0,
    allow_pickle: AllowPickle = False,
    force: Force = False,
) -> None:
    """Train a smaller student on the model's answers and on labels; --data shows, by language, what it costs."""
    from leanglot.config import make_candidate
    from leanglot.distilling import Pair
    from leanglot.steps import make_making

    sizes = {"layers": layers, "hidden": hidden_size, "heads": heads, "ffn": ffn}
    schooling: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size, "micro_batch": micro_batch}
    schooling |= {"learning_rate": learning_rate, "balance": balance, "temperature": sampling_temperature, "seed": seed}
    schooling |= {"validation": validation, "patience": patience, "watch": watch, "precision": precision}
    schooling |= {"dropout": dropout, "freeze": tuple(freeze or ())}
    further = {"warmup": warmup, "schedule": schedule, "weight_decay": weight_decay, "clip": clip}
    schooling |= {name: value for name, value in further.items() if value is not None}
    schooling |= {"traffic": language_shares(traffic)} if traffic else {}
    step: dict[str, Any] = {"technique": "distil", "temperature": temperature, "alpha": alpha, "training": schooling}
    step |= {"student": _student(context, student, sizes, take, wider=wider)}
    step |= {"hidden": {"weight": match_hidden}} if match_hidden else {}
    _refuse_idle(context, balance, tracker=log_with, patience=patience, alpha=alpha)
    before: list[Any] = [] if corpus is None else [{"technique": "trim-vocabulary"}]
    behind: list[Any] = [{"technique": "int8", "embeddings": True}] if int8 else []
    engine = runtime or ("onnxruntime" if int8 else "pytorch")
    candidate = make_candidate({"name": "distilled", "runtime": engine, "recipe": [*before, step, *behind]})
    columns = column_names(text_column, label_column, language_column, group_column, split_column)
    judged, texts, shown = (data_of(path, columns) for path in (data, training, corpus))
    making = make_making(None, texts if take == "importance" else None, judged, corpus=shown, training=texts)
    making = _logged(making, log_with, log_folder, out.name)
    _distil(Pair(model, student, allow_pickle=allow_pickle), candidate, out, making, force=force)
    if data is not None:
        _compare(out, model, judged, allow_pickle=allow_pickle)


def _student(
    context: typer.Context, student: str | None, sizes: dict[str, int | None], take: str, *, wider: bool
) -> dict[str, Any] | None:
    """What is trained, as in a config file; None for a model that is there already.

    Raises:
        ConfigError: Nothing says what it is, or two options say different things.
    """
    asked = {name: value for name, value in sizes.items() if value is not None}
    if student is not None:
        refuse_idle(
            context, ("layers", "take", "hidden_size", "heads", "ffn", "wider"), "--student is a model as it is"
        )
        return None
    if not asked:
        if context.params["alpha"] == 0:
            return None
        raise ConfigError(
            "Nothing says what the student is.",
            "Add --layers 6 (of the model's own), sizes (--hidden-size, --heads, --ffn), or --student MODEL, such as a "
            "pruned one; --alpha 0 fine-tunes the model itself.",
        )
    return asked | ({"take": take} if was_typed(context, "take") else {}) | ({"wider": True} if wider else {})


def _refuse_idle(
    context: typer.Context, balance: str, *, tracker: str | None, patience: int | None, alpha: float
) -> None:
    """Refuse options that were typed and have no effect.

    Raises:
        ConfigError: One was.
    """
    if balance != "temperature":
        refuse_idle(context, ("sampling_temperature",), "it is for --balance temperature")
    if tracker is None:
        refuse_idle(context, ("log_folder",), "--log-with says what to log for")
    if patience is None:
        refuse_idle(context, ("watch",), "--patience makes training stop by it")
    if alpha == 0:
        refuse_idle(context, ("temperature",), "with --alpha 0 nothing is learned from the teacher's answers")


def _logged(making: "Making", tracker: str | None, folder: Path, name: str) -> "Making":
    """With a log besides the artifact's own record.

    Raises:
        ConfigError: The log is of no known kind.
    """
    from dataclasses import replace

    from leanglot.train.tracking import make_tracking

    return making if tracker is None else replace(making, tracking=make_tracking(tracker, folder, name))


def _distil(pair: "Pair", candidate: "CandidateConfig", out: Path, making: "Making", *, force: bool) -> None:
    from leanglot.distilling import distil_model
    from leanglot.train.distributed import is_main

    if is_main():
        show_training(out, making, lambda told: distil_model(pair, candidate, out, told, force=force))
    else:
        distil_model(pair, candidate, out, making, force=force)


def _compare(out: Path, teacher: str, judged: "DataConfig | None", *, allow_pickle: bool) -> None:
    """Accuracy and a verdict by language, against the teacher."""
    from leanglot.report.single import evaluation_table
    from leanglot.steps import Setting, evaluate
    from leanglot.train.distributed import is_main

    if judged is None or not is_main():
        return
    with stoppable(), live(Console(stderr=True)) as progress:
        found = evaluate(str(out), Setting(data=judged, allow_pickle=allow_pickle), against=teacher, observer=progress)
    output().print(evaluation_table(found.quality, found.verdicts, found.remarks))
