"""Makes a candidate's artifact: the recipe's steps on the model, the export, the recipe's steps on the graph."""

import shutil
import tempfile
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Final

from leanglot.compress import qat
from leanglot.compress.static_int8 import quantize_within
from leanglot.config import CandidateConfig
from leanglot.errors import RecipeError
from leanglot.export.onnx import export_onnx
from leanglot.export.openvino import export_openvino
from leanglot.measure.subject import describe
from leanglot.measure.threads import search_threads
from leanglot.models import openvino_graph
from leanglot.models.graph import DATA_NAME, GRAPH_NAME
from leanglot.models.text_classifier import TextClassifier, save_text_classifier, save_tokenizer
from leanglot.quantizers import Calibrated, Making, calibrate, expectations, quantize_graph, quantize_module, resolve
from leanglot.results.importance import write_importance
from leanglot.results.manifest import Manifest, read_manifest, rewrite_manifest, write_manifest
from leanglot.results.monitor_baseline import MONITOR_BASELINE_NAME
from leanglot.runtimes.loading import load, load_tokenizer
from leanglot.schooling import gaps, lessons
from leanglot.shapers import Shape, carry_out
from leanglot.techniques import ModelStep, PostTraining, Quantization, QuantizationAware, Recipe, Runtime
from leanglot.techniques.support import task_fault

_MADE_BY: Final = ("leanglot", "torch", "transformers", "tokenizers", "onnx", "onnxruntime")
_MADE_BY_TOO: Final[dict[Runtime, tuple[str, ...]]] = {
    "onnxruntime": (),
    "pytorch": ("torchao",),
    "openvino": ("openvino", "nncf"),
    "ctranslate2": ("ctranslate2",),
}
_MODEL_FILES: Final[dict[Runtime, str]] = {
    "pytorch": "model.safetensors",
    "onnxruntime": GRAPH_NAME,
    "openvino": openvino_graph.GRAPH_NAME,
    "ctranslate2": "model.bin",
}
_GRAPH_FILES: Final = frozenset({GRAPH_NAME, DATA_NAME, openvino_graph.GRAPH_NAME, openvino_graph.DATA_NAME})


def make_artifact(
    model: TextClassifier,
    candidate: CandidateConfig,
    folder: Path,
    making: Making,
    exported: Path | None = None,
) -> Manifest:
    """Carry out a candidate's recipe and write a complete artifact.

    Args:
        model: The baseline; left as it is.
        candidate: Name, runtime and recipe: steps on the model first, then the quantization.
        folder: An existing, empty folder.
        making: The target machine, and texts for calibration.
        exported: An artifact for the same engine that is this candidate before its quantization, where there is one:
            neither the steps on the model nor the export are then repeated.

    Returns:
        The manifest that was written.

    Raises:
        RecipeError: A step does not fit the model.
    """
    if (fault := task_fault(candidate.recipe, candidate.runtime, "text-classification")) is not None:
        raise RecipeError(f"{fault[:1].upper()}{fault[1:]}.", "Leave it out.")
    on_model, last = _parts(candidate.recipe)
    if exported is not None and isinstance(last, PostTraining):
        return quantize_artifact(exported, candidate.model_copy(update={"recipe": (last,)}), folder, making)
    shape = carry_out(model, on_model, making)
    if shape.importance:
        write_importance(folder, shape.importance)
    if isinstance(last, QuantizationAware):
        return _train_and_quantize(model, shape, candidate, qat.resolve(last, making.isa), folder, making)
    step = last if isinstance(last, PostTraining) else None
    step = None if step is None else resolve(step, candidate.runtime, making.isa)
    texts = None if step is None else calibrate(shape.model.tokenizer, shape.model.pad_id, step, making)
    notes = _write(shape.model, candidate.runtime, step, texts, folder)
    recipe = (*shape.model.recipe, *(() if step is None else (step,)))
    facts = _facts(candidate, recipe, making, texts, (*shape.notes, *notes))
    return write_manifest(folder, describe(shape.model).model_copy(update=facts))


def _train_and_quantize(
    origin: TextClassifier,
    shape: Shape,
    candidate: CandidateConfig,
    step: QuantizationAware,
    folder: Path,
    making: Making,
) -> Manifest:
    """Train a model for its quantization, and write the quantized graph."""
    with lessons("qat", making, origin) as given:
        aware = qat.train_aware(shape.model, step, given)
    with tempfile.TemporaryDirectory(dir=folder, prefix="export-") as inside:
        export_onnx(aware.model, Path(inside))
        notes = quantize_within(Path(inside), folder, step.scheme, aware.ranges).notes
    aware.model.module.config.save_pretrained(str(folder))
    save_tokenizer(aware.model, folder)
    told = (*shape.notes, *aware.notes, *gaps(making), *notes)
    facts = _facts(candidate, (*shape.model.recipe, step), making, None, told)
    return write_manifest(folder, describe(aware.model).model_copy(update=facts))


