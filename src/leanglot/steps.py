"""The single steps of the command line: one measurement or one transformation of one model or artifact."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from leanglot.artifacts import check_unquantized, knowing_threads, make_artifact, quantize_artifact
from leanglot.config import CandidateConfig, DataConfig
from leanglot.config.places import expanded
from leanglot.data.pool import read_pool, read_texts
from leanglot.data.reading import read_examples
from leanglot.data.training import read_training
from leanglot.decide.verdict import candidate_status, judge
from leanglot.errors import DataError, ModelError, RunError
from leanglot.exam import FULL, Effort, Exam, prepare_exam
from leanglot.measure.cold_start import measure_cold_start
from leanglot.measure.monitor_baseline import build_monitor_baseline
from leanglot.measure.quality import answer_all, score
from leanglot.measure.speed import measure_speed
from leanglot.measure.subject import open_subject
from leanglot.measure.weight import weigh
from leanglot.models.hub import resolve_model
from leanglot.models.text_classifier import load_text_classifier
from leanglot.progress import Observer, Silent
from leanglot.quantizers import Making
from leanglot.results.atomic import atomic_folder, remove_leftovers
from leanglot.results.baseline_store import check_baseline_place, forget_lost_baseline, store_monitor_baseline
from leanglot.results.environment import available_cores, read_environment
from leanglot.results.manifest import MANIFEST_NAME, Manifest, is_artifact, read_manifest
from leanglot.results.measures import ColdStart, Quality, Speed, Weight
from leanglot.results.monitor_baseline import MONITOR_BASELINE_NAME
from leanglot.results.predictions import Predictions
from leanglot.results.records import DataSummary, Environment, Verdict
from leanglot.runtimes.classifier import Classifier, Encoded
from leanglot.runtimes.loading import fitting_threads
from leanglot.runtimes.text_facts import text_facts, unknown_id
from leanglot.techniques.targets import target_extensions


class Evaluation(BaseModel):
    """Quality of one model or artifact, and verdicts where it was compared.

    Attributes:
        subject: What was evaluated.
        against: What it was compared with; None when with nothing.
        data: The examples.
        quality: Overall and by language.
        truncated: Texts cut at the model's maximum length.
        verdicts: By language; None when it was compared with nothing.
        baseline: The file where what the model did is stored for its monitor; None where that was not asked for.
    """

    model_config = ConfigDict(frozen=True)

    subject: str
    against: str | None
    data: DataSummary
    quality: Quality
    truncated: int
    verdicts: dict[str, Verdict] | None
    baseline: Path | None = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to know besides the table: the verdict on the whole, and what was noticed in the data."""
        cut = (f"Texts longer than the model reads, which were cut: {self.truncated:,}.",) if self.truncated else ()
        whole = () if self.verdicts is None else (_whole(self.verdicts),)
        stored = () if self.baseline is None else (f"What its monitor compares with is stored in {self.baseline}.",)
        return (*whole, *self.data.notes, *cut, *stored)


class Benchmark(BaseModel):
    """Speed, memory and size of one model or artifact.

    Attributes:
        subject: What was measured.
        against: What it was timed in turns with; None when with nothing.
        environment: The machine.
        weight: Size and sparsity.
        cold_start: A fresh process.
        speed: Latency and throughput.
    """

    model_config = ConfigDict(frozen=True)

    subject: str
    against: str | None
    environment: Environment
    weight: Weight
    cold_start: ColdStart
    speed: Speed


class Setting(BaseModel):
    """What the single measurements share.

    Attributes:
        data: File and columns.
        threads: Threads of the runtime; None takes the physical cores.
        batch_tokens: Largest batch in tokens.
        limit: Most examples per language; None takes all.
        seed: Seed of every choice.
        allow_pickle: Whether pickled weights may be read.
    """

    model_config = ConfigDict(frozen=True)

    data: DataConfig
    threads: int | None = None
    batch_tokens: int = 1024
    limit: int | None = None
    seed: int = 0
    allow_pickle: bool = False


