"""Searches how far one model can be pruned: makes the models, has them answer, and writes the record and the charts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Final, get_args

from leanglot.artifacts import check_unquantized, versions
from leanglot.charts.files import write_figure
from leanglot.charts.retention import draw
from leanglot.config import DataConfig
from leanglot.data.pool import TextPool, read_pool
from leanglot.errors import ConfigError, DataError, RecipeError, RunError
from leanglot.exam import QUICK, Exam, prepare_exam
from leanglot.measure.quality import answer_all
from leanglot.measure.subject import in_memory
from leanglot.models.hub import resolve_model
from leanglot.models.text_classifier import TextClassifier, load_text_classifier
from leanglot.progress import Observer, Silent, Telling
from leanglot.quantizers import Making
from leanglot.results.atomic import remove_leftovers, write_text_atomically
from leanglot.results.checkpoints import key_of
from leanglot.results.environment import available_cores, read_environment
from leanglot.results.folder import RunFolder
from leanglot.results.manifest import is_artifact, read_manifest
from leanglot.results.predictions import Predictions
from leanglot.results.sparsity import KindResult, SearchKind, SparsitySearch
from leanglot.runtimes.base import TokenIds
from leanglot.searching.saved import FOLDER, Answered, SavedAnswers
from leanglot.searching.variants import levels_of, step_of
from leanglot.shapers import carry_out
from leanglot.steps import Setting
from leanglot.techniques.pruning import Importance
from leanglot.tune.requirement import Requirement, check_drop
from leanglot.tune.sparsity import Attempt, search
from leanglot.tune.sparsity_wording import notes_on

KINDS: Final[tuple[SearchKind, ...]] = get_args(SearchKind)
RECORD_NAME: Final = "sparsity.json"
UNPRUNED: Final = "unpruned"
_IMPORTANCE: Final = "importance"
_STRUCTURED: Final = frozenset({"heads", "ffn", "layers"})
_PROBES: Final = 8  # about as many as a kind takes, for the progress bar


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What is searched for.

    Attributes:
        kinds: What is pruned; each kind is searched by itself.
        max_drop: Largest drop of the accuracy allowed; 0.01 is one point.
        worst_language: Whether every language has to keep within it, or only their mean.
        alpha: Error level of the verdicts.
        importance: How heads, neurons and layers are ranked.

    Raises:
        ConfigError: A kind is unknown or repeats, or the drop is no share between 0 and 1.
    """

    kinds: Sequence[SearchKind] = KINDS
    max_drop: float = 0.01
    worst_language: bool = True
    alpha: float = 0.05
    importance: Importance = field(default_factory=Importance)

    def __post_init__(self) -> None:
        check_drop(self.max_drop)
        if not self.kinds or len(set(self.kinds)) < len(self.kinds) or set(self.kinds) - set(KINDS):
            raise ConfigError(
                f"--kinds {','.join(map(str, self.kinds)) or 'nothing'} cannot be searched.",
                f"Allowed are some of {', '.join(KINDS)}, each once.",
            )


