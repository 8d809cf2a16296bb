"""Has a model learn from a teacher and from labels: what distillation, recovery and all other training share."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn

from leanglot.compress.student import check_labels
from leanglot.data.examples import Examples
from leanglot.data.schedule import make_schedule
from leanglot.data.training import TrainingExamples, counts, hold_out, label_ids
from leanglot.errors import RecipeError
from leanglot.models.structure import blocks_of
from leanglot.models.text_classifier import TextClassifier
from leanglot.results.checkpoints import key_of
from leanglot.results.training import TrainingFacts
from leanglot.runtimes.base import TokenIds
from leanglot.techniques.distillation import HiddenMatching
from leanglot.techniques.training import Training
from leanglot.train.answers import ask_teacher
from leanglot.train.distributed import main_first
from leanglot.train.learner import Learner
from leanglot.train.loop import fit
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
        DataError: The examples do not fit the model, or lack a language.
        TrainingError: The loss is no number any more or explodes, or a checkpoint cannot be used.
        StorageError: There is no space for checkpoints or the teacher's answers.
    """
    training, teacher = how.training, lessons.teacher
    order = check_labels(teacher.labels, student.labels)
    check_tokenizers(teacher, student)
    examples, left_out = _learnable(how, lessons.data)
    labels = label_ids(examples, student.labels, IGNORED)
    kept, held, notes = hold_out(examples, training.validation, training.seed)
    schedule = make_schedule(
        [examples.languages[place] for place in kept],
        training.batch_size,
        training.balance,
        temperature=training.temperature,
        traffic=training.traffic,
        seed=training.seed,
    )
    longest = (teacher.max_length, student.max_length)
    key = key_of(shaping, lessons.data.digest, teacher.source, teacher.recipe, longest, how.training)
    rows = encode(student, examples.subset(kept), labels[kept])
    matched = _layers(how.hidden, student, teacher)
    if how.alpha > 0 or matched:
        rows, unmatched = _with_answers(student, rows, examples.subset(kept), lessons, matched, order)
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
        held_out=encode(student, examples.subset(held), labels[held]) if len(held) else None,
        schedule=schedule,
        config=training,
        place=Workplace(
            lessons.folder / f"{shaping[:16]}-{key[:16]}", key, lessons.isa, lessons.trained, lessons.tracking
        ),
        hook=hook,
        rates=rates,
    )
    return Lesson(
        trained=trained,
        examples=counts(rows.languages),
        unlabelled=int((rows.labels == IGNORED).sum()),
        notes=(*lessons.data.notes, *left_out, *schedule.notes, *notes, *_few(examples, held, training)),
    )


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


def encode(model: TextClassifier, examples: Examples, labels: NDArray[np.int64]) -> Rows:
    """Examples as the model reads them."""
    encoded = model.tokenizer.encode_batch(list(examples.texts))
    ids = [np.asarray(one.ids, dtype=np.int64) for one in encoded]
    return Rows(ids, labels, examples.languages, model.pad_id)


def check_tokenizers(teacher: TextClassifier, student: TextClassifier) -> None:
    """Refuses a student whose pieces are not the teacher's, or a part of them, as trimming leaves it.

    Raises:
        RecipeError: They are others.
    """
    known = teacher.tokenizer.get_vocab(with_added_tokens=True).keys()
    own = student.tokenizer.get_vocab(with_added_tokens=True).keys()
    if others := sorted(own - known):
        raise RecipeError(
            f"The tokenizers of teacher and student differ: {len(others):,} of the student's {len(own):,} pieces are "
            f"not among the teacher's {len(known):,}, such as {', '.join(map(repr, others[:3]))}.",
            "Take a student with the teacher's tokenizer, or with one that vocabulary trimming made of it.",
        )


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
    student: TextClassifier,
    rows: Rows,
    examples: Examples,
    lessons: Lessons,
    matched: dict[int, int],
    order: Sequence[int],
) -> tuple[Rows, tuple[str, ...]]:
    """The rows with the teacher's answers to them, and a note on texts whose states cannot be matched."""
    teacher = lessons.teacher
    encoded = teacher.tokenizer.encode_batch(list(examples.texts))
    ids: list[TokenIds] = [np.asarray(one.ids, dtype=np.int64) for one in encoded]
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
    comparable = _comparable(teacher.tokenizer, ids, student.tokenizer, rows) if layers else found.comparable
    answers = replace(found, logits=np.ascontiguousarray(found.logits[:, list(order)]), comparable=comparable)
    if comparable.all():
        return replace(rows, answers=answers), ()
    odd = int((~comparable).sum())
    told = f"Hidden states of {odd:,} of {len(ids):,} texts are not matched: the student splits them into other pieces."
    return replace(rows, answers=answers), (told,)


def _comparable(tokenizer: Tokenizer, ids: Sequence[TokenIds], student: Tokenizer, own: Rows) -> NDArray[np.bool_]:
    """Which texts both tokenizers split into the same pieces, shape (texts,)."""
    known = tokenizer.get_vocab(with_added_tokens=True)
    pieces = student.get_vocab(with_added_tokens=True)
    to_teacher = np.full(max(pieces.values()) + 1, -1, dtype=np.int64)
    for piece, number in pieces.items():
        to_teacher[number] = known[piece]
    return np.asarray([np.array_equal(to_teacher[mine], its) for mine, its in zip(own.ids, ids, strict=True)])


def _few(examples: Examples, held: NDArray[np.int64], training: Training) -> tuple[str, ...]:
    """A note where the choice of the weights hangs on few examples."""
    found = Counter(examples.languages[place] for place in held)
    few = [f"{tag} {found[tag]}" for tag in sorted(found) if found[tag] < _FEW_HELD]
    if training.patience is None or training.watch != "worst" or not few:
        return ()
    return (f"Early stopping watches the worst language, and few examples are held out in {', '.join(few)}.",)