def evaluate(
    subject: str,
    setting: Setting,
    against: str | None = None,
    margin: float = 0.01,
    alpha: float = 0.05,
    observer: Observer | None = None,
    *,
    save_baseline: bool = False,
) -> Evaluation:
    """Accuracy by language; with `against`, also a verdict by language.

    Args:
        subject: A model folder, an artifact, or a name on the hub.
        setting: Data and how to answer them.
        against: A model or artifact to judge it against.
        margin: Largest drop that counts as harmless.
        alpha: Error level.
        observer: Told of the progress.
        save_baseline: Store what the model did in its artifact, for its monitor.

    Raises:
        LeanglotError: The model, the artifact or the data cannot be used, or `subject` cannot keep a baseline.
    """
    if save_baseline:
        check_baseline_place(subject)
        forget_lost_baseline(expanded(subject))
    observer = _watched(observer, subject, against)
    classifier = _open(subject, setting)
    exam = _exam(classifier, setting, FULL)
    encoded = classifier.encode(exam.examples.texts)
    opponent = None if against is None else _comparable(against, classifier, setting)
    answers = answer_exam(classifier, subject, encoded, exam, setting, observer)
    verdicts: dict[str, Verdict] | None = None
    if against is not None and opponent is not None:
        other = answer_exam(opponent, against, opponent.encode(exam.examples.texts), exam, setting, observer)
        verdicts = judge(
            other.correct,
            answers.correct,
            answers.language,
            margin=margin,
            alpha=alpha,
            groups=answers.group,
        )
    stored = _store_baseline(expanded(subject), classifier, exam, encoded, answers) if save_baseline else None
    return Evaluation(
        subject=subject,
        against=against,
        data=exam.summary,
        truncated=sum(encoded.truncated),
        quality=score(answers.label, answers.predicted, answers.language),
        verdicts=verdicts,
        baseline=stored,
    )


def benchmark(
    subject: str,
    setting: Setting,
    against: str | None = None,
    effort: Effort = FULL,
    observer: Observer | None = None,
) -> Benchmark:
    """Latency, throughput, cold start, memory and size; with `against`, in turns with that one.

    Raises:
        LeanglotError: The model, the artifact or the data cannot be used.
    """
    observer = _watched(observer, subject)
    classifier = _open(subject, setting)
    threads = setting.threads or fitting_threads(classifier.manifest)
    exam = _exam(classifier, setting, effort)
    other = None if against is None else _comparable(against, classifier, setting)
    folder = resolve_model(subject)
    observer.enter(subject, "cold start")
    cold_start = measure_cold_start(
        folder,
        exam.examples.texts[0],
        threads,
        repetitions=effort.cold_starts,
        allow_pickle=setting.allow_pickle,
    )
    observer.enter(subject, "timing", len(exam.latency_positions))
    work = exam.workload(classifier, setting.batch_tokens, effort.rounds, other)
    speed = measure_speed(classifier, other, work, partial(observer.advance, subject))
    observer.enter(subject, "done")
    return Benchmark(
        subject=subject,
        against=against,
        environment=read_environment(threads),
        weight=weigh(folder, classifier),
        cold_start=cold_start,
        speed=speed,
    )


def transform(
    model: str,
    candidate: CandidateConfig,
    out: Path,
    making: Making | None = None,
    *,
    allow_pickle: bool = False,
    force: bool = False,
) -> Manifest:
    """Carry out one recipe on one model, or on an artifact with a graph, and write the artifact.

    Args:
        model: A model folder, an artifact, or a name on the hub.
        candidate: The recipe.
        out: The artifact's folder.
        making: The target machine, and texts for calibration; None takes this machine, and no texts.
        allow_pickle: Whether pickled weights may be read.
        force: Replace an artifact that is there.

    Raises:
        RunError: The folder exists and `force` is off, or it is not one that may be replaced.
        LeanglotError: The model cannot be used or the recipe does not fit it.
    """
    out = out.absolute()
    source, cores = resolve_model(model, allow_pickle=allow_pickle), available_cores()
    making = making or make_making(None, None)
    check_place(out, source, force=force)
    remove_leftovers(out.parent)
    with atomic_folder(out) as folder:
        origin = read_manifest(source) if is_artifact(source) else None
        if origin is not None and origin.runtime != "pytorch":
            manifest = quantize_artifact(source, candidate, folder, making)
        else:
            if origin is not None:
                check_unquantized(source, origin)
            manifest = make_artifact(load_text_classifier(source, allow_pickle=allow_pickle), candidate, folder, making)
        return knowing_threads(folder, manifest, cores)


