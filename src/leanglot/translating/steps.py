"""The single steps on translation models: quality per pair, verdicts, speed."""

from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from leanglot.config import TranslationConfig
from leanglot.config.places import expanded
from leanglot.decide.failure_changes import failure_changes, with_failures
from leanglot.decide.translation_verdict import judge_translations
from leanglot.decide.verdict import candidate_status
from leanglot.exam import FULL, Effort
from leanglot.measure.cold_start import measure_cold_start
from leanglot.measure.speed import measure_turns
from leanglot.measure.translation_quality import metric_record, overall, pair_quality
from leanglot.measure.translation_subject import open_any_translator, open_translator
from leanglot.measure.translation_weight import weigh_translator
from leanglot.models.hub import resolve_model
from leanglot.progress import Observer, Silent
from leanglot.results.baseline_store import check_baseline_place, forget_lost_baseline
from leanglot.results.environment import read_environment
from leanglot.results.records import DataSummary, Verdict
from leanglot.results.terms import METRIC_WORD
from leanglot.results.translation import FailureChange, Metric, PairQuality
from leanglot.results.translations import Translations
from leanglot.runtimes.loading import fitting_threads
from leanglot.runtimes.translation_router import TranslationRouter
from leanglot.runtimes.translator import Translator
from leanglot.steps import Benchmark, Setting
from leanglot.translating.exam import TranslationExam, prepare_translation_exam
from leanglot.translating.remembering import store_translation_baseline


