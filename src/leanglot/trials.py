"""One candidate's way through a run: made, evaluated, weighed, started cold, timed; each stage kept once finished."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict

from leanglot.artifacts import make_artifact
from leanglot.config import CandidateConfig
from leanglot.errors import ModelError
from leanglot.exam import Effort, Exam
from leanglot.export.parity import logit_differences, parity_warnings
from leanglot.measure.cold_start import measure_cold_start
from leanglot.measure.quality import answer_all
from leanglot.measure.speed import measure_speed
from leanglot.measure.subject import in_memory
from leanglot.measure.weight import weigh
from leanglot.models.text_classifier import TextClassifier
from leanglot.progress import Observer
from leanglot.results.atomic import atomic_folder
from leanglot.results.checkpoints import Checkpoints, key_of
from leanglot.results.folder import CandidateFolder, RunFolder
from leanglot.results.manifest import Manifest, file_digest, read_manifest, verify_files
from leanglot.results.measures import ColdStart, Speed, Weight
from leanglot.results.predictions import Predictions, read_predictions, write_predictions
from leanglot.results.records import Environment
from leanglot.runtimes.classifier import Classifier, Encoded
from leanglot.runtimes.loading import load
from leanglot.techniques import Int8, Recipe

_MADE_BY: Final = ("leanglot", "torch", "transformers", "tokenizers", "onnx", "onnxruntime")


class Made(BaseModel):
    """The artifact is complete.

    Attributes:
        manifest: Its manifest, which knows the hash of each of its files.
    """

    model_config = ConfigDict(frozen=True)

    manifest: Manifest


class Parity(BaseModel):
    """A plain export was compared with the model on some of the data's texts.

    Attributes:
        warnings: Where the two differ.
    """

    model_config = ConfigDict(frozen=True)

    warnings: tuple[str, ...]


class Evaluated(BaseModel):
    """The predictions are stored.

    Attributes:
        tokens_per_example: Mean tokens per example, by language.
        truncated: Examples cut at the maximum length, by language.
        predictions: SHA-256 of the stored predictions.
    """

    model_config = ConfigDict(frozen=True)

    tokens_per_example: dict[str, float]
    truncated: dict[str, int]
    predictions: str


@dataclass(frozen=True, slots=True)
class Trial:
    """Everything measured of one candidate.

    Attributes:
        config: What was asked for.
        made: The artifact.
        parity: Whether the export answers like the model.
        evaluated: Facts about the tokenized examples.
        predictions: Its answer to each example.
        weight: Size and sparsity.
        cold_start: Time and memory of a fresh process.
        speed: Latency and throughput.
    """

    config: CandidateConfig
    made: Made
    parity: Parity
    evaluated: Evaluated
    predictions: Predictions
    weight: Weight
    cold_start: ColdStart
    speed: Speed

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the owner should know."""
        slower = self.speed.speedup is not None and self.speed.speedup < 1
        told = (f"Slower than the baseline: {self.speed.speedup:.2f}×.",) if slower else ()
        return (*self.parity.warnings, *told, *self.speed.warnings)


@dataclass(frozen=True, slots=True)
class Bench:
    """What all trials of a run share.

    Attributes:
        model: The baseline model.
        exam: The examples and timed texts.
        environment: The machine.
        effort: How much is measured.
        batch_tokens: Largest batch in tokens.
        folder: The run's folder.
        observer: Who is told of the progress.
        exports: Artifacts whose graph is not quantized, by recipe: quantizing the same graph needs no second export.
    """

    model: TextClassifier
    exam: Exam
    environment: Environment
    effort: Effort
    batch_tokens: int
    folder: RunFolder
    observer: Observer
    exports: dict[Recipe, Path] = field(default_factory=dict)


