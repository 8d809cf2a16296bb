"""Has a model learn from a teacher and from labels: what distillation, recovery and all other training share."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import nn

from leanglot.compress.encoding import check_tokenizers, comparable_rows, encode, token_ids
from leanglot.compress.student import check_labels
from leanglot.data.examples import Examples
from leanglot.data.schedule import Schedule, make_schedule
from leanglot.data.training import TrainingExamples, counts, hold_out, label_ids
from leanglot.errors import DataError, RecipeError
from leanglot.models.structure import blocks_of
from leanglot.models.text_classifier import TextClassifier
from leanglot.results.checkpoints import key_of
from leanglot.results.training import TrainingFacts
from leanglot.techniques.distillation import HiddenMatching
from leanglot.techniques.training import Training
from leanglot.train.answers import ask_teacher
from leanglot.train.checkpoint import FINAL_NAME
from leanglot.train.distributed import main_first
from leanglot.train.learner import Learner
from leanglot.train.loop import check_trainable, fit
from leanglot.train.loss import IGNORED, spread_layers
from leanglot.train.rows import Rows
from leanglot.train.tracking import Tracking
from leanglot.train.workplace import Hook, Trained, Workplace

ANSWERS_PREFIX: Final = "teacher-"
"""What the names of folders with a teacher's answers begin with."""
_FEW_HELD: Final = 20


class Learning(Protocol):
    """What the config of any technique that trains says of the loss and the training."""

    @property
    def temperature(self) -> float:
        """Divides both models' logits in the distillation term."""
        ...

    @property
    def alpha(self) -> float:
        """Weight of the teacher's answers against the labels."""
        ...

    @property
    def hidden(self) -> HiddenMatching | None:
        """Whether hidden states are matched too, and how."""
        ...

    @property
    def training(self) -> Training:
        """How the model is trained."""
        ...


@dataclass(frozen=True, slots=True)
class Lessons:
    """What a model learns from, and where the training is kept.

    Attributes:
        teacher: The model whose answers it learns; left as it is.
        data: Examples.
        folder: Where checkpoints and the teacher's answers are kept, so that a killed training goes on.
        isa: Instruction-set extensions of this machine.
        answered: Called with the texts that the teacher has answered and all of them.
        trained: Called with the steps done, all steps, and the moving average of the loss.
        tracking: Where losses are logged besides; None for nowhere.
    """

    teacher: TextClassifier
    data: TrainingExamples
    folder: Path
    isa: tuple[str, ...] = ()
    answered: Callable[[int, int], None] | None = None
    trained: Callable[[int, int, float], None] | None = None
    tracking: Tracking | None = None


@dataclass(frozen=True, slots=True)
class Lesson:
    """How a training went: the record, and what was noticed, one sentence each."""

    trained: Trained
    examples: dict[str, int]
    unlabelled: int
    notes: tuple[str, ...]


def learn(
    student: TextClassifier,
    how: Learning,
    lessons: Lessons,
    shaping: str,
    *,
    module: nn.Module | None = None,
    hook: Hook | None = None,
    rates: Mapping[str, float] | None = None,
) -> Lesson:
    """Train a model in place.

    Args:
        student: Its weights are its own, and change.
        how: Loss and training.
        lessons: Teacher and examples.
        shaping: Digest of all else that the result depends on: the student as it is, and the technique's config.
        module: What is trained in place of the student's own module, such as a copy that rounds.
        hook: What the technique does to the model before each step.
        rates: Factor of the learning rate by the last part of a parameter's name; see `leanglot.train.loop.fit`.

    Raises:
        RecipeError: Teacher and student do not fit together, or hidden states cannot be matched.
        DataError: The examples do not fit the model, lack a language, or none can be held out for early stopping.
        TrainingError: The loss is no number any more or explodes, or a checkpoint cannot be used.
        StorageError: There is no space for checkpoints or the teacher's answers.
    """
    teacher = lessons.teacher
    order = check_labels(teacher.labels, student.labels)
    check_tokenizers(teacher, student)
    check_trainable(module or student.module, how.training, lessons.isa)
    material = _material(student, how, lessons, shaping)
    matched = _layers(how.hidden, student, teacher)
    rows, notes = material.rows, material.notes
    # A training that is over already needs no answers.
    if (how.alpha > 0 or matched) and not (material.folder / FINAL_NAME).is_file():
        rows, unmatched = _with_answers(student, material, lessons, matched, order)
        notes = (*notes, *unmatched)
    trained = fit(
        learner=Learner(
            module or student.module,
            how.temperature,
            how.alpha,
            hidden_weight=0.0 if how.hidden is None else how.hidden.weight,
            hidden_layers=tuple(matched),
            teacher_width=int(teacher.module.config.hidden_size),
        ),
        rows=rows,
        held_out=material.held_out,
        schedule=material.schedule,
        config=how.training,
        place=Workplace(material.folder, material.key, lessons.isa, lessons.trained, lessons.tracking),
        hook=hook,
        rates=rates,
    )
    unlabelled = int((rows.labels == IGNORED).sum())
    return Lesson(trained, counts(rows.languages), unlabelled, notes)


@dataclass(frozen=True, slots=True)
class _Material:
    """What one training learns from, in the student's tokens, and where it is kept.

    Attributes:
        examples: Those that are trained on.
        rows: The same, tokenized.
        held_out: Those to check with; None where there are none.
        schedule: The order of the first.
        folder: Where the training is kept.
        key: Digest of all that shapes it.
        notes: What was noticed, one sentence each.
    """

    examples: Examples
    rows: Rows
    held_out: Rows | None
    schedule: Schedule
    folder: Path
    key: str
    notes: tuple[str, ...]


