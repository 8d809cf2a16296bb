"""Profiles a model or an artifact: which operators and modules take the time and the bytes, and what to try next."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np

from leanglot.artifacts import make_artifact, quantization_of
from leanglot.config import CandidateConfig, DataConfig
from leanglot.decide.next_steps import next_steps
from leanglot.decide.profile_case import Asked
from leanglot.errors import ConfigError
from leanglot.exam import Effort, prepare_exam
from leanglot.measure.calls import random_rows
from leanglot.measure.profile_engines import profile_onnxruntime, profile_openvino, timed
from leanglot.measure.profile_observed import Batch, Drill, engine_profile, warm_up
from leanglot.measure.profile_pytorch import profile_pytorch
from leanglot.measure.subject import open_subject
from leanglot.measure.threads import search_threads
from leanglot.models.hub import resolve_model
from leanglot.models.text_classifier import load_text_classifier
from leanglot.progress import Observer, Silent
from leanglot.quantizers import Making
from leanglot.results.atomic import write_text_atomically
from leanglot.results.environment import available_cores, read_environment
from leanglot.results.manifest import is_artifact, read_manifest
from leanglot.results.profile import EngineProfile, Origin, Profile, ProfiledTexts
from leanglot.results.storage import full_disk_errors
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.batching import pad
from leanglot.runtimes.classifier import Classifier
from leanglot.runtimes.loading import fitting_threads
from leanglot.runtimes.pytorch import TorchPredictor

Engine = Literal["pytorch", "onnxruntime", "openvino", "both"]
ENGINES: Final[tuple[str, ...]] = get_args(Engine)
CALLS: Final = 32
FEWEST_ROUNDS: Final = 3
MOST_ROUNDS: Final = 9
_PASS_MS: Final = 3_000.0
_TRIED: Final = 5
_MOST_BATCH: Final = 1024
_RANDOM: Final = "No data were given: the texts are random tokens, {} each. Lengths decide where the time goes."


@dataclass(frozen=True, slots=True)
class ProfilePlan:
    """What is profiled, and on what.

    Attributes:
        data: Labelled texts; None takes random tokens.
        length: Tokens per text where there are no data.
        batch: Texts per call.
        threads: Threads of every engine; None takes what suits each.
        engine: One of `ENGINES`; None takes an artifact's own, and both of a model's.
        seed: Seed of the texts or tokens.
        allow_pickle: Whether pickled weights may be read.
    """

    data: DataConfig | None = None
    length: int = 32
    batch: int = 1
    threads: int | None = None
    engine: str | None = None
    seed: int = 0
    allow_pickle: bool = False


def profile(model: str, plan: ProfilePlan, observer: Observer | None = None) -> Profile:
    """Find the slowest operators and modules, the share of time and bytes of each, and what to try next.

    Args:
        model: A model folder, an artifact, or a name on the hub.
        plan: On what, and on which engines.
        observer: Who is told of the progress.

    Raises:
        ConfigError: The engine does not fit the model, or the texts cannot be as asked.
        LeanglotError: The model or the data cannot be used.
    """
    observer = observer or Silent()
    if plan.batch < 1 or plan.batch > _MOST_BATCH:
        raise ConfigError(f"The batch size is {plan.batch}.", f"Allowed are 1 to {_MOST_BATCH}.")
    folder = resolve_model(model, allow_pickle=plan.allow_pickle)
    engines = _engines(folder, plan.engine)
    observer.plan(list(engines))
    classifier = open_subject(folder, plan.threads, allow_pickle=plan.allow_pickle)
    drill, texts = _drill(classifier, plan)
    found = []
    for engine in engines:
        observer.enter(engine, "timing")
        found.append(_profile_on(engine, folder, classifier, drill, plan))
        observer.enter(engine, "done")
    environment = read_environment(max(each.threads for each in found))
    asked = Asked(model, is_artifact(folder), None if plan.data is None else str(plan.data.path), environment.isa)
    return Profile(
        model=model,
        environment=environment,
        texts=texts,
        engines=tuple(found),
        next_steps=next_steps(found, texts, asked),
        notes=() if plan.data is not None else (_RANDOM.format(plan.length),),
    )


def write_profile(record: Profile, folder: Path) -> tuple[Path, ...]:
    """Writes ``profile.json`` and the chart.

    Args:
        record: The profile.
        folder: Where they go; made when missing. Files of the same names are replaced.

    Raises:
        StorageError: The folder or a file cannot be written.
    """
    from leanglot.charts.files import write_figure
    from leanglot.charts.profile import draw

    path = folder / "profile.json"
    write_text_atomically(path, record.model_dump_json(indent=1) + "\n")
    return path, *write_figure(draw(record), folder, "profile")


def _engines(folder: Path, asked: str | None) -> tuple[str, ...]:
    """The engines to profile on, after what the folder holds.

    Raises:
        ConfigError: It does not hold what the engine executes.
    """
    if asked is not None and asked not in ENGINES:
        raise ConfigError(f"--engine {asked} is not known.", f"Allowed are {', '.join(ENGINES)}.")
    manifest = read_manifest(folder) if is_artifact(folder) else None
    runtime = "pytorch" if manifest is None else manifest.runtime
    exportable = manifest is None or (runtime == "pytorch" and quantization_of(manifest.recipe) is None)
    both = ("pytorch", "onnxruntime")
    if asked is None:
        return both if manifest is None else (runtime,)
    wanted = both if asked == "both" else (asked,)
    if wanted == (runtime,) or (exportable and set(wanted) <= {*both}):
        return wanted
    if manifest is None:
        raise ConfigError(
            f"{folder} is a PyTorch model, and --engine {asked} executes a graph.",
            f"Export it first: leanglot export {folder} --runtime {asked} --out ARTIFACT",
        )
    held = "a quantized PyTorch model" if runtime == "pytorch" else f"a graph for {runtime}"
    raise ConfigError(
        f"{folder} holds {held}, which --engine {asked} cannot execute.",
        f"Use --engine {runtime}, or give the model folder that it was made from.",
    )


def _drill(classifier: Classifier, plan: ProfilePlan) -> tuple[Drill, ProfiledTexts]:
    """The calls, and their record.

    Raises:
        ConfigError: The length is not one that the model reads.
        DataError: The data cannot be used.
    """
    count, languages, truncated, tokenization = CALLS * plan.batch, {}, 0, None
    if plan.data is None:
        if not 1 <= plan.length <= classifier.manifest.max_length:
            raise ConfigError(
                f"--length {plan.length} is not a length that the model reads.",
                f"Allowed are 1 to {classifier.manifest.max_length} tokens, special tokens included.",
            )
        rows: Sequence[TokenIds] = random_rows(classifier, [plan.length], count, plan.seed)
    else:
        exam = prepare_exam(plan.data, classifier.manifest.labels, Effort(latency_calls=count), seed=plan.seed)
        texts = exam.texts(exam.latency_positions)
        encoded = classifier.encode(texts)
        rows, truncated = encoded.rows, sum(encoded.truncated)
        tags = [exam.examples.languages[position] for position in exam.latency_positions]
        languages = {tag: tags.count(tag) for tag in sorted(set(tags))}
        tokenization = _tokenization(classifier, texts, plan.batch)
    batches = [pad(rows[at : at + plan.batch], classifier.manifest.pad_id) for at in range(0, count, plan.batch)]
    lengths, slots = [len(row) for row in rows], sum(ids.size for ids, _ in batches)
    rounds = _rounds(classifier, batches)
    return Drill(batches, rounds), ProfiledTexts(
        source=None if plan.data is None else plan.data.path.name,
        batch=plan.batch,
        calls=len(batches),
        rounds=rounds,
        tokens_min=min(lengths),
        tokens_p50=float(np.median(lengths)),
        tokens_max=max(lengths),
        padding_share=1 - sum(lengths) / slots,
        languages=languages,
        tokenization_p50_ms=tokenization,
        truncated=truncated,
    )


def _rounds(classifier: Classifier, batches: Sequence[Batch]) -> int:
    """The number of rounds, more for short calls: a stall of the machine is long beside them."""
    warm_up(classifier, batches)
    typical = float(np.median([timed(classifier, batch) for batch in batches[:_TRIED]]))
    wanted = _PASS_MS / (len(batches) * typical)
    return min(MOST_ROUNDS, max(FEWEST_ROUNDS, int(wanted)))


def _tokenization(classifier: Classifier, texts: Sequence[str], batch: int) -> float:
    """Median milliseconds to tokenize the texts of a call."""
    times = []
    for _ in range(FEWEST_ROUNDS):
        for at in range(0, len(texts), batch):
            started = time.perf_counter_ns()
            classifier.encode(texts[at : at + batch])
            times.append((time.perf_counter_ns() - started) / 1e6)
    return float(np.median(times))


def _profile_on(engine: str, folder: Path, classifier: Classifier, drill: Drill, plan: ProfilePlan) -> EngineProfile:
    """One engine's profile; of a model on ONNX Runtime, that of its plain export."""
    if engine == "pytorch":
        return _profile_torch(folder, classifier, drill, plan)
    if classifier.manifest.runtime == engine:
        return _profile_graph(folder, "artifact", drill, plan)
    model = load_text_classifier(folder, allow_pickle=plan.allow_pickle)
    with tempfile.TemporaryDirectory(prefix="leanglot-export-") as scratch:
        with full_disk_errors(Path(scratch)):
            make_artifact(model, CandidateConfig(name="plain-export"), Path(scratch), Making())
        return _profile_graph(Path(scratch), "plain export", drill, plan)


