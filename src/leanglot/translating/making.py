"""Makes a translation candidate's artifact: the recipe's steps on the model, the export, the quantization."""

import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from leanglot.artifacts import versions
from leanglot.compress.int8 import resolve as resolve_int8
from leanglot.compress.seq2seq_int8 import quantize_seq2seq
from leanglot.compress.seq2seq_openvino import quantize_seq2seq_openvino
from leanglot.compress.seq2seq_pruning import ShapedTranslation
from leanglot.config import CandidateConfig
from leanglot.errors import RecipeError
from leanglot.export.ctranslate2 import MODEL_NAME, export_ctranslate2, weights_for
from leanglot.export.seq2seq_onnx import export_seq2seq_onnx
from leanglot.export.seq2seq_openvino import export_seq2seq_openvino
from leanglot.measure.translation_subject import describe_translation
from leanglot.models.translation_model import TranslationModel, save_translation_model, save_translation_tokenizers
from leanglot.results.environment import available_cores
from leanglot.results.importance import write_importance
from leanglot.results.manifest import Manifest, rewrite_manifest, write_manifest
from leanglot.results.shaping import ImportanceMap
from leanglot.runtimes.loading import load_translator
from leanglot.runtimes.seq2seq_graphs import DECODER_NAME
from leanglot.runtimes.translation_text import TranslationText
from leanglot.techniques import HalfPrecision, Int8, Quantization, Recipe, Runtime, SequenceDistillation, WeightOnly
from leanglot.techniques.support import recipe_fault, task_fault
from leanglot.translating.distilling import distil_translations
from leanglot.translating.materials import TranslationMaking
from leanglot.translating.shaping import carry_out_step
from leanglot.translating.threads import fit_threads, sample_rows

__all__ = ["TranslationMaking", "make_translation_artifact"]

_MODEL_FILES: Final[dict[Runtime, str]] = {
    "pytorch": "model.safetensors",
    "onnxruntime": DECODER_NAME,
    "openvino": "decoder.xml",
    "ctranslate2": MODEL_NAME,
}


@dataclass(frozen=True, slots=True)
class TranslationShape:
    """A model after the steps of a recipe on it.

    Attributes:
        model: Its recipe holds the steps.
        importance: What heads or neurons were chosen by, a map per step that measured it.
        notes: What was noticed on the way, one sentence each.
    """

    model: TranslationModel
    importance: tuple[ImportanceMap, ...] = ()
    notes: tuple[str, ...] = ()


def make_translation_artifact(
    model: TranslationModel, candidate: CandidateConfig, folder: Path, making: TranslationMaking
) -> Manifest:
    """Carry out a candidate's recipe and write a complete artifact.

    Args:
        model: The baseline; left as it is.
        candidate: Name, runtime and recipe: steps on the model first, then the quantization.
        folder: An existing, empty folder.
        making: The target machine, and sentences to learn from.

    Returns:
        The manifest that was written; it knows the fastest number of threads, where none was asked for.

    Raises:
        RecipeError: A step does not fit the model or the engine, or lacks the sentences it learns from.
    """
    runtime = candidate.runtime
    fault = task_fault(candidate.recipe, runtime, "translation") or recipe_fault(candidate.recipe, runtime)
    if fault is not None:
        raise RecipeError(f"{fault[:1].upper()}{fault[1:]}.", "Leave it out.")
    on_model = tuple(step for step in candidate.recipe if not isinstance(step, Quantization))
    last = next((step for step in candidate.recipe if isinstance(step, Quantization)), None)
    step = _resolved(last, runtime, making)
    shape = carry_out(model, on_model, making)
    shaped = shape.model
    if shape.importance:
        write_importance(folder, shape.importance)
    notes = (*shaped.notes, *shape.notes, *write_engine(shaped, runtime, step, folder, making))
    save_translation_tokenizers(shaped, folder)
    made: dict[str, object] = {
        "name": candidate.name,
        "runtime": runtime,
        "model_file": _MODEL_FILES[runtime],
        "recipe": (*shaped.recipe, *(() if step is None else (step,))),
        "versions": versions(runtime),
        "target_isa": () if step is None else making.isa,
        "notes": tuple(dict.fromkeys(notes)),
    }
    manifest = write_manifest(folder, describe_translation(shaped).model_copy(update=made))
    return manifest if making.threads is not None else knowing_threads(folder, manifest, shaped, making.seed)


