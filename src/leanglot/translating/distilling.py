"""Distils a translation model: its beam output, its distribution of each token, its hidden states, balanced by pair."""

import copy
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from leanglot.compress.held_zeros import has_zeros, hold_zeros, release_zeros
from leanglot.compress.seq2seq_layers import keep_layers
from leanglot.data.parallel import ParallelExamples
from leanglot.data.schedule import make_schedule
from leanglot.errors import RecipeError
from leanglot.models.translation_model import TranslationModel
from leanglot.results.checkpoints import key_of
from leanglot.results.environment import available_cores, read_environment
from leanglot.results.training import TrainingFacts
from leanglot.techniques import SequenceDistillation
from leanglot.train.attention import plain_attention
from leanglot.train.loop import check_trainable, fit
from leanglot.train.seq2seq_learner import SequenceLearner, Teacher
from leanglot.train.workplace import Trained, Workplace
from leanglot.translating.lessons import Lesson, prepare


class Told(Protocol):
    """Who is told how a distillation goes; `leanglot.progress.Telling` is one."""

    def answered(self, done: int, total: int) -> None:
        """So many of all sentences are translated by the teacher."""
        ...

    def trained(self, done: int, total: int, loss: float) -> None:
        """So many of all steps are done, at that loss on average."""
        ...


def distil_translations(
    teacher: TranslationModel,
    student: TranslationModel,
    step: SequenceDistillation,
    examples: ParallelExamples,
    work: Path | None = None,
    tell: Told | None = None,
) -> tuple[TranslationModel, TrainingFacts]:
    """Train a student of a translation model, or the model itself, on a teacher's translations or on references.

    Sequence-level distillation has the student learn the teacher's beam output as if it were the reference (Kim & Rush,
    2016); word-level distillation, at each token of the target, the teacher's distribution; and hidden states can be
    matched layer by layer (Jiao et al., 2020). With ``targets: references``, ``word: 0`` and ``hidden: 0`` it is plain
    fine-tuning, and the teacher is not asked.

    Killed and called again with the same work folder, it goes on from its last checkpoint, with the result it would
    have had. Weights that an earlier step set to zero stay zero.

    Args:
        teacher: Who is learned from; left as it is.
        student: What the student is made of: layers of it, or all of it; left as it is.
        step: Student, loss and training.
        examples: Sentences with references, none of them judged.
        work: Where the teacher's translations and checkpoints are kept; None keeps none.
        tell: Told how it goes.

    Returns:
        The student, and what its training did; the model's `training` holds it too. In the facts a held-out "answer" is
        one token of a reference, predicted from those before it.

    Raises:
        RecipeError: The student cannot be made, or does not fit the teacher, or the hardware lacks the precision.
        DataError: Nothing can be learned from the sentences, or a model does not know one of their pairs.
        TrainingError: The loss is no number any more or explodes, or a checkpoint cannot be used.
        StorageError: The work folder cannot be written.
    """
    start = keep_layers(student, step.encoder, step.decoder)
    isa = read_environment(available_cores()).isa
    check_trainable(start.module, step.training, isa)
    taught = _teacher(teacher, start, step)
    with _workplace(work) as folder:
        lesson = prepare(teacher, start, step, examples, folder, None if tell is None else tell.answered)
        key = key_of(_shaping(teacher), _shaping(start), step, examples.digest(), _versions())
        place = Workplace(folder / f"training-{key[:16]}", key, isa, None if tell is None else tell.trained)
        trained, notes = _train(start, taught, step, lesson, place)
    facts = _facts(trained, lesson, step)
    told = tuple(dict.fromkeys((*start.notes, *lesson.notes, *notes)))
    return replace(start, training=(*start.training, facts), notes=told), facts


def _train(
    start: TranslationModel, taught: Teacher | None, step: SequenceDistillation, lesson: Lesson, place: Workplace
) -> tuple[Trained, tuple[str, ...]]:
    """Train the student's module in place; returns how that went, and notes on the schedule."""
    training, rows = step.training, lesson.rows
    schedule = make_schedule(
        rows.languages,
        training.batch_size,
        training.balance,
        temperature=training.temperature,
        traffic=training.traffic,
        seed=training.seed,
    )
    held = hold_zeros(start.module) if has_zeros(start.pruning) else {}
    mean_tokens = float(np.mean([len(ids) for ids in rows.targets]))
    learner = SequenceLearner(start.module, mean_tokens, taught, step.word, step.temperature, step.hidden)
    try:
        with plain_attention(start.module):
            trained = fit(learner, rows, lesson.held_out, schedule, training, place)
    finally:
        release_zeros(held)
    return trained, schedule.notes


def _teacher(teacher: TranslationModel, student: TranslationModel, step: SequenceDistillation) -> Teacher | None:
    """The teacher of the tokens and hidden states, with weights of its own; None where only translations are learned.

    Raises:
        RecipeError: Its tokens cannot stand for the student's.
    """
    if step.word == 0 and step.hidden == 0:
        return None
    one, other = student.facts, teacher.facts
    if (one.telling, one.source_code, one.start_code) != (other.telling, other.source_code, other.start_code):
        raise RecipeError(
            f"{teacher.name} is told its languages in another way than the student ({other.telling}, {one.telling}).",
            "Set word: 0 and hidden: 0, so that only its translations are learned.",
        )
    rows = [int(model.module.get_output_embeddings().weight.shape[0]) for model in (student, teacher)]
    return Teacher(
        copy.deepcopy(teacher.module),
        _pieces(student.tokenizer, teacher.tokenizer, rows, step),
        _pieces(student.target_tokenizer, teacher.target_tokenizer, rows, step),
    )


def _pieces(
    student: Tokenizer, teacher: Tokenizer, rows: list[int], step: SequenceDistillation
) -> NDArray[np.int64] | None:
    """The teacher's id of each of the student's rows, -1 where it is no piece; None where the two are alike."""
    own, other = student.get_vocab(with_added_tokens=True), teacher.get_vocab(with_added_tokens=True)
    if own == other and rows[0] == rows[1]:
        return None
    missing = sorted(own.keys() - other.keys())
    if missing:
        raise RecipeError(
            f"{len(missing):,} pieces of the student are none of the teacher's, such as {missing[0]!r}.",
            f"Set word: 0 and hidden: 0 (they are {step.word:g} and {step.hidden:g}), so that only the teacher's "
            "translations are learned.",
        )
    found = np.full(max(rows[0], max(own.values()) + 1), -1, dtype=np.int64)
    for piece, number in own.items():
        found[number] = other[piece]
    return found


def _facts(trained: Trained, lesson: Lesson, step: SequenceDistillation) -> TrainingFacts:
    return TrainingFacts(
        technique="distil",
        examples=dict(sorted(lesson.examples.items())),
        unlabelled=0,
        steps=trained.steps,
        stopped_at=trained.stopped_at,
        kept_step=trained.kept_step,
        processes=trained.processes,
        precision=step.training.precision,
        epochs=trained.epochs,
    )


def _shaping(model: TranslationModel) -> str:
    """Digest of a model as the steps before left it."""
    learnt = [each.model_copy(update={"epochs": ()}) for each in model.training]
    return key_of(model.source, model.recipe, model.pruning, model.vocabulary, model.max_length, model.facts, learnt)


def _versions() -> list[str]:
    """Versions of the packages that shape a training."""
    return [metadata.version(package) for package in ("leanglot", "torch", "transformers", "accelerate")]


@contextmanager
def _workplace(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="leanglot-training-") as inside:
        yield Path(inside)