def run_trial(bench: Bench, config: CandidateConfig, baseline: Classifier | None) -> Trial:
    """Take a candidate through all stages, keeping what an earlier run of the same inputs finished.

    Args:
        bench: What the trials share.
        config: The candidate.
        baseline: What it is timed against; None when it is the baseline itself.
    """
    place = bench.folder.candidate(config.name)
    artifact, store = place.artifact, Checkpoints(place.path)
    opened = functools.cache(lambda: _open(bench, artifact, baseline))
    enter = functools.partial(bench.observer.enter, config.name)
    advance = functools.partial(bench.observer.advance, config.name)

    made_key = key_of(bench.model.source, bench.model.max_length, config, bench.environment.isa, _versions())
    enter("making")
    made = store.load("made", made_key, Made)
    if made is None or not _is_whole(artifact, made.manifest):
        made = _make(bench, config, artifact)
        store.save("made", made_key, made)
    if config.runtime == "onnxruntime" and not any(isinstance(step, Int8) for step in config.recipe):
        bench.exports[config.recipe] = artifact

    exam_key = key_of(made_key, bench.exam.summary.digest, bench.batch_tokens)
    parity = store.keep("parity", exam_key, Parity, lambda: _compare(bench, config, opened))
    enter("evaluating", len(bench.exam.examples))
    evaluated, predictions = _evaluate(bench, place, store, exam_key, opened, advance)

    enter("weighing")
    weight = store.keep("weight", made_key, Weight, lambda: weigh(artifact, opened()))

    machine = key_of(bench.environment.cpu, bench.environment.isa, bench.environment.threads, bench.effort)
    cold_key = key_of(made_key, machine, _first_text(bench.exam))
    enter("cold start")
    cold = store.keep("cold-start", cold_key, ColdStart, lambda: _start_cold(bench, artifact))

    enter("timing", len(bench.exam.latency_positions))
    speed_key = key_of(exam_key, machine, bench.exam.latency_positions, bench.exam.batch_positions)
    speed = store.keep("speed", speed_key, Speed, lambda: _time(bench, opened(), baseline, advance))
    enter("done" if store.saved else "kept")
    return Trial(config, made, parity, evaluated, predictions, weight, cold, speed)


def forget_disturbed(bench: Bench, trial: Trial) -> None:
    """Have timings that something disturbed taken again when the same run is asked for once more."""
    if trial.speed.warnings:
        Checkpoints(bench.folder.candidate(trial.config.name).path).forget("speed")


def _open(bench: Bench, artifact: Path, baseline: Classifier | None) -> Classifier:
    threads = bench.environment.threads
    return in_memory(bench.model, threads) if baseline is None else load(artifact, threads)


def _make(bench: Bench, config: CandidateConfig, artifact: Path) -> Made:
    graph = bench.exports.get(tuple(step for step in config.recipe if not isinstance(step, Int8)))
    with atomic_folder(artifact) as folder:
        return Made(manifest=make_artifact(bench.model, config, folder, bench.environment.isa, graph))


def _is_whole(artifact: Path, manifest: Manifest) -> bool:
    """Whether the artifact is the one that was made, file by file; whatever is wrong with it, it is made again."""
    try:
        if read_manifest(artifact) != manifest:
            return False
        verify_files(artifact, manifest)
    except (ModelError, OSError):
        return False
    return True


def _compare(bench: Bench, config: CandidateConfig, opened: Callable[[], Classifier]) -> Parity:
    """Only a plain export promises the model's own answers."""
    if config.recipe or config.runtime == "pytorch":
        return Parity(warnings=())
    examples, reference = bench.exam.examples, in_memory(bench.model, bench.environment.threads)
    differences = logit_differences(reference, opened(), examples.texts, examples.languages)
    return Parity(warnings=parity_warnings(differences))


def _evaluate(
    bench: Bench,
    place: CandidateFolder,
    store: Checkpoints,
    key: str,
    opened: Callable[[], Classifier],
    advance: Callable[[int], None],
) -> tuple[Evaluated, Predictions]:
    evaluated, stored = store.load("evaluated", key, Evaluated), place.predictions
    if evaluated is not None and stored.is_file() and file_digest(stored) == evaluated.predictions:
        return evaluated, read_predictions(stored)
    classifier, exam = opened(), bench.exam
    encoded = classifier.encode(exam.examples.texts)
    answers = answer_all(classifier, encoded.rows, bench.batch_tokens, advance)
    predictions = exam.predictions(answers, bench.model.labels)
    write_predictions(stored, predictions)
    evaluated = _describe_tokens(exam, encoded, file_digest(stored))
    store.save("evaluated", key, evaluated)
    return evaluated, predictions


def _describe_tokens(exam: Exam, encoded: Encoded, digest: str) -> Evaluated:
    lengths = np.asarray([len(row) for row in encoded.rows])
    cut = np.asarray(encoded.truncated)
    by_language = exam.examples.by_language().items()
    return Evaluated(
        tokens_per_example={tag: float(lengths[positions].mean()) for tag, positions in by_language},
        truncated={tag: int(cut[positions].sum()) for tag, positions in by_language},
        predictions=digest,
    )


def _start_cold(bench: Bench, artifact: Path) -> ColdStart:
    return measure_cold_start(
        artifact, _first_text(bench.exam), bench.environment.threads, repetitions=bench.effort.cold_starts
    )


def _first_text(exam: Exam) -> str:
    return exam.examples.texts[exam.latency_positions[0]]


def _time(bench: Bench, candidate: Classifier, baseline: Classifier | None, advance: Callable[[int], None]) -> Speed:
    work = bench.exam.workload(candidate, bench.batch_tokens, bench.effort.rounds)
    return measure_speed(candidate, baseline, work, advance)


def _versions() -> dict[str, str]:
    return {package: metadata.version(package) for package in _MADE_BY}
