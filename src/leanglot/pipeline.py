"""The run: measure the baseline, make and measure the candidates, judge every language, recommend, report."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import PurePath
from types import MappingProxyType

from leanglot.artifacts import quantization_of
from leanglot.chains import with_steps
from leanglot.config import BASELINE_NAME, CandidateConfig, RunConfig
from leanglot.data.pool import TextPool, find_pool, read_pool
from leanglot.data.training import TrainingExamples, find_training
from leanglot.decide.pareto import pareto_flags
from leanglot.decide.recommend import recommend
from leanglot.errors import DataError
from leanglot.exam import FULL, Effort, Exam, prepare_exam
from leanglot.importances import draw_importance
from leanglot.judging import baseline_record, failed_record, judged_record
from leanglot.models.hub import resolve_model
from leanglot.models.text_classifier import TextClassifier, load_text_classifier
from leanglot.pricing import check_figures, price_finished
from leanglot.progress import Observer, Silent
from leanglot.quantizers import Making
from leanglot.repairing.runs import repair_trial
from leanglot.report.files import write_report
from leanglot.report.tracking import log_run, run_log
from leanglot.results.environment import available_cores, read_environment
from leanglot.results.folder import RunFolder
from leanglot.results.records import Candidate, Repair, RunReport
from leanglot.results.searching import SearchRecord
from leanglot.routing.stored import route_finished
from leanglot.schooling import forget_answers
from leanglot.searching.clock import Clock
from leanglot.searching.course import search_recipes
from leanglot.searching.study import require_optuna
from leanglot.stages import Failed, Trial, attempt_baseline, forget_disturbed
from leanglot.techniques import PostTraining
from leanglot.techniques.support import learns_from_texts, trains, trims
from leanglot.techniques.targets import target_extensions
from leanglot.train.distributed import refuse_several_processes
from leanglot.trials import Bench, run_trial, try_candidate


def optimize(config: RunConfig, observer: Observer | None = None, effort: Effort = FULL) -> RunReport:
    """Do the whole job: from a model and labelled data to a verdict per language and artifacts to ship.

    Killed and started again with the same config, it keeps the candidates that were finished.

    Args:
        config: Model, data, candidates, margin.
        observer: Told of the progress.
        effort: How much is measured.

    Returns:
        The report, also written to the run folder with its page, charts, predictions and artifacts.

    Raises:
        LeanglotError: The model, the data or the run folder cannot be used. A candidate that fails is no error: it is
            ``failed`` in the report, with its reason.
    """
    refuse_several_processes("optimize")
    if config.task == "translation":
        from leanglot.translating.run import optimize_translation

        return optimize_translation(config, observer, effort)
    if config.log is not None:
        run_log(config.log, config.output)  # refuses before any work what could not be logged after it
    clock = start_search(config)
    model = load_model(config)
    config, chains = with_chains(config)
    check_figures(config)
    exam = prepare_exam(config.data, model.labels, effort, config.limit_per_language, config.seed)
    folder = RunFolder(config.output)
    folder.create()
    bench = set_up(config, model, exam, folder, effort, observer or Silent())
    bench.observer.plan([BASELINE_NAME, *(candidate.name for candidate in config.candidates)])

    with folder.locked():
        if clock is None:
            return measure_and_judge(config, bench, chains)
        found = search_recipes(config, bench, partial(try_baseline, bench), clock)
        return measure_and_judge(
            config.model_copy(update={"candidates": found.candidates}), bench, chains, found.record
        )


def measure_and_judge(
    config: RunConfig,
    bench: Bench,
    chains: Mapping[str, tuple[str, ...]],
    search: SearchRecord | None = None,
) -> RunReport:
    """The baseline first, then each candidate against it; then the verdicts, the recommendations and the report."""
    baseline = try_baseline(bench)
    candidates = [try_candidate(bench, candidate, baseline) for candidate in config.candidates]

    judged = judge_all(config, bench, baseline, candidates)
    repairs, repaired = repair_harmed(config, bench, baseline, candidates, judged)
    if repaired:
        notes = {trial.config.name: repairs[name].notes for name, trial in repaired.items()}
        judged = judge_all(config, bench, baseline, [*candidates, *repaired.values()], notes)
        candidates += repaired.values()
    report = RunReport(
        created_at=datetime.now(UTC),
        environment=bench.environment,
        data=bench.exam.summary,
        model=bench.model.name,
        margin=config.margin,
        alpha=config.alpha,
        baseline=BASELINE_NAME,
        candidates=judged,
        recommendations=recommend(judged, strict=config.strict),
        repairs=repairs,
        chains=dict(chains),
        search=search,
    )
    report = price_finished(report, bench.folder.path, config)
    report, unrouted = route_finished(report, bench.folder.path, config, bench.exam.examples)
    bench.folder.write_report(report)
    write_report(report, bench.folder.path)
    between = {name for way in chains.values() for name in way[:-1]}
    draw_choices(bench, [trial for trial in candidates if trial.config.name not in between])
    for trial in (baseline, *candidates):
        if isinstance(trial, Trial):
            forget_disturbed(bench.folder, trial.config.name, trial.speed)
    if bench.making.work is not None:
        forget_answers(bench.making.work)
    if config.log is not None:
        log_run(report, bench.folder.path, run_log(config.log, bench.folder.path))
    if unrouted is not None:
        raise unrouted
    return report


def start_search(config: RunConfig) -> Clock | None:
    """The clock of a search, where one is asked for.

    Raises:
        MissingExtraError: Optuna is not installed.
    """
    if config.search is None:
        return None
    require_optuna()
    return Clock(config.search.budget_s)


def load_model(config: RunConfig) -> TextClassifier:
    """The model that the run starts from."""
    folder = resolve_model(config.model, allow_pickle=config.allow_pickle)
    name = PurePath(config.model).name
    return load_text_classifier(folder, name=name, allow_pickle=config.allow_pickle, max_length=config.max_length)


def with_chains(config: RunConfig) -> tuple[RunConfig, dict[str, tuple[str, ...]]]:
    """The config with the candidates that show what each step of the others does, and the ways they show."""
    if not config.steps or config.search is not None:
        return config, {}
    candidates, chains = with_steps(config.candidates)
    return config.model_copy(update={"candidates": candidates}), chains


def set_up(
    config: RunConfig,
    model: TextClassifier,
    exam: Exam,
    folder: RunFolder,
    effort: Effort,
    observer: Observer,
) -> Bench:
    """What all trials share."""
    environment = read_environment(config.threads or available_cores())
    return Bench(
        model=model,
        exam=exam,
        environment=environment,
        making=Making(
            isa=target_extensions(config.target_isa, environment.isa),
            calibration=calibration_pool(config, exam),
            corpus=corpus_pool(config),
            training=training_examples(config, exam),
            store=folder.path / "importance",
            work=folder.path / "training",
            served=tuple(exam.summary.examples),
        ),
        threads=config.threads,
        effort=effort,
        batch_tokens=config.batch_tokens,
        folder=folder,
        observer=observer,
    )


def calibration_pool(config: RunConfig, exam: Exam) -> TextPool | None:
    """Texts that activation ranges may be taken from, none of which is judged; None where no candidate needs them.

    Raises:
        DataError: A candidate needs them and there are none.
    """
    if config.search is not None:
        return find_pool(config.calibration or config.training, config.data, set(exam.examples.texts))
    if not any(learns_from_texts(step) for candidate in config.candidates for step in candidate.recipe):
        return None
    return read_pool(config.calibration or config.training, config.data, set(exam.examples.texts))


def corpus_pool(config: RunConfig) -> TextPool | None:
    """Texts that show what the vocabulary is needed for, judged or not; None where no candidate trims it.

    Raises:
        DataError: A candidate needs them and there are none.
    """
    if config.search is not None:
        return find_pool(config.corpus or config.calibration or config.training, config.data, ())
    if not any(trims(candidate.recipe) for candidate in config.candidates):
        return None
    return read_pool(config.corpus or config.calibration or config.training, config.data, ())


def training_examples(config: RunConfig, exam: Exam) -> TrainingExamples | None:
    """Examples that candidates are trained on, none of which is judged; None where no candidate is trained.

    Raises:
        DataError: A candidate needs them and there are none.
    """
    if config.search is not None:
        return possible_training(config, exam)
    if not any(trains(candidate.recipe) for candidate in config.candidates):
        return None
    return find_training(config.training, config.data, exam.examples)


def possible_training(config: RunConfig, exam: Exam) -> TrainingExamples | None:
    """Examples that a search may train on; None where there are none and none were named."""
    try:
        return find_training(config.training, config.data, exam.examples)
    except DataError:
        if config.training is not None:
            raise
        return None


def draw_choices(bench: Bench, candidates: Sequence[Trial | Failed]) -> None:
    """Draw by what importance the heads, neurons and layers of each candidate were chosen."""
    for trial in candidates:
        if isinstance(trial, Trial):
            name = trial.config.name
            artifact = bench.folder.candidate(name).artifact
            draw_importance(artifact, name, bench.folder.charts, f"importance-{name}")


def try_baseline(bench: Bench) -> Trial:
    """Run the baseline's trial.

    Raises:
        LeanglotError: It cannot be measured, and without it nothing can be judged.
    """
    return attempt_baseline(
        lambda: run_trial(bench, CandidateConfig(name=BASELINE_NAME, runtime="pytorch"), None),
        bench.model.name,
        "Check that the model answers the data's texts in transformers.",
    )


def repair_harmed(
    config: RunConfig,
    bench: Bench,
    baseline: Trial,
    candidates: Sequence[Trial | Failed],
    judged: Sequence[Candidate],
) -> tuple[dict[str, Repair], dict[str, Trial]]:
    """Where repair is asked for: what was found, and what came out, by the candidate that harmed a language."""
    rejected = {record.name for record in judged if record.status == "rejected"}
    harmful = [trial for trial in candidates if isinstance(trial, Trial) and trial.config.name in rejected]
    patients = [trial for trial in harmful if isinstance(quantization_of(trial.config.recipe), PostTraining)]
    if config.repair is None or not patients:
        return {}, {}
    judged_texts = set(bench.exam.examples.texts)
    pool = bench.making.calibration or find_pool(config.calibration, config.data, judged_texts)
    repairs: dict[str, Repair] = {}
    repaired: dict[str, Trial] = {}
    for trial in patients:
        taken = [*(each.name for each in config.candidates), *(each.config.name for each in repaired.values())]
        repairs[trial.config.name], healed = repair_trial(bench, config, trial, baseline, pool, taken)
        if healed is not None:
            repaired[trial.config.name] = healed
    return repairs, repaired


def judge_all(
    config: RunConfig,
    bench: Bench,
    baseline: Trial,
    candidates: Sequence[Trial | Failed],
    notes: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> tuple[Candidate, ...]:
    """Every language of every candidate against the baseline; then who is dominated by whom.

    Args:
        config: Margin and error level.
        bench: What the trials shared.
        baseline: The baseline's trial.
        candidates: All others, and those that failed.
        notes: What to know of single candidates besides, by name; told as warnings.
    """
    compared = baseline_record(baseline, bench.environment, bench.model.notes)
    records = [compared]
    for trial in candidates:
        if isinstance(trial, Failed):
            records.append(failed_record(trial.config, trial.reason))
        else:
            record = judged_record(trial, baseline, compared, config, bench.environment)
            told = (*record.warnings, *notes.get(record.name, ()))
            records.append(record.model_copy(update={"warnings": told}))
    flags = pareto_flags(records)
    return tuple(record.model_copy(update={"pareto": flags[record.name]}) for record in records)