def quantize_artifact(source: Path, candidate: CandidateConfig, folder: Path, making: Making) -> Manifest:
    """Carry out a recipe of one quantization, starting from an artifact that holds a graph.

    Args:
        source: An artifact for ONNX Runtime or OpenVINO; left as it is.
        candidate: Name, runtime and recipe.
        folder: An existing, empty folder.
        making: The target machine, and texts for calibration.

    Returns:
        The manifest that was written; its recipe is the source's and the new step.

    Raises:
        RecipeError: The step works on a PyTorch model, or the graph is quantized already.
    """
    manifest = read_manifest(source)
    on_model, last = _parts(candidate.recipe)
    if not isinstance(last, PostTraining) or on_model or candidate.runtime != manifest.runtime:
        asked = ", ".join(step.technique for step in candidate.recipe) or "an export"
        other = "" if on_model or last is None else f" for {candidate.runtime}"
        raise RecipeError(
            f"{source} holds a graph for {manifest.runtime}, and {asked}{other} starts from a PyTorch model.",
            "Give the model folder that the artifact was made from.",
        )
    check_unquantized(source, manifest)
    step = resolve(last, candidate.runtime, making.isa)
    texts = calibrate(load_tokenizer(source, manifest), manifest.pad_id, step, making)
    notes = quantize_graph(manifest.runtime, source, folder, step, texts)
    for name in manifest.files:
        if name not in _GRAPH_FILES and name != MONITOR_BASELINE_NAME:  # which tells what the source answered
            shutil.copyfile(source / name, folder / name)
    facts = _facts(candidate, (*manifest.recipe, step), making, texts, (*manifest.notes, *notes))
    return write_manifest(folder, manifest.model_copy(update=facts))


def check_unquantized(source: Path, manifest: Manifest) -> None:
    """Refuses an artifact that is quantized already.

    Raises:
        RecipeError: It is.
    """
    if quantization_of(manifest.recipe) is not None:
        raise RecipeError(f"{source} is quantized already.", "Give the model, or its FP32 export.")


def knowing_threads(folder: Path, manifest: Manifest, most: int) -> Manifest:
    """Search how many threads answer fastest on this machine, and have the artifact know.

    Args:
        folder: The artifact.
        manifest: Its manifest.
        most: Most threads to try.
    """
    search = search_threads(partial(load, folder), most)
    facts = {"threads": search.best, "threads_p50_ms": search.p50_ms}
    return rewrite_manifest(folder, manifest.model_copy(update=facts))


def quantization_of(recipe: Recipe) -> Quantization | None:
    """The step of a recipe that quantizes; None where none does."""
    return _parts(recipe)[1]


def steps_on_model(recipe: Recipe) -> tuple[ModelStep, ...]:
    """The steps of a recipe that come before the export."""
    return _parts(recipe)[0]


def versions(runtime: Runtime) -> dict[str, str]:
    """Versions of the packages that shape an artifact."""
    found = {package: metadata.version(package) for package in _MADE_BY}
    for package in _MADE_BY_TOO[runtime]:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _parts(recipe: Recipe) -> tuple[tuple[ModelStep, ...], Quantization | None]:
    """The steps on the model, and the quantization that ends the recipe."""
    on_model = tuple(step for step in recipe if isinstance(step, ModelStep))
    last = [step for step in recipe if isinstance(step, Quantization)]
    return on_model, last[-1] if last else None


def _write(
    model: TextClassifier, runtime: Runtime, step: PostTraining | None, texts: Calibrated | None, folder: Path
) -> tuple[str, ...]:
    """Write everything but the manifest; returns what was noticed."""
    if runtime == "pytorch":
        if step is None:
            save_text_classifier(model, folder)
        else:
            quantize_module(model, step, folder)
        return ()
    notes: tuple[str, ...] = ()
    if step is None:
        _export(model, runtime, folder)
    else:
        with tempfile.TemporaryDirectory(dir=folder, prefix="export-") as inside:
            _export(model, runtime, Path(inside))
            notes = quantize_graph(runtime, Path(inside), folder, step, texts)
    model.module.config.save_pretrained(str(folder))
    save_tokenizer(model, folder)
    return notes


def _export(model: TextClassifier, runtime: Runtime, folder: Path) -> None:
    if runtime == "onnxruntime":
        export_onnx(model, folder)
    else:
        export_openvino(model, folder)


def _facts(
    candidate: CandidateConfig, recipe: Recipe, making: Making, texts: Calibrated | None, notes: tuple[str, ...]
) -> dict[str, object]:
    """What the manifest says of how the artifact was made."""
    step = quantization_of(recipe)
    expected = () if step is None else expectations(step, candidate.runtime, making.isa)
    return {
        "name": candidate.name,
        "runtime": candidate.runtime,
        "model_file": _MODEL_FILES[candidate.runtime],
        "recipe": recipe,
        "versions": versions(candidate.runtime),
        "target_isa": () if step is None else making.isa,
        "calibration": {} if texts is None else texts.texts.counts,
        "notes": (*expected, *notes, *(() if texts is None else texts.texts.notes)),
    }