def make_making(
    target_isa: str | None,
    calibration: DataConfig | None,
    judged: DataConfig | None = None,
    corpus: DataConfig | None = None,
    training: DataConfig | None = None,
) -> Making:
    """What making an artifact needs beside the model and the recipe.

    Args:
        target_isa: Name of the target's instruction set; None takes this machine's.
        calibration: Texts that activation ranges and importance may be taken from.
        judged: Examples whose texts are left out of them.
        corpus: Texts that show what the vocabulary is needed for.
        training: Examples to train on.

    Raises:
        ConfigError: The instruction set is unknown.
        DataError: The texts cannot be used.
    """
    isa = target_extensions(target_isa, read_environment(available_cores()).isa)
    examples = None if judged is None else read_examples(judged.path, judged.columns)[0]
    texts = set() if examples is None else set(examples.texts)
    pool = None
    if calibration is not None and judged is not None:
        pool = read_pool(calibration, judged, texts)
    elif calibration is not None:
        pool = read_texts(calibration.path, calibration.columns)
    served = () if examples is None else tuple(sorted(set(examples.languages)))
    shown = None if corpus is None else read_texts(corpus.path, corpus.columns)
    lessons = None if training is None else read_training(training.path, training.columns, examples)
    return Making(isa=isa, calibration=pool, corpus=shown, served=served, training=lessons)


def check_place(out: Path, source: Path, *, force: bool | None) -> None:
    """Nothing but an artifact of ours is ever replaced, and never the model itself.

    Args:
        out: The artifact's folder.
        source: The model's folder.
        force: Whether an artifact may be replaced; None where that cannot be asked for.

    Raises:
        RunError: The folder exists and is not to be replaced.
    """
    if not out.exists() and not out.is_symlink():
        return
    if not force:
        or_force = "" if force is None else ", or pass --force to replace it"
        raise RunError(f"{out} already exists.", f"Choose another --out{or_force}.")
    if out.is_symlink() or not _is_ours_alone(out):
        message = f"{out} is no artifact of leanglot, or holds other files too, so --force does not replace it."
        raise RunError(message, "Choose another --out.")
    if source.resolve().is_relative_to(out.resolve()):
        raise RunError(f"{out} holds the model itself, which is not replaced.", "Choose another --out.")


def _is_ours_alone(folder: Path) -> bool:
    """Whether the folder is an artifact and holds nothing but what its manifest names, or was left half-stored."""
    try:
        ours = {MANIFEST_NAME, MONITOR_BASELINE_NAME, *read_manifest(folder).files}
        remove_leftovers(folder)
    except (ModelError, OSError):
        return False
    return all(path.relative_to(folder).as_posix() in ours for path in folder.rglob("*") if not path.is_dir())


def _open(subject: str, setting: Setting) -> Classifier:
    return open_subject(
        resolve_model(subject, allow_pickle=setting.allow_pickle), setting.threads, allow_pickle=setting.allow_pickle
    )


def _comparable(against: str, classifier: Classifier, setting: Setting) -> Classifier:
    """The other model, which must answer with the same labels."""
    other = _open(against, setting)
    if other.manifest.labels != classifier.manifest.labels:
        raise DataError(
            f"{against} answers with other labels ({', '.join(other.manifest.labels[:5])}, …) than the model "
            f"({', '.join(classifier.manifest.labels[:5])}, …).",
            "Compare models with the same head.",
        )
    return other


def _exam(classifier: Classifier, setting: Setting, effort: Effort) -> Exam:
    return prepare_exam(setting.data, classifier.manifest.labels, effort, setting.limit, setting.seed)


def _store_baseline(folder: Path, classifier: Classifier, exam: Exam, encoded: Encoded, answers: Predictions) -> Path:
    """Have an artifact keep what its model did; returns the file."""
    manifest = classifier.manifest
    facts = text_facts(exam.examples.texts, encoded, unknown_id(classifier.tokenizer))
    baseline = build_monitor_baseline(manifest.name, manifest.labels, exam.summary.source, answers, facts)
    store_monitor_baseline(folder, baseline)
    return folder / MONITOR_BASELINE_NAME


def answer_exam(
    classifier: Classifier, name: str, encoded: Encoded, exam: Exam, setting: Setting, observer: Observer
) -> Predictions:
    """Have a model answer the exam's texts, tokenized by it, and tell the observer."""
    observer.enter(name, "evaluating", len(encoded.rows))
    answers = answer_all(classifier, encoded.rows, setting.batch_tokens, partial(observer.advance, name))
    observer.enter(name, "done")
    return exam.predictions(answers, classifier.manifest.labels)


def _whole(verdicts: Mapping[str, Verdict]) -> str:
    status, reason = candidate_status(verdicts)
    return f"{status.capitalize()}: {reason}"


def _watched(observer: Observer | None, *subjects: str | None) -> Observer:
    """The observer, told of what is measured; a model compared with itself is one subject."""
    observer = observer or Silent()
    observer.plan(list(dict.fromkeys(subject for subject in subjects if subject is not None)))
    return observer
