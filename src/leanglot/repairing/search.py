"""Finds the layers that hurt a language: their quantization is undone on the graph, or made anew without them."""

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.artifacts import make_artifact, quantization_of, steps_on_model
from leanglot.compress.undo import Undoing, compare, open_undone
from leanglot.config import CandidateConfig, RepairConfig
from leanglot.data.calibration import draw
from leanglot.data.pool import TextPool
from leanglot.errors import RecipeError
from leanglot.exam import Exam
from leanglot.measure.subject import in_memory
from leanglot.models.text_classifier import TextClassifier, linear_layers
from leanglot.quantizers import Making
from leanglot.results.atomic import scratch_folder
from leanglot.results.manifest import read_manifest
from leanglot.results.repairs import Repair
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.classifier import Classifier
from leanglot.runtimes.loading import load, load_tokenizer
from leanglot.shapers import carry_out
from leanglot.techniques import Calibration, HalfPrecision, MixedInt8, PostTraining, QuantizationAware
from leanglot.techniques.patterns import matches
from leanglot.tune.divergence import Probes
from leanglot.tune.repair import Budget, Judged, repair

_PROBES_PER_LANGUAGE: Final = 256


@dataclass(frozen=True, slots=True)
class Patient:
    """A quantized candidate, and what it was made from.

    Attributes:
        model: The baseline.
        candidate: Its recipe, which ends in a quantization.
        artifact: Its folder.
        making: The target machine, and texts for calibration.
        threads: Threads that variants run with.
        exported: An artifact with the FP32 graph of the same recipe without its quantization, where there is one.
    """

    model: TextClassifier
    candidate: CandidateConfig
    artifact: Path
    making: Making
    threads: int
    exported: Path | None = None


@dataclass(slots=True)
class _Variants:
    """Makes the candidate with some of its layers in FP32.

    On ONNX Runtime the layers come back on the graph in memory, in a fraction of a second; a layer that cannot, and
    every layer of another engine, takes another quantization.
    """

    patient: Patient
    inside: Path
    undoing: Undoing | None
    layers: tuple[str, ...]
    made: int = field(default=0)

    def __call__(self, layers: tuple[str, ...]) -> Classifier:
        patient, manifest = self.patient, read_manifest(self.patient.artifact)
        if not layers:
            return load(patient.artifact, patient.threads)
        if self.undoing is not None and set(layers) <= set(self.undoing.layers):
            predictor = open_undone(self.undoing, layers, patient.threads)
            return Classifier(manifest, load_tokenizer(patient.artifact, manifest), predictor)
        self.made += 1
        folder = self.inside / str(self.made)
        folder.mkdir()
        everything = set(layers) == set(self.layers)
        recipe = patient.candidate.recipe[:-1] if everything else keeping(patient.candidate, layers).recipe
        variant = patient.candidate.model_copy(update={"recipe": recipe})
        make_artifact(patient.model, variant, folder, patient.making)
        return load(folder, patient.threads)


def shaped_patient(patient: Patient) -> Patient:
    """The same patient as a quantization of the model that its steps before it give: these are carried out once."""
    *before, last = patient.candidate.recipe
    if not before:
        return patient
    model = carry_out(patient.model, steps_on_model(patient.candidate.recipe), patient.making).model
    return replace(patient, model=model, candidate=patient.candidate.model_copy(update={"recipe": (last,)}))


def reference_for(patient: Patient, baseline: Classifier, threads: int) -> Classifier:
    """What answers like the candidate before its quantization: its tokens may be others than the baseline's.

    Args:
        patient: From `shaped_patient`.
        baseline: The model before compression.
        threads: Threads to run with.
    """
    return baseline if patient.model.vocabulary is None else in_memory(patient.model, threads)