def _profile_torch(folder: Path, classifier: Classifier, drill: Drill, plan: ProfilePlan) -> EngineProfile:
    predictor = classifier.predictor
    if not isinstance(predictor, TorchPredictor):
        raise ConfigError(f"{folder} holds no PyTorch model.", "Give the model folder that it was made from.")
    threads_p50_ms = classifier.manifest.threads_p50_ms
    if plan.threads is None and not is_artifact(folder):
        search = search_threads(partial(_with_threads, classifier, predictor), available_cores())
        threads_p50_ms, predictor = search.p50_ms, replace(predictor, threads=search.best)
    observed = profile_pytorch(replace(classifier, predictor=predictor), predictor, drill)
    origin: Origin = "artifact" if is_artifact(folder) else "model"
    return engine_profile(observed, classifier.manifest, origin, threads_p50_ms)


def _with_threads(classifier: Classifier, predictor: TorchPredictor, threads: int) -> Classifier:
    return replace(classifier, predictor=replace(predictor, threads=threads))


def _profile_graph(folder: Path, origin: Origin, drill: Drill, plan: ProfilePlan) -> EngineProfile:
    manifest = read_manifest(folder)
    threads_p50_ms = manifest.threads_p50_ms
    threads = plan.threads or fitting_threads(manifest)
    if plan.threads is None and manifest.threads is None:
        search = search_threads(partial(open_subject, folder), available_cores())
        threads_p50_ms, threads = search.p50_ms, search.best
    run = profile_openvino if manifest.runtime == "openvino" else profile_onnxruntime
    return engine_profile(run(folder, threads, drill), manifest, origin, threads_p50_ms)
