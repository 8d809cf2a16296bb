"""One candidate's way through a run: made, evaluated, weighed, started cold, timed; each stage kept once finished."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from leanglot.artifacts import knowing_threads, make_artifact, quantization_of, steps_on_model, versions
from leanglot.config import CandidateConfig
from leanglot.exam import Effort, Exam
from leanglot.export.parity import logit_differences, parity_warnings
from leanglot.measure.cold_start import measure_cold_start
from leanglot.measure.invariance import measure_invariance
from leanglot.measure.monitor_baseline import build_monitor_baseline
from leanglot.measure.quality import answer_all
from leanglot.measure.speed import measure_speed
from leanglot.measure.subject import in_memory
from leanglot.measure.weight import weigh
from leanglot.models.text_classifier import TextClassifier
from leanglot.progress import Observer, Telling
from leanglot.quantizers import Making
from leanglot.results.atomic import atomic_folder
from leanglot.results.baseline_store import (
    forget_lost_baseline,
    is_whole,
    store_monitor_baseline,
    stored_baseline_digest,
)
from leanglot.results.checkpoints import Checkpoints, key_of
from leanglot.results.folder import CandidateFolder, RunFolder
from leanglot.results.manifest import Manifest, file_digest
from leanglot.results.measures import ColdStart, Invariance, Speed, Weight
from leanglot.results.monitor_baseline import MONITOR_BASELINE_VERSION, MonitorBaseline
from leanglot.results.predictions import Predictions, read_predictions, write_predictions
from leanglot.results.records import Environment
from leanglot.results.shaping import Retokenized
from leanglot.retokenizing import retokenize
from leanglot.runtimes.classifier import Classifier, Encoded
from leanglot.runtimes.loading import load
from leanglot.runtimes.text_facts import text_facts, unknown_id
from leanglot.stages import Evaluated, Failed, Made, Parity, Remembered, Trial, attempt
from leanglot.techniques.support import learns_from_texts, makes_zeros, trains, trims

_INVARIANCE_TEXTS: Final = 24


@dataclass(frozen=True, slots=True)
class Bench:
    """What all trials of a run share.

    Attributes:
        model: The baseline model.
        exam: The examples and timed texts.
        environment: The machine.
        making: The target machine, and texts for calibration.
        threads: Threads of every engine; None has each candidate's own number searched, up to the machine's.
        effort: How much is measured.
        batch_tokens: Largest batch in tokens.
        folder: The run's folder.
        observer: Who is told of the progress.
        exports: Artifacts whose graph is not quantized, by the key of their recipe: quantizing the same graph needs no
            second export.
    """

    model: TextClassifier
    exam: Exam
    environment: Environment
    making: Making
    threads: int | None
    effort: Effort
    batch_tokens: int
    folder: RunFolder
    observer: Observer
    exports: dict[str, Path] = field(default_factory=dict)


class Screening(Protocol):
    """What a finished artifact has to pass before the rest of it is measured."""

    def __call__(self, artifact: Path, candidate: Classifier) -> None:
        """Raise `AbandonedError` where it does not pass."""
        ...


def run_trial(
    bench: Bench, config: CandidateConfig, baseline: Classifier | None, screening: Screening | None = None
) -> Trial:
    """Take a candidate through all stages, keeping what an earlier run of the same inputs finished.

    Args:
        bench: What the trials share.
        config: The candidate.
        baseline: What it is timed against; None when it is the baseline itself.
        screening: What it has to pass once it is made; None lets every candidate pass.

    Raises:
        AbandonedError: It does not pass, or whoever watches gives it up.
    """
    place = bench.folder.candidate(config.name)
    artifact, store = place.artifact, Checkpoints(place.path)
    enter = functools.partial(bench.observer.enter, config.name)
    advance = functools.partial(bench.observer.advance, config.name)

    machine = key_of(bench.environment.cpu, bench.environment.isa, bench.environment.threads, bench.effort)
    made_key = _made_key(bench, config)
    enter("making")
    made = _keep_made(bench, config, artifact, store, made_key)
    if config.runtime == "onnxruntime" and quantization_of(config.recipe) is None:
        bench.exports[key_of(*config.recipe)] = artifact
    opened = functools.cache(lambda: open_trial(bench, artifact, made, itself=baseline is None))
    encoded = functools.cache(lambda: opened().encode(bench.exam.examples.texts))
    if screening is not None:
        screening(artifact, opened())

    # INT8 products are not the same on every processor, so answers are not either.
    processor = (bench.environment.cpu, bench.environment.isa)
    exam_key = key_of(made_key, bench.exam.summary.digest, bench.batch_tokens, processor)
    parity = store.keep("parity", exam_key, Parity, lambda: _compare(bench, config, opened))
    invariance_key = key_of(exam_key, bench.exam.latency_positions)
    invariance = store.keep("invariance", invariance_key, Invariance, lambda: _vary_batches(bench, opened()))
    retokenized = store.keep("tokens", exam_key, Retokenized, lambda: _retokenize(bench, config, opened))
    enter("evaluating", len(bench.exam.examples))
    evaluated, predictions = _evaluate(bench, place, store, exam_key, opened, encoded, advance)

    enter("weighing")
    # What zeros are worth to a compressor is told beside what the baseline is.
    compressed = baseline is None or makes_zeros(config.recipe)
    weight = store.keep("weight", made_key, Weight, lambda: weigh(artifact, opened(), compressed=compressed))

    cold_key = key_of(made_key, machine, _first_text(bench.exam))
    enter("cold start")
    cold = store.keep("cold-start", cold_key, ColdStart, lambda: _start_cold(bench, artifact, made))

    enter("timing", len(bench.exam.latency_positions))
    speed_key = key_of(exam_key, machine, bench.exam.latency_positions, bench.exam.batch_positions)
    speed = store.keep("speed", speed_key, Speed, lambda: _time(bench, opened(), baseline, advance))
    remembered_key = key_of(exam_key, evaluated.predictions, MONITOR_BASELINE_VERSION)
    build = functools.partial(_monitor_baseline, bench.exam, made.manifest, predictions, opened, encoded)
    _remember(store, remembered_key, artifact, build)
    enter("done" if store.saved else "kept")
    return Trial(
        config=config,
        threads=threads_of(bench, made),
        made=made,
        parity=parity,
        invariance=invariance,
        retokenized=retokenized,
        evaluated=evaluated,
        predictions=predictions,
        weight=weight,
        cold_start=cold,
        speed=speed,
    )


def try_candidate(
    bench: Bench, config: CandidateConfig, baseline: Trial, screening: Screening | None = None
) -> Trial | Failed:
    """Run a candidate's trial; whatever goes wrong with it alone does not stop the run.

    Args:
        bench: What the trials share.
        config: The candidate.
        baseline: The baseline's trial.
        screening: See `run_trial`.

    Raises:
        StorageError: The disk is full, which would stop every other candidate too.
        AbandonedError: See `run_trial`.
    """
    reference = in_memory(bench.model, threads_of(bench, baseline.made))
    return attempt(lambda: run_trial(bench, config, reference, screening), config, bench.folder, bench.observer)


def open_trial(bench: Bench, artifact: Path, made: Made, *, itself: bool = False) -> Classifier:
    """A finished artifact with the number of threads that it runs with; `itself` is the model in memory."""
    threads = threads_of(bench, made)
    return in_memory(bench.model, threads) if itself else load(artifact, threads)


def threads_of(bench: Bench, made: Made) -> int:
    """The number of threads that an artifact runs with in this run."""
    return bench.threads or made.manifest.threads or bench.environment.threads


def _made_key(bench: Bench, config: CandidateConfig) -> str:
    """Everything that shapes an artifact, and the machine where its threads were searched."""
    making, trimmed = bench.making, trims(config.recipe)
    learns = trimmed or any(map(learns_from_texts, config.recipe))
    pools = (making.calibration, making.corpus if trimmed else None)
    texts = [None if pool is None else pool.digest for pool in pools] if learns else []
    searched = (bench.environment.cpu, bench.environment.threads) if bench.threads is None else ()
    lessons = making.training if trains(config.recipe) else None
    shaping = (bench.model.source, bench.model.max_length, config, making.isa, versions(config.runtime))
    return key_of(
        *shaping, texts, making.served if learns else (), searched, *(() if lessons is None else (lessons.digest,))
    )


def _keep_made(bench: Bench, config: CandidateConfig, artifact: Path, store: Checkpoints, key: str) -> Made:
    """The artifact that was made for this key, made first where there is none that is whole."""
    made = store.load("made", key, Made)
    if made is None or not is_whole(artifact, made.manifest):
        made = _make(bench, config, artifact)
        store.save("made", key, made)
    else:
        forget_lost_baseline(artifact)
    return made


def _make(bench: Bench, config: CandidateConfig, artifact: Path) -> Made:
    """Make the artifact, and have it know how many threads suit it where the user chose no number."""
    graph = bench.exports.get(key_of(*steps_on_model(config.recipe))) if config.runtime == "onnxruntime" else None
    making = replace(bench.making, tell=Telling(bench.observer, config.name))
    with atomic_folder(artifact) as folder:
        manifest = make_artifact(bench.model, config, folder, making, graph)
        if bench.threads is None:
            manifest = knowing_threads(folder, manifest, bench.environment.threads)
        return Made(manifest=manifest)


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
    encoded: Callable[[], Encoded],
    advance: Callable[[int], None],
) -> tuple[Evaluated, Predictions]:
    evaluated, stored = store.load("evaluated", key, Evaluated), place.predictions
    if evaluated is not None and stored.is_file() and file_digest(stored) == evaluated.predictions:
        return evaluated, read_predictions(stored)
    exam, tokenized = bench.exam, encoded()
    answers = answer_all(opened(), tokenized.rows, bench.batch_tokens, advance)
    predictions = exam.predictions(answers, bench.model.labels)
    write_predictions(stored, predictions)
    evaluated = _describe_tokens(exam, tokenized, file_digest(stored))
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


def _remember(store: Checkpoints, key: str, artifact: Path, build: Callable[[], MonitorBaseline]) -> None:
    """Have the artifact keep what its model did, for its monitor, unless it does."""
    kept = store.load("remembered", key, Remembered)
    if kept is None or stored_baseline_digest(artifact) != kept.baseline:
        store.save("remembered", key, Remembered(baseline=store_monitor_baseline(artifact, build())))


def _monitor_baseline(
    exam: Exam,
    manifest: Manifest,
    predictions: Predictions,
    opened: Callable[[], Classifier],
    encoded: Callable[[], Encoded],
) -> MonitorBaseline:
    facts = text_facts(exam.examples.texts, encoded(), unknown_id(opened().tokenizer))
    return build_monitor_baseline(manifest.name, manifest.labels, exam.summary.source, predictions, facts)


def _vary_batches(bench: Bench, classifier: Classifier) -> Invariance:
    return measure_invariance(classifier, bench.exam.texts(bench.exam.latency_positions[:_INVARIANCE_TEXTS]))


def _retokenize(bench: Bench, config: CandidateConfig, opened: Callable[[], Classifier]) -> Retokenized:
    """Beside the baseline's tokenizer; nothing to tell where the candidate has the same."""
    if not trims(config.recipe):
        return Retokenized()
    examples, shown = bench.exam.examples, bench.making.showing
    return retokenize(bench.model.tokenizer, opened().tokenizer, examples.texts, examples.languages, shown)


def _start_cold(bench: Bench, artifact: Path, made: Made) -> ColdStart:
    threads = threads_of(bench, made)
    return measure_cold_start(artifact, _first_text(bench.exam), threads, repetitions=bench.effort.cold_starts)


def _first_text(exam: Exam) -> str:
    return exam.examples.texts[exam.latency_positions[0]]


def _time(bench: Bench, candidate: Classifier, baseline: Classifier | None, advance: Callable[[int], None]) -> Speed:
    work = bench.exam.workload(candidate, bench.batch_tokens, bench.effort.rounds, baseline)
    return measure_speed(candidate, baseline, work, advance)