def search_sparsity(
    model: str,
    out: Path,
    setting: Setting,
    plan: SearchPlan | None = None,
    calibration: DataConfig | None = None,
    observer: Observer | None = None,
) -> tuple[SparsitySearch, Path]:
    """Find the highest sparsity of each kind that keeps within the allowed drop; see `leanglot.tune.sparsity.search`.

    Every model's answers are kept in the folder, and so is the importance of its parts: a search that was stopped goes
    on where it was, and one with another allowed drop asks again for what it lacks alone.

    Args:
        model: A model folder, or an artifact for PyTorch.
        out: Folder of the search: a new one, or that of an earlier search.
        setting: The judged data.
        plan: What is searched for.
        calibration: Texts that importance is measured on; None takes the training split of the judged data.
        observer: Told of the progress.

    Returns:
        The record, and the PNG file of the chart of all kinds. Both are in the folder, as sparsity.json and
        charts/retention.png, beside a chart per kind.

    Raises:
        ConfigError: The plan cannot be carried out.
        RecipeError: The model is quantized, or importance is needed and there are no texts for it.
        RunError: The folder holds something else, or another search is at work in it.
        LeanglotError: The model or the data cannot be used.
    """
    plan, observer, folder = plan or SearchPlan(), observer or Silent(), RunFolder(out.absolute())
    _check_folder(folder)
    source = resolve_model(model, allow_pickle=setting.allow_pickle)
    if is_artifact(source):
        check_unquantized(source, read_manifest(source))
    loaded = load_text_classifier(source, allow_pickle=setting.allow_pickle)
    exam = prepare_exam(setting.data, loaded.labels, QUICK, setting.limit, setting.seed)
    levels = {kind: levels_of(loaded, kind) for kind in plan.kinds}
    pool = _texts_for(plan, setting, calibration, exam)
    folder.create()
    with folder.locked():
        for inside in (FOLDER, _IMPORTANCE, "charts"):
            remove_leftovers(folder.path / inside)
        making = Making(calibration=pool, store=folder.path / _IMPORTANCE, served=tuple(exam.summary.examples))
        observer.plan([UNPRUNED, *plan.kinds])
        bench = _Bench(
            model=loaded,
            exam=exam,
            setting=setting,
            plan=plan,
            making=making,
            saved=SavedAnswers(folder.path),
            observer=observer,
            rows=cache(lambda: in_memory(loaded).encode(exam.examples.texts).rows),
            shared=_shared(loaded, exam, setting.batch_tokens),
        )
        record = _search(bench, levels)
        write_text_atomically(folder.path / RECORD_NAME, record.model_dump_json(indent=2) + "\n")
        return record, _write_charts(record, folder.charts)


@dataclass(slots=True)
class _Bench:
    """What all models of a search share, and what was noticed so far.

    Attributes:
        model: The unpruned model.
        exam: The judged examples.
        setting: Threads and batches.
        plan: What is searched for.
        making: Texts that importance is measured on, and where it is kept.
        saved: Answers of this search and earlier ones.
        observer: Told of the progress.
        rows: Gives the judged texts as token ids; pruning leaves the tokenizer alone.
        shared: Digest of what the answers of all models depend on.
        tried: Models of the present kind so far.
        notes: What was noticed when models were pruned.
    """

    model: TextClassifier
    exam: Exam
    setting: Setting
    plan: SearchPlan
    making: Making
    saved: SavedAnswers
    observer: Observer
    rows: Callable[[], Sequence[TokenIds]]
    shared: str
    tried: int = 0
    notes: list[str] = field(default_factory=list)

    def baseline(self) -> Predictions:
        """The unpruned model's answers."""
        total = len(self.exam.examples)
        self.observer.enter(UNPRUNED, "evaluating", total)
        answered = self.saved.keep(
            UNPRUNED, self._key(None, 0.0), lambda: Answered(self._answers(self.model, UNPRUNED), 0.0)
        )
        self.observer.enter(UNPRUNED, "done" if self.saved.saved else "kept")
        return answered.predictions

    def find(self, kind: SearchKind, levels: Sequence[float], requirement: Requirement) -> KindResult:
        """Search one kind."""
        before, self.tried = self.saved.saved, 0
        self.observer.enter(kind, "making")
        found = search(kind, levels, partial(self._attempt, kind), requirement)
        self.observer.enter(kind, "done" if self.saved.saved > before else "kept")
        return found

    def _attempt(self, kind: SearchKind, sparsity: float) -> Attempt:
        name, key = f"{kind}-{sparsity:.4f}", self._key(kind, sparsity)
        answered = self.saved.keep(name, key, partial(self._pruned, kind, sparsity))
        self.tried += 1
        self.notes += answered.notes
        return Attempt(answered.predictions.correct, answered.actual)

    def _pruned(self, kind: SearchKind, sparsity: float) -> Answered:
        """Prune the model, cut where parts of it go, and have it answer."""
        self.observer.enter(kind, "making")
        making = replace(self.making, tell=Telling(self.observer, kind))
        shape = carry_out(self.model, (step_of(kind, sparsity, self.plan.importance),), making)
        total = len(self.exam.examples)
        self.observer.enter(kind, "evaluating", max(_PROBES, self.tried + 1) * total)
        self.observer.advance(kind, self.tried * total)
        return Answered(self._answers(shape.model, kind), shape.model.pruning[-1].actual, shape.notes)

    def _answers(self, model: TextClassifier, name: str) -> Predictions:
        classifier = in_memory(model, self.setting.threads or available_cores())
        advance = partial(self.observer.advance, name)
        answers = answer_all(classifier, self.rows(), self.setting.batch_tokens, advance)
        return self.exam.predictions(answers, model.labels)

    def _key(self, kind: SearchKind | None, sparsity: float) -> str:
        learnt: tuple[object, ...] = ()
        if kind in _STRUCTURED and self.making.calibration is not None:
            learnt = (self.plan.importance, self.making.calibration.digest)
        return key_of(self.shared, kind, sparsity, learnt)