def carry_out(model: TranslationModel, steps: Recipe, making: TranslationMaking) -> TranslationShape:
    """Carry out the steps of a recipe on a model, one after the other.

    Args:
        model: Left as it is; also what distillation learns from.
        steps: Pruning, trimming and distillation, in order.
        making: Sentences to learn from.

    Returns:
        The model, whose recipe tells the steps, with what was measured and noticed.

    Raises:
        RecipeError: A step does not fit the model, or lacks the sentences it learns from.
    """
    shape = TranslationShape(model)
    for step in steps:
        if isinstance(step, SequenceDistillation):
            shaped = ShapedTranslation(_distil(model, shape.model, step, making))
        else:
            shaped = carry_out_step(shape.model, step, making)
        shape = TranslationShape(
            replace(shaped.model, recipe=(*shape.model.recipe, step)),
            (*shape.importance, *(() if shaped.importance is None else (shaped.importance,))),
            (*shape.notes, *shaped.notes),
        )
    return shape


def _distil(
    teacher: TranslationModel, model: TranslationModel, step: SequenceDistillation, making: TranslationMaking
) -> TranslationModel:
    if making.training is None:
        raise RecipeError(
            "distil-sequence needs sentences to learn from, and there are none.",
            "Give parallel sentences that are not judged: the key training in a config file.",
        )
    student, _ = distil_translations(teacher, model, step, making.training, making.work, making.tell)
    return student


def write_engine(
    model: TranslationModel, runtime: Runtime, step: Quantization | None, folder: Path, making: TranslationMaking
) -> tuple[str, ...]:
    """Write what an engine executes, without tokenizers and manifest; returns what was noticed."""
    match runtime:
        case "pytorch":
            save_translation_model(model, folder)
            return ()
        case "ctranslate2":
            return export_ctranslate2(model, folder, weights_for(step))
        case "openvino" if isinstance(step, WeightOnly | HalfPrecision):
            with tempfile.TemporaryDirectory(dir=folder, prefix="export-") as inside:
                export_seq2seq_openvino(model, Path(inside))
                quantize_seq2seq_openvino(Path(inside), folder, step)
            return ()
        case "openvino":
            export_seq2seq_openvino(model, folder)
            return ()
        case "onnxruntime" if isinstance(step, Int8):
            with tempfile.TemporaryDirectory(dir=folder, prefix="export-") as inside:
                export_seq2seq_onnx(model, Path(inside))
                return quantize_seq2seq(Path(inside), folder, step, making.isa)
        case "onnxruntime":
            export_seq2seq_onnx(model, folder)
            return ()


def _resolved(step: Quantization | None, runtime: Runtime, making: TranslationMaking) -> Quantization | None:
    """The step with every choice made that depends on the target machine or the engine."""
    if not isinstance(step, Int8):
        return step
    if runtime != "ctranslate2":
        return resolve_int8(step, making.isa)
    weights_for(step)
    return step.model_copy(update={"embeddings": True, "reduce_range": False})


def knowing_threads(folder: Path, manifest: Manifest, model: TranslationModel, seed: int = 0) -> Manifest:
    """Search how many threads translate fastest on this machine, and have the artifact know.

    Args:
        folder: The artifact.
        manifest: Its manifest.
        model: What it was made from.
        seed: Seed of the sentences that are timed.
    """
    text = TranslationText(model.tokenizer, model.target_tokenizer, model.facts, model.max_length)
    search = fit_threads(partial(load_translator, folder), sample_rows(text, seed), available_cores())
    facts = {"threads": search.best, "threads_p50_ms": search.p50_ms}
    return rewrite_manifest(folder, manifest.model_copy(update=facts))
