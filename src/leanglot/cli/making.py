"""Subcommands that make one artifact."""

from pathlib import Path
from typing import Annotated, Any

import typer

from leanglot.cli.options import (
    AllowPickle,
    Force,
    Model,
    NewFolder,
)


def export(
    model: Model,
    out: NewFolder,
    runtime: Annotated[
        str, typer.Option(help="onnxruntime or openvino; for translation models also ctranslate2.")
    ] = "onnxruntime",
    allow_pickle: AllowPickle = False,
    force: Force = False,
) -> None:
    """Write an artifact in FP32 for another engine."""
    _transform(model, out, "fp32", runtime, [], allow_pickle=allow_pickle, force=force)


def _transform(
    model: str, out: Path, name: str, runtime: str, recipe: list[Any], *, allow_pickle: bool, force: bool
) -> None:
    from leanglot.config import make_candidate
    from leanglot.report.single import artifact_summary
    from leanglot.steps import transform
    from leanglot.translating.tasks import translates
    from leanglot.translating.transforming import transform_translation

    candidate = make_candidate({"name": name, "runtime": runtime, "recipe": recipe})
    translating = translates(model, allow_pickle=allow_pickle)
    make = transform_translation if translating else transform
    manifest = make(model, candidate, out, allow_pickle=allow_pickle, force=force)
    typer.echo(artifact_summary(manifest, out))
