"""Makes a candidate's artifact: the recipe's steps on the model, the export, the recipe's steps on the graph."""

import shutil
import tempfile
from collections.abc import Collection, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from leanglot.compress import int8, magnitude
from leanglot.config import CandidateConfig
from leanglot.errors import RecipeError
from leanglot.export.onnx import export_onnx
from leanglot.measure.subject import describe
from leanglot.models.graph import DATA_NAME, GRAPH_NAME
from leanglot.models.text_classifier import TextClassifier, save_text_classifier, save_tokenizer
from leanglot.results.manifest import Manifest, read_manifest, write_manifest
from leanglot.techniques import Int8, MagnitudePruning

_PACKAGES: Final = ("leanglot", "torch", "transformers", "tokenizers", "onnx", "onnxruntime")


def make_artifact(
    model: TextClassifier,
    candidate: CandidateConfig,
    folder: Path,
    isa: Collection[str],
    exported: Path | None = None,
) -> Manifest:
    """Carry out a candidate's recipe and write a complete artifact.

    Args:
        model: The baseline; left as it is.
        candidate: Name, runtime and recipe: steps on the model first, then steps on the exported graph.
        folder: An existing, empty folder.
        isa: Instruction-set extensions of the target machine.
        exported: An artifact whose graph is this candidate's before the steps on the graph, where there is one: neither
            the steps on the model nor the export are then repeated.

    Returns:
        The manifest that was written.

    Raises:
        RecipeError: A step does not fit the model.
    """
    on_model = [step for step in candidate.recipe if isinstance(step, MagnitudePruning)]
    on_graph = [int8.resolve(step, isa) for step in candidate.recipe if isinstance(step, Int8)]
    for step in on_model if exported is None else ():
        model = magnitude.prune(model, step)
    if candidate.runtime == "pytorch":
        save_text_classifier(model, folder)
    else:
        _write_graph(model, on_graph, folder, exported)
    manifest = describe(model).model_copy(
        update={
            "name": candidate.name,
            "runtime": candidate.runtime,
            "model_file": "model.safetensors" if candidate.runtime == "pytorch" else GRAPH_NAME,
            "recipe": (*model.recipe, *on_model, *on_graph),
            "versions": _versions(),
        }
    )
    return write_manifest(folder, manifest)


def quantize_artifact(source: Path, candidate: CandidateConfig, folder: Path, isa: Collection[str]) -> Manifest:
    """Carry out a recipe of steps on the graph, starting from an artifact that holds one.

    Args:
        source: An artifact for ONNX Runtime; left as it is.
        candidate: Name and recipe.
        folder: An existing, empty folder.
        isa: Instruction-set extensions of the target machine.

    Returns:
        The manifest that was written; its recipe is the source's and the new steps.

    Raises:
        RecipeError: A step works on a PyTorch model, or the graph is quantized already.
    """
    manifest = read_manifest(source)
    steps = [int8.resolve(step, isa) for step in candidate.recipe if isinstance(step, Int8)]
    if len(steps) != 1 or len(candidate.recipe) != 1:
        asked = ", ".join(step.technique for step in candidate.recipe) or "an export"
        raise RecipeError(
            f"{source} holds an ONNX graph, and {asked} starts from a PyTorch model.",
            "Give the model folder that the artifact was made from.",
        )
    if any(isinstance(step, Int8) for step in manifest.recipe):
        raise RecipeError(f"{source} is quantized already.", "Give the model, or its FP32 export.")
    int8.quantize(source, folder, steps[0])
    for name in manifest.files:
        if name not in {GRAPH_NAME, DATA_NAME}:
            shutil.copyfile(source / name, folder / name)
    changed = {"name": candidate.name, "recipe": (*manifest.recipe, *steps), "versions": _versions()}
    return write_manifest(folder, manifest.model_copy(update=changed))


def _versions() -> dict[str, str]:
    return {package: metadata.version(package) for package in _PACKAGES}


def _write_graph(model: TextClassifier, steps: Sequence[Int8], folder: Path, exported: Path | None) -> None:
    """Export into the artifact's folder; where a step on the graph follows, quantize from an export into it."""
    if not steps:
        export_onnx(model, folder)
    elif exported is not None:
        int8.quantize(exported, folder, steps[0])
    else:
        with tempfile.TemporaryDirectory(dir=folder, prefix="export-") as inside:
            export_onnx(model, Path(inside))
            int8.quantize(Path(inside), folder, steps[0])
    model.module.config.save_pretrained(str(folder))
    save_tokenizer(model, folder)
