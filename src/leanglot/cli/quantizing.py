"""The subcommand that quantizes, with the options of all schemes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from leanglot.cli.console import live, output, show_training
from leanglot.cli.options import (
    AllowPickle,
    Alpha,
    AsJson,
    Force,
    GroupColumn,
    LabelColumn,
    LanguageColumn,
    Limit,
    Margin,
    Model,
    NewFolder,
    OptionalData,
    Seed,
    SplitColumn,
    TargetIsa,
    TextColumn,
)
from leanglot.cli.parsing import column_names, data_of, language_shares, make_setting, refuse_idle
from leanglot.cli.schemes import best_runtime, quantization_step
from leanglot.errors import ConfigError

if TYPE_CHECKING:
    from leanglot.config import CandidateConfig
    from leanglot.quantizers import Making
    from leanglot.steps import Setting


def quantize(
    context: typer.Context,
    model: Model,
    out: NewFolder,
    scheme: Annotated[
        str,
        typer.Option(
            help="int8 (dynamic), int8-static, int8-qat, int8-weights, int4-weights, fp16 or bf16; of translation "
            "models int8, int8-weights, int4-weights, fp16, bf16, int8-fp16 or int8-bf16."
        ),
    ] = "int8",
    runtime: Annotated[
        str | None, typer.Option(help="onnxruntime, pytorch, openvino or ctranslate2; by default the first that can.")
    ] = None,
    target_isa: TargetIsa = None,
    embeddings: Annotated[bool, typer.Option(help="Store the embedding table as INT8 rows.")] = True,
    per_channel: Annotated[bool, typer.Option(help="One scale per output channel.")] = True,
    weights: Annotated[str, typer.Option(help="signed or unsigned INT8 weights.")] = "signed",
    reduce_range: Annotated[
        bool | None, typer.Option(help="7-bit weights; by default decided by the target's instruction set.")
    ] = None,
    block: Annotated[int, typer.Option(help="Weights that share a scale: 32, 64 or 128 (weight-only).")] = 32,
    symmetric: Annotated[bool, typer.Option(help="Without zero points (weight-only).")] = False,
    keep: Annotated[
        list[str] | None, typer.Option(help="Layers that stay in FP32, such as embeddings or layer.0; repeatable.")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Texts for int8-static; of a column split, train rows only.", metavar="FILE")
    ] = None,
    method: Annotated[str, typer.Option(help="minmax, percentile or entropy.")] = "minmax",
    percentile: Annotated[float, typer.Option(help="Share of values inside the range, in percent.")] = 99.99,
    samples: Annotated[int, typer.Option(help="Calibration texts.")] = 512,
    balance: Annotated[
        str, typer.Option(help="Over the languages: uniform, proportional, temperature or traffic.")
    ] = "uniform",
    temperature: Annotated[float, typer.Option(help="For --balance temperature; 1 is proportional.")] = 3.0,
    traffic: Annotated[
        list[str] | None, typer.Option(help="For --balance traffic: a language's share, such as de=0.3; repeatable.")
    ] = None,
    calibration_language: Annotated[
        list[str] | None, typer.Option(help="Draw from this language only; repeatable.")
    ] = None,
    memory_mb: Annotated[int, typer.Option(help="Most memory for observed activations, in MiB.")] = 512,
    training: Annotated[
        Path | None, typer.Option(help="Texts that int8-qat trains on, labelled or not.", metavar="FILE")
    ] = None,
    epochs: Annotated[float, typer.Option(help="Of int8-qat.")] = 1.0,
    learning_rate: Annotated[float, typer.Option(help="Of int8-qat, at its highest.")] = 2e-5,
    ranges: Annotated[str, typer.Option(help="Of int8-qat: learned or observed.")] = "learned",
    audit_calibration: Annotated[
        bool, typer.Option("--audit-calibration", help="Compare with English-only and proportional data, on --data.")
    ] = False,
    data: OptionalData = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    language_column: LanguageColumn = "language",
    group_column: GroupColumn = None,
    split_column: SplitColumn = None,
    limit: Limit = None,
    margin: Margin = 0.01,
    alpha: Alpha = 0.05,
    seed: Seed = 0,
    allow_pickle: AllowPickle = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write an artifact with fewer bits: INT8, INT4 or 16-bit, for ONNX Runtime, PyTorch, OpenVINO or CTranslate2."""
    from leanglot.config import make_candidate
    from leanglot.steps import make_making
    from leanglot.translating.tasks import translates

    given: dict[str, Any] = {"embeddings": embeddings, "per_channel": per_channel, "weights": weights}
    given |= {"reduce_range": reduce_range, "block": block, "symmetric": symmetric, "keep": tuple(keep or ())}
    given |= {"calibration": calibration, "method": method, "percentile": percentile, "samples": samples}
    given |= {"balance": balance, "temperature": temperature, "traffic": language_shares(traffic or []), "data": data}
    given |= {"calibration_language": tuple(calibration_language or ()), "memory_mb": memory_mb, "seed": seed}
    given |= {"training": training, "epochs": epochs, "learning_rate": learning_rate, "ranges": ranges}
    step = quantization_step(scheme, given, context)
    translating = translates(model, allow_pickle=allow_pickle)
    engine = runtime or best_runtime(scheme, "translation" if translating else "text-classification")
    if translating:
        _quantize_translation(context, model, (scheme, engine, step), out, target_isa, force=force)
        return
    candidate = make_candidate({"name": scheme, "runtime": engine, "recipe": [step]})
    columns = column_names(text_column, label_column, language_column, group_column, split_column)
    trains, judged = step["technique"] == "qat", data_of(data, columns)
    texts = None if trains else data_of(calibration or data, columns)
    making = make_making(target_isa, texts, judged, training=data_of(training, columns))
    if trains:
        _train(model, candidate, out, making, allow_pickle=allow_pickle, force=force)
    elif not audit_calibration:
        _make(model, candidate, out, making, allow_pickle=allow_pickle, force=force)
    elif data is None:
        raise ConfigError("--audit-calibration judges languages, and nothing says on what.", "Add --data FILE.")
    else:
        setting = make_setting(data, columns, None, limit, seed, allow_pickle=allow_pickle)
        _audit(model, candidate, out, setting, making, (margin, alpha), force=force, as_json=as_json)


