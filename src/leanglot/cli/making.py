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


def prune(
    model: Model,
    out: NewFolder,
    sparsity: Annotated[float, typer.Option(help="Share of the linear layers' weights set to zero, in [0, 1).")],
    scope: Annotated[str, typer.Option(help="global: one ranking of all layers; layer: each layer's own.")] = "global",
    runtime: Annotated[str, typer.Option(help="pytorch, onnxruntime or openvino.")] = "pytorch",
    allow_pickle: AllowPickle = False,
    force: Force = False,
) -> None:
    """Write an artifact whose smallest weights are zero."""
    step = {"technique": "magnitude", "sparsity": sparsity, "scope": scope}
    _transform(model, out, "pruned", runtime, [step], allow_pickle=allow_pickle, force=force)


def export(
    model: Model,
    out: NewFolder,
    runtime: Annotated[str, typer.Option(help="onnxruntime or openvino.")] = "onnxruntime",
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

    candidate = make_candidate({"name": name, "runtime": runtime, "recipe": recipe})
    manifest = transform(model, candidate, out, allow_pickle=allow_pickle, force=force)
    typer.echo(artifact_summary(manifest, out))
