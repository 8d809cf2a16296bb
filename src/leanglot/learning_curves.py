"""Trains a model on more and more examples and judges it after each: record and chart of its learning curve."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from leanglot.artifacts import check_unquantized, versions
from leanglot.charts.files import write_figure
from leanglot.charts.learning import draw
from leanglot.config import DataConfig
from leanglot.data.nested import doubling, nested_samples
from leanglot.data.training import TrainingExamples, counts, read_training
from leanglot.errors import DataError, RunError
from leanglot.exam import QUICK, Exam, prepare_exam
from leanglot.measure.quality import answer_all, score
from leanglot.measure.subject import in_memory
from leanglot.models.hub import resolve_model
from leanglot.models.text_classifier import TextClassifier, load_text_classifier
from leanglot.progress import Observer, Silent, Telling
from leanglot.quantizers import Making
from leanglot.results.atomic import remove_leftovers, write_text_atomically
from leanglot.results.checkpoints import Checkpoints, key_of
from leanglot.results.environment import available_cores, read_environment
from leanglot.results.folder import RunFolder
from leanglot.results.learning_curve import CurvePoint, LearningCurve
from leanglot.results.manifest import is_artifact, read_manifest
from leanglot.results.measures import Quality
from leanglot.shapers import carry_out
from leanglot.steps import Setting
from leanglot.techniques import Distillation
from leanglot.train.distributed import refuse_several_processes

RECORD_NAME: Final = "learning_curve.json"
_BEFORE: Final = "before"
_POINTS: Final = "points"
_WORK: Final = "training"


@dataclass(frozen=True, slots=True)
class CurvePlan:
    """What is trained.

    Attributes:
        step: How, at every size.
        sizes: Numbers of examples, all languages together; None doubles them up to all there are.
        steps: Optimizer steps at every size; None trains for the step's epochs, so that few examples mean few steps.
        seed: Seed of the choice of examples.
    """

    step: Distillation
    sizes: Sequence[int] | None = None
    steps: int | None = None
    seed: int = 0

    def at(self, examples: int) -> Distillation:
        """How the model is trained on so many examples."""
        if self.steps is None:
            return self.step
        how = self.step.training
        epochs = self.steps * how.batch_size / examples
        return self.step.model_copy(update={"training": how.model_copy(update={"epochs": epochs})})


def learning_curve(
    model: str, out: Path, setting: Setting, training: DataConfig, plan: CurvePlan, observer: Observer | None = None
) -> tuple[LearningCurve, Path]:
    """Train a model on more and more examples, from the same start each time, and judge it on others.

    Finished sizes are kept in the folder, and so are the checkpoints of the one that is being trained: called again
    with the same arguments, it goes on where it was. The trained weights are not kept.

    Args:
        model: A model folder, or an artifact for PyTorch.
        out: Folder of the curve: a new one, or that of an earlier call.
        setting: The judged data.
        training: Examples to train on; texts that are judged are left out of them.
        plan: What is trained.
        observer: Told of the progress.

    Returns:
        The record, and the PNG file of the chart. Both are in the folder, as learning_curve.json and
        charts/learning_curve.png.

    Raises:
        DataError: A size cannot be drawn.
        RecipeError: The model is quantized.
        RunError: The folder holds something else, or another process is at work in it.
        LeanglotError: The model or the data cannot be used, or the training cannot go on.
    """
    refuse_several_processes("learning-curve")
    observer, folder = observer or Silent(), RunFolder(out.absolute())
    if folder.report_json.exists() or folder.candidates.exists():
        raise RunError(f"{folder.path} holds a run of candidates.", "Choose a new or empty folder with --out.")
    source = resolve_model(model, allow_pickle=setting.allow_pickle)
    if is_artifact(source):
        check_unquantized(source, read_manifest(source))
    loaded = load_text_classifier(source, allow_pickle=setting.allow_pickle)
    exam = prepare_exam(setting.data, loaded.labels, QUICK, setting.limit, setting.seed)
    lessons = _labelled(read_training(training.path, training.columns, exam.examples))
    sizes = plan.sizes or doubling(len(lessons.examples), len(set(lessons.examples.languages)))
    drawn = nested_samples(lessons.examples, sizes, plan.seed)
    folder.create()
    with folder.locked():
        for inside in (_POINTS, "charts"):
            remove_leftovers(folder.path / inside)
        observer.plan([_BEFORE, *map(_name, drawn)])
        bench = _Bench(loaded, exam, setting, plan, folder.path, Checkpoints(folder.path / _POINTS), observer)
        before = bench.before()
        points = tuple(bench.point(replace(lessons, examples=examples)) for examples in drawn.values())
        record = LearningCurve(
            created_at=datetime.now(UTC),
            environment=read_environment(setting.threads or available_cores()),
            model=loaded.name,
            training=training.path.name,
            data=exam.summary,
            seed=plan.seed,
            step=plan.at(points[-1].total),
            fixed_steps=plan.steps is not None,
            before=before,
            points=points,
            notes=_notes(lessons, exam),
        )
        write_text_atomically(folder.path / RECORD_NAME, record.model_dump_json(indent=2) + "\n")
        png, _ = write_figure(draw(record), folder.charts, "learning_curve")
    return record, png


@dataclass(frozen=True, slots=True)
class _Bench:
    """What all sizes share.

    Attributes:
        model: The start; left as it is.
        exam: The judged examples.
        setting: Threads and batches.
        plan: What is trained.
        folder: Of the curve.
        store: Finished sizes.
        observer: Told of the progress.
    """

    model: TextClassifier
    exam: Exam
    setting: Setting
    plan: CurvePlan
    folder: Path
    store: Checkpoints
    observer: Observer

    def before(self) -> Quality:
        """The model without training."""
        found = self.store.keep(_BEFORE, self._key(), Quality, lambda: self._judge(self.model, _BEFORE))
        self.observer.enter(_BEFORE, "done")
        return found

    def point(self, lessons: TrainingExamples) -> CurvePoint:
        """The model after training on some of the examples."""
        name, step = _name(len(lessons.examples)), self.plan.at(len(lessons.examples))
        stored = self.store.saved
        found = self.store.keep(name, self._key(step, lessons.digest), CurvePoint, partial(self._train, lessons, step))
        self.observer.enter(name, "done" if self.store.saved > stored else "kept")
        return found

    def _train(self, lessons: TrainingExamples, step: Distillation) -> CurvePoint:
        name, work = _name(len(lessons.examples)), self.folder / _WORK
        making = Making(training=lessons, teacher=self.model, work=work, tell=Telling(self.observer, name))
        trained = carry_out(self.model, (step,), making).model
        facts = trained.training[-1]
        point = CurvePoint(
            examples=counts(lessons.examples.languages),
            steps=facts.kept_step,
            seconds=sum(epoch.seconds for epoch in facts.epochs),
            quality=self._judge(trained, name),
        )
        shutil.rmtree(work, ignore_errors=True)
        return point

    def _judge(self, model: TextClassifier, name: str) -> Quality:
        classifier = in_memory(model, self.setting.threads or available_cores())
        rows = classifier.encode(self.exam.examples.texts).rows
        self.observer.enter(name, "evaluating", len(rows))
        answers = answer_all(classifier, rows, self.setting.batch_tokens, partial(self.observer.advance, name))
        given = self.exam.predictions(answers, model.labels)
        return score(given.label, given.predicted, given.language)

    def _key(self, *inputs: object) -> str:
        machine = read_environment()
        judged = (self.model.source, self.model.max_length, self.exam.summary.digest, self.setting.batch_tokens)
        return key_of(judged, machine.cpu, machine.isa, versions("pytorch"), *inputs)


def _name(size: int) -> str:
    return f"{size}-examples"


def _labelled(lessons: TrainingExamples) -> TrainingExamples:
    """The examples with a label, since a curve is drawn over those.

    Raises:
        DataError: None has one.
    """
    kept = [place for place, label in enumerate(lessons.examples.labels) if label]
    if not kept:
        raise DataError(
            f"No text of {lessons.source} has a label: a learning curve counts labelled examples.",
            "Give labelled texts with --training FILE; --label-column names their column.",
        )
    if len(kept) == len(lessons.examples):
        return lessons
    told = f"Texts without a label, which were left out: {len(lessons.examples) - len(kept):,}."
    return replace(lessons, examples=lessons.examples.subset(kept), notes=(*lessons.notes, told))


def _notes(lessons: TrainingExamples, exam: Exam) -> tuple[str, ...]:
    taught, judged = set(lessons.examples.languages), set(exam.summary.examples)
    absent = sorted(judged - taught)
    told = (f"Judged languages without an example to train on: {', '.join(absent)}.",) if absent else ()
    return tuple(dict.fromkeys((*told, *lessons.notes, *exam.summary.notes)))