def _material(student: TextClassifier, how: Learning, lessons: Lessons, shaping: str) -> _Material:
    training, teacher = how.training, lessons.teacher
    examples, left_out = _learnable(how, lessons.data)
    labels = label_ids(examples, student.labels, IGNORED)
    kept, held, held_notes = hold_out(examples, training.validation, training.seed)
    if training.patience is not None and not len(held):
        raise DataError(
            "Early stopping needs held-out examples, and none could be held out.",
            "Leave patience out, or give labelled examples of several groups.",
        )
    schedule = make_schedule(
        [examples.languages[place] for place in kept],
        training.batch_size,
        training.balance,
        temperature=training.temperature,
        traffic=training.traffic,
        seed=training.seed,
    )
    rows, cut = encode(student, examples.subset(kept), labels[kept])
    longest = (teacher.max_length, student.max_length)
    key = key_of(shaping, lessons.data.digest, teacher.source, teacher.recipe, longest, training, _versions())
    few = _few(examples, held, training)
    return _Material(
        examples=examples.subset(kept),
        rows=rows,
        held_out=encode(student, examples.subset(held), labels[held])[0] if len(held) else None,
        schedule=schedule,
        folder=lessons.folder / f"{shaping[:16]}-{key[:16]}",
        key=key,
        notes=(*lessons.data.notes, *left_out, *cut, *schedule.notes, *held_notes, *few),
    )


def shaping_of(model: TextClassifier, config: BaseModel, *more: object) -> str:
    """Digest of what a training depends on beside its examples and its teacher: the model before it, and its config."""
    return key_of(model.source, model.recipe, model.pruning, model.vocabulary, *more, config)


def _learnable(how: Learning, data: TrainingExamples) -> tuple[Examples, tuple[str, ...]]:
    """The examples that something can be learned from, and a note on those left out.

    Raises:
        RecipeError: There are none.
    """
    if how.alpha > 0 or how.hidden is not None:
        return data.examples, ()
    labelled = [place for place, label in enumerate(data.examples.labels) if label]
    if not labelled:
        raise RecipeError(
            f"{data.source} has no labels, and with alpha: 0 nothing is learned from the teacher.",
            "Raise alpha, or give labelled examples.",
        )
    out = len(data.examples) - len(labelled)
    told = f"With alpha: 0 nothing is learned from texts without a label, which were left out: {out:,}."
    return data.examples.subset(labelled), (told,) if out else ()


def facts_of(lesson: Lesson, technique: str, training: Training) -> TrainingFacts:
    """The record of a training."""
    trained = lesson.trained
    return TrainingFacts.model_validate(
        {
            "technique": technique,
            "examples": lesson.examples,
            "unlabelled": lesson.unlabelled,
            "steps": trained.steps,
            "stopped_at": trained.stopped_at,
            "kept_step": trained.kept_step,
            "processes": trained.processes,
            "precision": training.precision,
            "epochs": trained.epochs,
        }
    )


def _versions() -> list[str]:
    """Versions of the packages that shape a training."""
    return [metadata.version(package) for package in ("leanglot", "torch", "transformers", "accelerate")]


def _layers(how: HiddenMatching | None, student: TextClassifier, teacher: TextClassifier) -> dict[int, int]:
    """Layer of the teacher by layer of the student; none where no states are matched."""
    if how is None:
        return {}
    own, other = len(blocks_of(student.module)), len(blocks_of(teacher.module))
    if how.layers is None:
        return spread_layers(own, other)
    for layer, partner in how.layers.items():
        if layer >= own or partner >= other:
            raise RecipeError(
                f"hidden: layers names layer {layer} of the student and {partner} of the teacher; they have {own} and "
                f"{other} layers.",
                "Layers are counted from 0.",
            )
    return dict(sorted(how.layers.items()))


def _with_answers(
    student: TextClassifier, material: _Material, lessons: Lessons, matched: Mapping[int, int], order: Sequence[int]
) -> tuple[Rows, tuple[str, ...]]:
    """The rows with the teacher's answers to them, and a note on texts whose states cannot be matched."""
    teacher, examples, rows = lessons.teacher, material.examples, material.rows
    ids, _ = token_ids(teacher, examples.texts)
    layers = tuple(matched.values())
    key = key_of(teacher.source, teacher.recipe, teacher.max_length, examples.digest(), layers)
    done, tell = 0, lessons.answered

    def count(more: int) -> None:
        nonlocal done
        done += more
        if tell is not None:
            tell(done, len(ids))

    with main_first():
        found = ask_teacher(teacher, ids, lessons.folder / f"{ANSWERS_PREFIX}{key[:16]}", key, layers, count)
    comparable = comparable_rows(teacher.tokenizer, ids, student.tokenizer, rows) if layers else found.comparable
    answers = replace(found, logits=np.ascontiguousarray(found.logits[:, list(order)]), comparable=comparable)
    if comparable.all():
        return replace(rows, answers=answers), ()
    odd = int((~comparable).sum())
    told = f"Hidden states of {odd:,} of {len(ids):,} texts are not matched: the student splits them into other pieces."
    return replace(rows, answers=answers), (told,)


def _few(examples: Examples, held: NDArray[np.int64], training: Training) -> tuple[str, ...]:
    """A note where the choice of the weights hangs on few examples."""
    found = Counter(examples.languages[place] for place in held)
    few = [f"{tag} {found[tag]}" for tag in sorted(found) if found[tag] < _FEW_HELD]
    if training.patience is None or training.watch != "worst" or not few:
        return ()
    return (f"Early stopping watches the worst language, and few examples are held out in {', '.join(few)}.",)