def find_repair(
    patient: Patient,
    baseline: Classifier,
    judged: Judged,
    probes: Probes | None,
    limits: RepairConfig,
    on_pass: Callable[[int], None],
) -> Repair:
    """Find the layers that hurt the harmed languages; see `leanglot.tune.repair.repair`.

    Args:
        patient: The candidate.
        baseline: From `reference_for`.
        judged: The judged examples, tokenized for it.
        probes: Texts that layers are ranked on, none of them judged.
        limits: How far to go.
        on_pass: Called with 1 after each variant.

    Raises:
        RecipeError: The candidate is not quantized.
    """
    quantization(patient.candidate)
    with scratch_folder(patient.artifact) as inside:
        undoing = _undoing(patient, inside)
        layers = _layers(patient, undoing)
        make = _Variants(patient, inside, undoing, layers)
        budget = Budget(limits.layers, limits.seconds, _PROBES_PER_LANGUAGE)
        return repair(make, layers, baseline, judged, probes, budget, functools.partial(on_pass, 1))


def quantization(candidate: CandidateConfig) -> PostTraining:
    """The step that repair undoes in part.

    Raises:
        RecipeError: The recipe has none.
    """
    step = quantization_of(candidate.recipe)
    if step is None:
        raise RecipeError(
            f"{candidate.name} is not quantized, so no quantization of a layer can be undone.",
            "Repair takes artifacts of leanglot quantize, or candidates whose recipe ends in such a step.",
        )
    if isinstance(step, MixedInt8):
        raise RecipeError(f"{candidate.name} is a translation model.", "Repair takes classifiers.")
    if isinstance(step, QuantizationAware):
        raise RecipeError(
            f"{candidate.name} was trained for its quantization, which cannot be undone layer by layer.",
            "Name the layers under keep of its step qat, and train again.",
        )
    return step


def keeping(candidate: CandidateConfig, layers: Sequence[str], taken: Collection[str] = ()) -> CandidateConfig:
    """The candidate with these layers in FP32 too, under a name that says so and is none of those taken."""
    step = quantization(candidate)
    kept = step.model_copy(update={"keep": tuple(dict.fromkeys((*step.keep, *layers)))})
    known = {name.casefold() for name in taken}
    endings = ("-repaired", *(f"-repaired-{number}" for number in range(2, len(known) + 3)))
    names = (f"{candidate.name[: 64 - len(ending)]}{ending}" for ending in endings)
    name = next(name for name in names if name.casefold() not in known)
    return candidate.model_copy(update={"name": name, "recipe": (*candidate.recipe[:-1], kept)})


def probes_from(pool: TextPool | None, classifier: Classifier) -> Probes | None:
    """Texts to rank layers on, none of them judged and every language equally often; None where there are none."""
    if pool is None:
        return None
    languages = len(set(pool.languages))
    texts = draw(pool, Calibration(samples=_PROBES_PER_LANGUAGE * languages))
    return Probes(classifier.encode(texts.texts).rows, texts.languages)


def _undoing(patient: Patient, inside: Path) -> Undoing | None:
    """The candidate's graph beside the FP32 graph it was made from; None on an engine without such graphs."""
    if patient.candidate.runtime != "onnxruntime":
        return None
    exported = patient.exported
    if exported is None:
        exported = inside / "export"
        exported.mkdir()
        plain = patient.candidate.model_copy(update={"recipe": patient.candidate.recipe[:-1]})
        make_artifact(patient.model, plain, exported, patient.making)
    return compare(exported, patient.artifact)


def _layers(patient: Patient, undoing: Undoing | None) -> tuple[str, ...]:
    """Names of the quantized layers."""
    if undoing is not None:
        return (*undoing.layers, *undoing.stuck)
    step, module = quantization(patient.candidate), patient.model.module
    tables = [name for name, layer in module.named_modules() if layer is module.get_input_embeddings()]
    rows = tables if not isinstance(step, HalfPrecision) and step.embeddings else []
    return tuple(name for name in (*rows, *linear_layers(module)) if not matches(name, step.keep))


def judged_examples(
    exam: Exam, rows: Sequence[TokenIds], right: NDArray[np.bool_], levels: tuple[float, float], batch_tokens: int
) -> Judged:
    """What verdicts are given on during a repair.

    Args:
        exam: The judged examples.
        rows: Token ids of each.
        right: Whether the baseline answers each right, shape (examples,).
        levels: Margin and error level.
        batch_tokens: Largest batch in tokens.
    """
    examples = exam.examples
    margin, alpha = levels
    return Judged(rows, examples.languages, exam.expected, right, examples.groups, margin, alpha, batch_tokens)
