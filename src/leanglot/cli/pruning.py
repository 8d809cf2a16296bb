"""Subcommands that make a model smaller by leaving out: weights, heads, neurons, layers, pieces of the vocabulary."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console

from leanglot.cli.console import live, output, stoppable
from leanglot.cli.options import (
    AllowPickle,
    Combine,
    CombineTraffic,
    Force,
    ImportanceSamples,
    ImportanceTexts,
    LanguageColumn,
    Method,
    Model,
    NewFolder,
    OptionalData,
    Seed,
    SplitColumn,
    TextColumn,
)
from leanglot.cli.parsing import (
    column_names,
    data_config,
    data_of,
    head_numbers,
    importance_values,
    layer_numbers,
    refuse_idle,
)
from leanglot.errors import ConfigError

if TYPE_CHECKING:
    from leanglot.config import CandidateConfig
    from leanglot.quantizers import Making

_SHARE: Final = "to remove, in [0, 1)"
_TEXT_COLUMNS: Final = ("text_column", "language_column")
_IMPORTANCE: Final = ("method", "combine", "samples", "traffic", "calibration", "seed")


def prune(
    context: typer.Context,
    model: Model,
    out: NewFolder,
    sparsity: Annotated[
        float | None, typer.Option(help="Share of the linear layers' weights set to zero, in [0, 1).")
    ] = None,
    pattern: Annotated[
        str | None, typer.Option(help="N:M instead of a share: 2:4 keeps 2 of each 4 weights.", metavar="N:M")
    ] = None,
    heads: Annotated[float | None, typer.Option(help=f"Share of the attention heads {_SHARE}.")] = None,
    ffn: Annotated[float | None, typer.Option(help=f"Share of the feed-forward neurons {_SHARE}.")] = None,
    layers: Annotated[float | None, typer.Option(help=f"Share of the layers {_SHARE}, rounded down.")] = None,
    remove_heads: Annotated[
        list[str] | None, typer.Option(help="Heads of a layer to remove, such as 0:1,3; repeatable.")
    ] = None,
    remove_layers: Annotated[str | None, typer.Option(help="Layers to remove, such as 1,3,5.")] = None,
    encoder_layers: Annotated[
        int | None, typer.Option(min=1, help="Layers that a translation model's encoder keeps, spread evenly.")
    ] = None,
    decoder_layers: Annotated[
        int | None, typer.Option(min=1, help="Layers that a translation model's decoder keeps, spread evenly.")
    ] = None,
    scope: Annotated[
        str, typer.Option(help="global: one ranking of all layers; layer: the same share of each.")
    ] = "global",
    combine: Combine = "worst",
    method: Method = "taylor",
    calibration: ImportanceTexts = None,
    samples: ImportanceSamples = 512,
    traffic: CombineTraffic = None,
    chart: Annotated[
        Path | None, typer.Option(help="Draw what was chosen by into this folder.", metavar="FOLDER")
    ] = None,
    runtime: Annotated[str, typer.Option(help="pytorch, onnxruntime, openvino or ctranslate2.")] = "pytorch",
    text_column: TextColumn = "text",
    language_column: LanguageColumn = "language",
    split_column: SplitColumn = None,
    seed: Seed = 0,
    allow_pickle: AllowPickle = False,
    force: Force = False,
) -> None:
    """Write an artifact with fewer layers, heads or neurons, cut out of the weights; or with zeros for weights."""
    from leanglot.config import make_candidate
    from leanglot.steps import make_making
    from leanglot.translating.tasks import translates

    importance = importance_values(method, combine, samples, traffic, seed)
    sides = {"encoder": encoder_layers, "decoder": decoder_layers}
    recipe = [
        *([{"technique": "side-layers", **sides}] if any(sides.values()) else []),
        *_structured("layers", layers, layer_numbers(remove_layers), importance, {}),
        *_structured("heads", heads, head_numbers(remove_heads or []), importance, {"scope": scope}),
        *_structured("ffn", ffn, None, importance, {"scope": scope}),
    ]
    if sparsity is not None or pattern is not None:
        recipe.append({"technique": "magnitude", "scope": scope, "sparsity": sparsity, "pattern": pattern})
    if not recipe:
        raise ConfigError(
            "Nothing says what to prune.",
            "Add --heads, --ffn or --layers with a share to cut out, or --sparsity or --pattern for zeros; for a "
            "translation model --decoder-layers or --encoder-layers in place of --layers.",
        )
    if not any("importance" in step for step in recipe):
        refuse_idle(context, _IMPORTANCE, "importance is measured for --heads, --ffn and --layers only")
    candidate = make_candidate({"name": "pruned", "runtime": runtime, "recipe": recipe})
    if translates(model, allow_pickle=allow_pickle):
        refuse_idle(context, _TEXT_COLUMNS, "translation models learn from the columns source and target")
        _make_translation(model, candidate, out, (calibration, split_column), allow_pickle=allow_pickle, force=force)
        if chart is not None:
            _draw(out, chart)
        return
    columns = column_names(text_column, "label", language_column, None, split_column)
    making = make_making(None, data_of(calibration, columns))
    _make(model, candidate, out, making, allow_pickle=allow_pickle, force=force)
    if chart is not None:
        _draw(out, chart)


def trim_vocabulary(
    context: typer.Context,
    model: Model,
    texts: Annotated[
        Path, typer.Option(help="Texts that show what the languages use, labelled or not.", metavar="FILE")
    ],
    out: NewFolder,
    languages: Annotated[
        str | None, typer.Option(help="Languages to keep, such as de,en,th; all of the texts by default.")
    ] = None,
    coverage: Annotated[
        float, typer.Option(help="Share of each language's tokens whose pieces stay, in (0, 1].")
    ] = 1.0,
    neighbours: Annotated[
        bool, typer.Option("--neighbours", help="Also keep pieces close to those used: for few texts.")
    ] = False,
    side: Annotated[
        str, typer.Option(help="Of a translation model with a vocabulary for each side: both, source or target.")
    ] = "both",
    data: OptionalData = None,
    runtime: Annotated[str, typer.Option(help="pytorch, onnxruntime, openvino or ctranslate2.")] = "pytorch",
    text_column: TextColumn = "text",
    language_column: LanguageColumn = "language",
    split_column: SplitColumn = None,
    allow_pickle: AllowPickle = False,
    force: Force = False,
) -> None:
    """Write an artifact whose vocabulary holds what the languages use; --data shows what that does to other texts."""
    from leanglot.config import make_candidate
    from leanglot.data.pool import read_texts
    from leanglot.report.retokenized import retokenized_table
    from leanglot.results.manifest import read_manifest
    from leanglot.retokenizing import check_unseen, compare_trimmed
    from leanglot.steps import make_making
    from leanglot.translating.tasks import translates

    kept = None if languages is None else [tag.strip() for tag in languages.split(",") if tag.strip()]
    step = {"technique": "trim-vocabulary", "languages": kept, "coverage": coverage, "neighbours": neighbours}
    candidate = make_candidate({"name": "trimmed", "runtime": runtime, "recipe": [{**step, "side": side}]})
    if translates(model, allow_pickle=allow_pickle):
        refuse_idle(context, ("data",), "what trimming does to a translation model is judged by evaluate --against")
        refuse_idle(context, _TEXT_COLUMNS, "translation models learn from the columns source and target")
        _make_translation(model, candidate, out, (texts, split_column), allow_pickle=allow_pickle, force=force)
        return
    columns = column_names(text_column, "label", language_column, None, split_column)
    making = make_making(None, None, corpus=data_of(texts, columns))
    others = None
    if data is not None:
        unseen = data_config(data, columns | {"split": "none"})
        others = read_texts(unseen.path, unseen.columns)
        check_unseen(others, making.corpus)
    _make(model, candidate, out, making, allow_pickle=allow_pickle, force=force)
    if others is not None:
        with live(Console(stderr=True)) as progress:
            found, unchanged = compare_trimmed(
                model, out, others, making.corpus, allow_pickle=allow_pickle, observer=progress
            )
        output().print(retokenized_table(found, unchanged, read_manifest(out).vocabulary))


def _structured(
    technique: str, share: float | None, named: object, importance: dict[str, Any], scope: dict[str, str]
) -> list[dict[str, Any]]:
    """The steps that cut out a share of heads, neurons or layers, and those that were named."""
    by_share = [{"technique": technique, "sparsity": share, **scope, "importance": importance}]
    return [*(by_share if share is not None else []), *([{"technique": technique, "remove": named}] if named else [])]


def _make(
    model: str, candidate: "CandidateConfig", out: Path, making: "Making", *, allow_pickle: bool, force: bool
) -> None:
    from dataclasses import replace

    from leanglot.effects import measure_effect
    from leanglot.progress import Telling
    from leanglot.report.effect import effect_lines
    from leanglot.report.single import artifact_summary
    from leanglot.results.manifest import MANIFEST_NAME
    from leanglot.steps import transform

    console, name = Console(stderr=True), out.name

    def left() -> str:
        return "It is made, and was not timed." if (out / MANIFEST_NAME).exists() else "Nothing was written."

    with stoppable(left), live(console) as progress:
        progress.plan([name])
        making = replace(making, tell=Telling(progress, name))
        manifest = transform(model, candidate, out, making, allow_pickle=allow_pickle, force=force)
        progress.enter(name, "timing")
        effect = measure_effect(model, out, allow_pickle=allow_pickle)
        progress.enter(name, "done")
    typer.echo(artifact_summary(manifest, out))
    typer.echo(effect_lines(effect))


def _make_translation(
    model: str,
    candidate: "CandidateConfig",
    out: Path,
    lessons: tuple[Path | None, str | None],
    *,
    allow_pickle: bool,
    force: bool,
) -> None:
    """Carry out steps on a translation model; `lessons` are the file of parallel sentences and its split column."""
    from dataclasses import replace

    from leanglot.progress import Telling
    from leanglot.report.single import artifact_summary
    from leanglot.translating.transforming import make_translation_making, transform_translation

    path, split = lessons
    with stoppable(lambda: "Nothing was written."), live(Console(stderr=True)) as progress:
        progress.plan([out.name])
        making = make_translation_making(None, data_of(path, {"split": split}))
        making = replace(making, tell=Telling(progress, out.name))
        manifest = transform_translation(model, candidate, out, making, allow_pickle=allow_pickle, force=force)
        progress.enter(out.name, "done")
    typer.echo(artifact_summary(manifest, out))


def _draw(artifact: Path, folder: Path) -> None:
    from leanglot.importances import draw_importance
    from leanglot.results.manifest import read_manifest

    charts = draw_importance(artifact, read_manifest(artifact).name, folder)
    typer.echo("\n".join(f"Chart: {path}" for path in charts) or "No importance was measured: there is none to draw.")