def _shared(model: TextClassifier, exam: Exam, batch_tokens: int) -> str:
    """Digest of what all answers depend on; products of floats are not the same on every processor."""
    machine = read_environment()
    judged = (model.source, model.max_length, exam.summary.digest, batch_tokens)
    return key_of(judged, machine.cpu, machine.isa, versions("pytorch"))


def _search(bench: _Bench, levels: Mapping[SearchKind, Sequence[float]]) -> SparsitySearch:
    plan, baseline = bench.plan, bench.baseline()
    requirement = Requirement(
        languages=baseline.language,
        baseline=baseline.correct,
        groups=baseline.group,
        max_drop=plan.max_drop,
        worst_language=plan.worst_language,
        alpha=plan.alpha,
    )
    bench.notes += _nothing_to_lose(requirement)
    results = tuple(bench.find(kind, levels[kind], requirement) for kind in plan.kinds)
    return SparsitySearch(
        model=bench.model.name,
        max_drop=plan.max_drop,
        worst_language=plan.worst_language,
        alpha=plan.alpha,
        baseline=requirement.accuracies(baseline.correct),
        examples=requirement.examples,
        undecided=requirement.undecided,
        results=results,
        notes=_notes(bench, results, requirement),
    )


def _nothing_to_lose(requirement: Requirement) -> list[str]:
    """A note on languages whose accuracy is below the allowed drop.

    Raises:
        DataError: All of them are.
    """
    accuracies = requirement.accuracies(requirement.baseline)
    low = [tag for tag, accuracy in accuracies.items() if accuracy <= requirement.max_drop]
    if len(low) == len(accuracies):
        raise DataError(
            f"The unpruned model answers {max(accuracies.values()):.1%} right in its best language: it cannot drop.",
            "Check that the data's labels are the model's, and that it was trained for them.",
        )
    if not low:
        return []
    return [f"Languages that have no more than the allowed drop to lose, whatever is pruned: {', '.join(low)}."]


def _notes(bench: _Bench, results: Sequence[KindResult], requirement: Requirement) -> tuple[str, ...]:
    told = notes_on(results, requirement)
    return tuple(dict.fromkeys((*told, *bench.notes, *bench.model.notes, *bench.exam.summary.notes)))


def _texts_for(plan: SearchPlan, setting: Setting, calibration: DataConfig | None, exam: Exam) -> TextPool | None:
    """The texts that importance is measured on; None where no kind needs them."""
    learning = [kind for kind in plan.kinds if kind in _STRUCTURED]
    if not learning:
        return None
    try:
        return read_pool(calibration, setting.data, set(exam.examples.texts))
    except DataError as error:
        if calibration is not None:
            raise
        raise RecipeError(
            f"Importance of {', '.join(learning)} is measured on texts, and there are none. {error.message}",
            "Give texts that are not judged, labelled or not: --calibration FILE; or search --kinds magnitude alone.",
        ) from error


def _check_folder(folder: RunFolder) -> None:
    """A run's folder is marked as ours too, and yet none for a search."""
    if folder.report_json.exists() or folder.candidates.exists():
        raise RunError(f"{folder.path} holds a run of candidates.", "Choose a new or empty folder with --out.")


def _write_charts(record: SparsitySearch, folder: Path) -> Path:
    """A chart of all kinds and one of each; those of kinds that an earlier search had are taken away."""
    figures = {f"retention-{result.kind}": (result,) for result in record.results} | {"retention": record.results}
    for kind in KINDS:
        for suffix in ("png", "svg"):
            if f"retention-{kind}" not in figures:
                (folder / f"retention-{kind}.{suffix}").unlink(missing_ok=True)
    for name, results in figures.items():
        write_figure(draw(record.model_copy(update={"results": results})), folder, name)
    return folder / "retention.png"
