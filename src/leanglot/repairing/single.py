"""Repairs one artifact that harms a language."""

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from leanglot.artifacts import knowing_threads, make_artifact
from leanglot.config import CandidateConfig, DataConfig, RepairConfig
from leanglot.data.pool import find_pool
from leanglot.errors import ModelError, RecipeError
from leanglot.exam import QUICK, Exam, prepare_exam
from leanglot.measure.quality import answer_all
from leanglot.measure.speed import measure_speed
from leanglot.measure.subject import in_memory
from leanglot.measure.weight import folder_size
from leanglot.models.hub import resolve_model
from leanglot.models.text_classifier import TextClassifier, linear_layers, load_text_classifier
from leanglot.progress import Observer, Silent
from leanglot.quantizers import Making
from leanglot.repairing.search import (
    Patient,
    find_repair,
    judged_examples,
    keeping,
    probes_from,
    quantization,
    reference_for,
    shaped_patient,
)
from leanglot.results.atomic import atomic_folder
from leanglot.results.environment import available_cores
from leanglot.results.manifest import read_manifest
from leanglot.results.repairs import Repair
from leanglot.runtimes.classifier import Classifier
from leanglot.runtimes.loading import load
from leanglot.steps import Setting, check_place


def repair_artifact(
    model: str,
    artifact: Path,
    out: Path,
    setting: Setting,
    limits: RepairConfig,
    levels: tuple[float, float] = (0.01, 0.05),
    calibration: DataConfig | None = None,
    observer: Observer | None = None,
) -> Repair:
    """Repair one artifact that harms a language.

    Args:
        model: The model it was made from.
        artifact: Its folder.
        out: Folder for the repaired artifact; written only where a layer was put back.
        setting: The judged data.
        limits: How far to go.
        levels: Margin and error level of the verdicts.
        calibration: Texts to rank layers on; None takes the training split of the judged data, where there is one.
        observer: Told of the progress.

    Returns:
        What was found, with what it cost in size and speed.

    Raises:
        RecipeError: The artifact is not quantized.
        LeanglotError: The model, the artifact or the data cannot be used.
    """
    observer, out = observer or Silent(), out.absolute()
    loaded, candidate = _origin(model, artifact, setting)
    check_place(out, artifact, force=None)
    threads = setting.threads or available_cores()
    baseline = in_memory(loaded, threads)
    exam = prepare_exam(setting.data, loaded.labels, QUICK, setting.limit, setting.seed)
    pool = find_pool(calibration, setting.data, set(exam.examples.texts))
    making = Making(read_manifest(artifact).target_isa, calibration=pool, served=tuple(exam.summary.examples))
    patient = shaped_patient(Patient(loaded, candidate, artifact, making, threads))
    _check_same_shape(patient.model, artifact)
    observer.plan([artifact.name])
    observer.enter(artifact.name, "evaluating", len(exam.examples))
    rows, advance = baseline.encode(exam.examples.texts).rows, functools.partial(observer.advance, artifact.name)
    answers = answer_all(baseline, rows, setting.batch_tokens, advance)
    judged = judged_examples(exam, rows, answers.predicted == exam.expected, levels, setting.batch_tokens)
    observer.enter(artifact.name, "repairing", len(linear_layers(loaded.module)) + 3)
    reference = reference_for(patient, baseline, threads)
    if reference is not baseline:
        judged = replace(judged, rows=reference.encode(exam.examples.texts).rows)
    found = find_repair(patient, reference, judged, probes_from(pool, reference), limits, advance)
    if found.layers:
        observer.enter(artifact.name, "making")
        with atomic_folder(out) as folder:
            manifest = make_artifact(loaded, keeping(candidate, found.layers), folder, making)
            knowing_threads(folder, manifest, threads)
        observer.enter(artifact.name, "timing", 2 * len(exam.latency_positions))
        found = _measured(found, artifact, out, baseline, exam, setting, advance)
    observer.enter(artifact.name, "done")
    return found


def _origin(model: str, artifact: Path, setting: Setting) -> tuple[TextClassifier, CandidateConfig]:
    """The model, and the candidate that the artifact is of it."""
    manifest = read_manifest(artifact)
    source = resolve_model(model, allow_pickle=setting.allow_pickle)
    loaded = load_text_classifier(source, allow_pickle=setting.allow_pickle)
    if manifest.source != loaded.source or manifest.recipe[: len(loaded.recipe)] != loaded.recipe:
        raise ModelError(
            f"{artifact} was not made from {model}, or that was changed since.", "Give the model it was made from."
        )
    recipe = manifest.recipe[len(loaded.recipe) :]
    candidate = CandidateConfig(name=manifest.name, runtime=manifest.runtime, recipe=recipe)
    quantization(candidate)
    return loaded, candidate


def _check_same_shape(model: TextClassifier, artifact: Path) -> None:
    """Steps that learned from other texts may have cut something else than the artifact's did."""
    manifest = read_manifest(artifact)
    if (model.pruning, model.vocabulary) != (manifest.pruning, manifest.vocabulary):
        raise RecipeError(
            f"{artifact} was pruned or trimmed on other texts than these, so its FP32 form cannot be made again.",
            "As MODEL, give the artifact before its quantization: leanglot prune or trim-vocabulary, for pytorch.",
        )


def _measured(
    found: Repair,
    before: Path,
    after: Path,
    baseline: Classifier,
    exam: Exam,
    setting: Setting,
    advance: Callable[[int], None],
) -> Repair:
    """The repair with size and speed of both artifacts, each timed in turns with the baseline."""
    speeds = {}
    for folder in (before, after):
        classifier = load(folder, setting.threads)
        work = exam.workload(classifier, setting.batch_tokens, QUICK.rounds, baseline)
        speeds[folder] = measure_speed(classifier, baseline, work, advance).speedup
    return found.model_copy(
        update={
            "size_bytes_before": folder_size(before),
            "size_bytes_after": folder_size(after),
            "speedup_before": speeds[before],
            "speedup_after": speeds[after],
        }
    )
