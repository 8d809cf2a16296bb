"""The run of a translation model: measure the baseline, make and measure candidates, judge every pair, recommend."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePath

from leanglot.config import BASELINE_NAME, CandidateConfig, DataConfig, RunConfig
from leanglot.data.parallel import ParallelExamples
from leanglot.data.parallel_reading import read_parallel_training
from leanglot.decide.pareto import pareto_flags
from leanglot.decide.recommend import recommend
from leanglot.errors import DataError
from leanglot.exam import FULL, Effort
from leanglot.judging import failed_record
from leanglot.measure.translation_quality import metric_record
from leanglot.models.hub import resolve_model
from leanglot.models.translation_model import TranslationModel, load_translation_model
from leanglot.pricing import check_figures, price_finished
from leanglot.progress import Observer, Silent
from leanglot.report.files import write_report
from leanglot.report.tracking import log_run, run_log
from leanglot.results.environment import available_cores, read_environment
from leanglot.results.folder import RunFolder
from leanglot.results.records import Candidate, RunReport
from leanglot.routing.stored import route_finished
from leanglot.runtimes.translation_text import TranslationText
from leanglot.stages import Failed, attempt_baseline, forget_disturbed
from leanglot.techniques.support import learns_from_texts, trains, trims
from leanglot.techniques.targets import target_extensions
from leanglot.translating.exam import TranslationExam, prepare_translation_exam
from leanglot.translating.judging import baseline_record, judged_record
from leanglot.translating.making import TranslationMaking
from leanglot.translating.trials import TranslationBench, TranslationTrial, run_trial, try_candidate


def optimize_translation(config: RunConfig, observer: Observer | None = None, effort: Effort = FULL) -> RunReport:
    """Do the whole job for a translation model; see `leanglot.pipeline.optimize`.

    Killed and started again with the same config, it keeps the candidates that were finished.

    Args:
        config: Model, data, candidates, margin, metric.
        observer: Told of the progress.
        effort: How much is measured.

    Returns:
        The report, also written to the run folder with its page, charts, translations and artifacts.

    Raises:
        LeanglotError: The model, the data or the run folder cannot be used.
    """
    model = load_model(config)
    check_figures(config)
    text = TranslationText(model.tokenizer, model.target_tokenizer, model.facts, model.max_length)
    exam = prepare_translation_exam(config.data, text.check_pair, effort, config.limit_per_language, config.seed)
    folder = RunFolder(config.output)
    folder.create()
    bench = set_up(config, model, exam, folder, effort, observer or Silent())
    bench.observer.plan([BASELINE_NAME, *(candidate.name for candidate in config.candidates)])
    with folder.locked():
        baseline = attempt_baseline(
            lambda: run_trial(bench, CandidateConfig(name=BASELINE_NAME, runtime="pytorch"), None),
            model.name,
            "Check that the model translates the data's sentences in transformers.",
        )
        candidates = [try_candidate(bench, candidate, baseline) for candidate in config.candidates]
        judged = judge_all(config, bench, baseline, candidates)
        metric = metric_record(config.translation.metric, sorted(set(exam.examples.pairs)))
        report = RunReport(
            created_at=datetime.now(UTC),
            environment=bench.environment,
            data=exam.summary,
            model=model.name,
            margin=config.margin,
            alpha=config.alpha,
            metric=metric,
            baseline=BASELINE_NAME,
            candidates=judged,
            recommendations=recommend(judged, strict=config.strict, metric=metric),
        )
        report = price_finished(report, folder.path, config)
        report, unrouted = route_finished(report, folder.path, config, None)
        folder.write_report(report)
        write_report(report, folder.path)
        for trial in (baseline, *candidates):
            if isinstance(trial, TranslationTrial):
                forget_disturbed(folder, trial.config.name, trial.speed)
        if config.log is not None:
            log_run(report, folder.path, run_log(config.log, folder.path))
    if unrouted is not None:
        raise unrouted
    return report


def load_model(config: RunConfig) -> TranslationModel:
    """The model that the run starts from; what is made of it will search as the settings say."""
    folder = resolve_model(config.model, allow_pickle=config.allow_pickle)
    model = load_translation_model(
        folder, name=PurePath(config.model).name, allow_pickle=config.allow_pickle, max_length=config.max_length
    )
    asked = config.translation.model_dump(include={"beam", "length_penalty"}, exclude_none=True)
    return replace(model, facts=model.facts.model_copy(update=asked))


def set_up(
    config: RunConfig,
    model: TranslationModel,
    exam: TranslationExam,
    folder: RunFolder,
    effort: Effort,
    observer: Observer,
) -> TranslationBench:
    """What all trials share."""
    environment = read_environment(config.threads or available_cores())
    recipes = [candidate.recipe for candidate in config.candidates]
    learns = any(map(trains, recipes))
    shows = any(trims(recipe) or any(map(learns_from_texts, recipe)) for recipe in recipes)
    return TranslationBench(
        model=model,
        exam=exam,
        settings=config.translation,
        environment=environment,
        making=TranslationMaking(
            isa=target_extensions(config.target_isa, environment.isa),
            training=lessons(config.training, exam, "training") if learns else None,
            calibration=lessons(config.calibration or config.corpus or config.training, exam, "calibration")
            if shows
            else None,
            work=folder.path / "training",
            threads=config.threads,
            seed=config.seed,
        ),
        threads=config.threads,
        effort=effort,
        batch_tokens=config.batch_tokens,
        folder=folder,
        observer=observer,
    )


def lessons(data: DataConfig | None, exam: TranslationExam, key: str) -> ParallelExamples:
    """Sentences to learn from, none of which is judged.

    Raises:
        DataError: There are none.
    """
    if data is None:
        raise DataError(
            f"A candidate learns from sentences, and the key {key} names none.",
            f"Give parallel sentences that are not judged: {key}: FILE, with the same columns as data.",
        )
    judged = set(zip(exam.examples.pairs, exam.examples.sources, strict=True))
    found = read_parallel_training(data.path, data.columns)
    kept = [place for place, row in enumerate(zip(found.pairs, found.sources, strict=True)) if row not in judged]
    if not kept:
        raise DataError(f"All sentences of {data.path} are judged, too.", f"Give others under {key}.")
    return found.subset(kept)


def judge_all(
    config: RunConfig,
    bench: TranslationBench,
    baseline: TranslationTrial,
    candidates: Sequence[TranslationTrial | Failed],
) -> tuple[Candidate, ...]:
    """Every pair of every candidate against the baseline; then who is dominated by whom."""
    compared = baseline_record(baseline, config, bench.environment, bench.model.notes)
    records = [compared]
    for trial in candidates:
        if isinstance(trial, Failed):
            records.append(failed_record(trial.config, trial.reason))
        else:
            records.append(judged_record(trial, baseline, compared, config, bench.environment))
    flags = pareto_flags(records)
    return tuple(record.model_copy(update={"pareto": flags[record.name]}) for record in records)