class TranslationEvaluation(BaseModel):
    """Quality of one translation model or artifact, and verdicts where it was compared.

    Attributes:
        subject: What was evaluated.
        against: What it was compared with; None when with nothing.
        data: The sentences.
        metric: What the verdicts are in.
        overall: The metric over all sentences, as a fraction.
        pairs: Quality by language pair.
        verdicts: By pair; None when it was compared with nothing.
        changes: Silent failures beside the other's; empty when it was compared with nothing.
        split: Texts longer than the model reads, which were translated sentence by sentence.
        baseline: File that the model's baseline was stored in, for its monitor; None where that was not asked for.
    """

    model_config = ConfigDict(frozen=True)

    subject: str
    against: str | None
    data: DataSummary
    metric: Metric
    overall: float | None
    pairs: dict[str, PairQuality]
    verdicts: dict[str, Verdict] | None
    changes: tuple[FailureChange, ...] = ()
    split: int = 0
    baseline: Path | None = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to know besides the table: the verdict on the whole, and what was noticed in the data."""
        whole: tuple[str, ...] = ()
        if self.verdicts is not None:
            status, reason = candidate_status(self.verdicts)
            whole = (f"{status.capitalize()}: {reason}",)
        found = tuple(
            f"{each.pair}: {each.kind} in {each.candidate:,} of {each.n:,} sentences, before in {each.baseline:,}."
            for each in self.changes
            if each.found
        )
        stored = () if self.baseline is None else (f"What its monitor compares with is stored in {self.baseline}.",)
        long = (
            (f"Texts longer than the model reads, which were translated sentence by sentence: {self.split:,}.",)
            if self.split
            else ()
        )
        return (
            *whole,
            *found,
            *long,
            *self.data.notes,
            f"{METRIC_WORD[self.metric.name]}: {self.metric.signature}",
            *stored,
        )


def evaluate_translation(
    subject: str,
    setting: Setting,
    settings: TranslationConfig,
    against: str | None = None,
    margin: float = 0.01,
    alpha: float = 0.05,
    observer: Observer | None = None,
    *,
    save_baseline: bool = False,
) -> TranslationEvaluation:
    """Quality by language pair; with `against`, also a verdict by pair.

    Args:
        subject: A model folder, an artifact, a router, or a name on the hub.
        setting: Data and how to answer them.
        settings: How translations are searched for, and the metric.
        against: A model or artifact to judge it against.
        margin: Largest drop that counts as harmless, as a fraction.
        alpha: Error level.
        observer: Told of the progress.
        save_baseline: Store what the model did in its artifact, for its monitor.

    Raises:
        LeanglotError: The model, the artifact or the data cannot be used, or `subject` cannot keep a baseline.
    """
    if save_baseline:
        check_baseline_place(subject)
        forget_lost_baseline(expanded(subject))
    observer = observer or Silent()
    observer.plan(list(dict.fromkeys(each for each in (subject, against) if each is not None)))
    translator = _open_any(subject, setting)
    exam = _exam(translator, setting)
    opponent = None if against is None else _open_any(against, setting)
    own = translate_exam(translator, subject, exam, setting, settings, observer)
    verdicts: dict[str, Verdict] | None = None
    changes: tuple[FailureChange, ...] = ()
    if opponent is not None and against is not None:
        other = translate_exam(opponent, against, exam, setting, settings, observer)
        changes = failure_changes(other, own, alpha)
        judged = judge_translations(other, own, settings.metric, margin=margin, alpha=alpha, seed=setting.seed)
        verdicts = with_failures(judged, changes)
    stored = (
        store_translation_baseline(expanded(subject), translator, exam.summary.source, own)
        if save_baseline and isinstance(translator, Translator)
        else None
    )
    return TranslationEvaluation(
        subject=subject,
        against=against,
        data=exam.summary,
        metric=metric_record(settings.metric, sorted(set(exam.examples.pairs))),
        overall=overall(own, settings.metric),
        pairs=pair_quality(own),
        verdicts=verdicts,
        changes=changes,
        split=exam.too_long(translator),
        baseline=stored,
    )


def benchmark_translation(
    subject: str,
    setting: Setting,
    settings: TranslationConfig,
    against: str | None = None,
    effort: Effort = FULL,
    observer: Observer | None = None,
) -> Benchmark:
    """Latency, throughput, cold start, memory and size; with `against`, in turns with that one.

    Raises:
        LeanglotError: The model, the artifact or the data cannot be used.
    """
    observer = observer or Silent()
    observer.plan([subject])
    translator = _open(subject, setting)
    threads = setting.threads or fitting_threads(translator.manifest)
    exam = _exam(translator, setting, effort)
    other = None if against is None else _open(against, setting)
    folder = resolve_model(subject, allow_pickle=setting.allow_pickle)
    observer.enter(subject, "cold start")
    cold_start = measure_cold_start(
        folder,
        exam.examples.sources[0],
        threads,
        repetitions=effort.cold_starts,
        allow_pickle=setting.allow_pickle,
        pair=exam.examples.pairs[0],
    )
    observer.enter(subject, "timing", len(exam.latency_positions))
    both = [translator] if other is None else [other, translator]
    timed = [exam.timed(each, settings, setting.batch_tokens) for each in both]
    advance = partial(observer.advance, subject)
    speed = measure_turns(timed, exam.latency_pairs, len(exam.batch_positions), effort.rounds, advance)
    observer.enter(subject, "done")
    return Benchmark(
        subject=subject,
        against=against,
        environment=read_environment(threads),
        weight=weigh_translator(folder, translator),
        cold_start=cold_start,
        speed=speed,
    )


def translate_exam(
    translator: Translator | TranslationRouter,
    name: str,
    exam: TranslationExam,
    setting: Setting,
    settings: TranslationConfig,
    observer: Observer,
) -> Translations:
    """Have a model translate the exam, and tell the observer."""
    observer.enter(name, "evaluating", len(exam.examples))
    advance = partial(observer.advance, name)
    if isinstance(translator, Translator):
        found = exam.translate(translator, settings, setting.batch_tokens, advance)
    else:
        found = exam.translate_routed(translator, settings, setting.batch_tokens, advance)
    observer.enter(name, "done")
    return found


def _open_any(subject: str, setting: Setting) -> Translator | TranslationRouter:
    folder = resolve_model(subject, allow_pickle=setting.allow_pickle)
    return open_any_translator(folder, setting.threads, allow_pickle=setting.allow_pickle)


def _open(subject: str, setting: Setting) -> Translator:
    folder = resolve_model(subject, allow_pickle=setting.allow_pickle)
    return open_translator(folder, setting.threads, allow_pickle=setting.allow_pickle)


def _exam(translator: Translator | TranslationRouter, setting: Setting, effort: Effort = FULL) -> TranslationExam:
    return prepare_translation_exam(setting.data, translator.check_pair, effort, setting.limit, setting.seed)