def _quantize_translation(
    context: typer.Context,
    model: str,
    asked: tuple[str, str, dict[str, Any]],
    out: Path,
    target_isa: str | None,
    *,
    force: bool,
) -> None:
    from leanglot.config import make_candidate
    from leanglot.report.single import artifact_summary
    from leanglot.translating.transforming import make_translation_making, transform_translation

    refuse_idle(context, ("audit_calibration",), "translation models are not calibrated")
    scheme, runtime, step = asked
    if runtime == "ctranslate2" and not step.get("embeddings", True):
        refuse_idle(context, ("embeddings",), "CTranslate2 always quantizes the table too")
    candidate = make_candidate({"name": scheme, "runtime": runtime, "recipe": [step]})
    making = make_translation_making(target_isa)
    allow_pickle = bool(context.params["allow_pickle"])
    manifest = transform_translation(model, candidate, out, making, allow_pickle=allow_pickle, force=force)
    typer.echo(artifact_summary(manifest, out))


def _train(
    model: str, candidate: "CandidateConfig", out: Path, making: "Making", *, allow_pickle: bool, force: bool
) -> None:
    from leanglot.distilling import quantize_by_training

    show_training(
        out,
        making,
        lambda told: quantize_by_training(model, candidate, out, told, allow_pickle=allow_pickle, force=force),
    )


def _make(
    model: str, candidate: "CandidateConfig", out: Path, making: "Making", *, allow_pickle: bool, force: bool
) -> None:
    from leanglot.report.single import artifact_summary
    from leanglot.steps import transform

    manifest = transform(model, candidate, out, making, allow_pickle=allow_pickle, force=force)
    typer.echo(artifact_summary(manifest, out))


def _audit(
    model: str,
    candidate: "CandidateConfig",
    out: Path,
    setting: "Setting",
    making: "Making",
    levels: tuple[float, float],
    *,
    force: bool,
    as_json: bool,
) -> None:
    from leanglot.audit import audit_calibration
    from leanglot.report.audit import audit_table
    from leanglot.report.single import artifact_summary

    with live(Console(stderr=True)) as progress:
        audit, manifest = audit_calibration(model, candidate, out, setting, making, levels, progress, force=force)
    if as_json:
        typer.echo(audit.model_dump_json(indent=2))
    else:
        output().print(audit_table(audit))
        typer.echo(artifact_summary(manifest, out))
