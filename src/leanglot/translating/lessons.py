"""What a translation model learns from: the teacher's translations or references, tokenized, some held out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.data.examples import Examples
from leanglot.data.parallel import ParallelExamples
from leanglot.data.parallel_reading import sample_per_pair
from leanglot.data.training import hold_out
from leanglot.errors import DataError, MissingExtraError, ModelError, RecipeError
from leanglot.export.ctranslate2 import export_ctranslate2
from leanglot.measure.translation_subject import describe_translation, translator_in_memory
from leanglot.models.translation_model import TranslationModel
from leanglot.results.checkpoints import key_of
from leanglot.results.environment import available_cores
from leanglot.runtimes.seq2seq import Decoded, Decoding
from leanglot.runtimes.translation_text import TranslationText
from leanglot.runtimes.translator import Translator
from leanglot.techniques import SequenceDistillation
from leanglot.train.distributed import main_first
from leanglot.train.seq2seq_rows import SequenceRows
from leanglot.train.seq2seq_teacher import teacher_translations

ANSWERS_PREFIX: Final = "teacher-"
"""What the names of folders with a teacher's translations begin with."""
_MOST_HELD: Final = 500
_LABEL: Final = "reference"  # every sentence that can be held out has one


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one training learns from.

    Attributes:
        rows: Tokenized sentences, some of them twice where both kinds of targets are learned.
        held_out: Others with their references, to check with; None where there are none.
        examples: Sentences by pair that are learned from, each once.
        notes: What was left out, one sentence each.
    """

    rows: SequenceRows
    held_out: SequenceRows | None
    examples: dict[str, int]
    notes: tuple[str, ...]


def prepare(
    teacher: TranslationModel,
    student: TranslationModel,
    step: SequenceDistillation,
    examples: ParallelExamples,
    folder: Path,
    on_answers: Callable[[int, int], None] | None = None,
) -> Lesson:
    """Tokenize what is learned, the teacher's translations of it first, where these are.

    Args:
        teacher: Translates.
        student: Learns; its tokens count.
        step: Targets, beam, how many sentences, and the share that is held out.
        examples: Sentences with references.
        folder: Where the teacher's translations are kept.
        on_answers: Called with the sentences that the teacher has translated, and all of them.

    Raises:
        DataError: Nothing is left to learn from, the models do not know a pair, or early stopping lacks sentences.
        StorageError: The folder cannot be written.
    """
    usable, held, notes = split(examples, step.training.validation, step.training.seed)
    if step.training.patience is not None and not len(held):
        raise DataError(
            "Early stopping needs held-out sentences, and none could be held out.",
            "Leave patience out, or give sentences of several groups.",
        )
    if step.limit_per_pair is not None:
        usable = sample_per_pair(usable, step.limit_per_pair, step.training.seed)
    parts, counted = [], usable.by_pair()
    if step.targets != "references":
        decoded = _answers(teacher, step, usable, folder, on_answers)
        rows, told = _rows_of_answers(teacher, student, usable, decoded)
        parts.append(rows)
        notes = (*notes, *told)
    if step.targets != "beam":
        rows, told = _rows(student, usable, usable.references)
        parts.append(rows)
        notes = (*notes, *told)
    checked = _rows(student, held, held.references)[0] if len(held) else None
    rows = _joined(parts)
    if not len(rows):
        raise DataError("No sentence is left to learn from.", "Give shorter sentences, or references.")
    learned = {pair: len(places) for pair, places in counted.items() if pair in set(rows.languages)}
    return Lesson(rows, checked if checked is not None and len(checked) else None, learned, notes)


def split(
    examples: ParallelExamples, share: float, seed: int
) -> tuple[ParallelExamples, ParallelExamples, tuple[str, ...]]:
    """Sentences to train on and others to check with, by group; see `leanglot.data.training.hold_out`.

    Of a large pair no more than about 500 sentences are held out, and of the others in proportion: they are checked
    again and again.

    Raises:
        DataError: There are none.
    """
    if not len(examples):
        raise DataError("There are no sentences to learn from.", "Give parallel sentences that are not judged.")
    largest = max(len(places) for places in examples.by_pair().values())
    capped = min(share, _MOST_HELD / largest)
    plain = Examples(examples.sources, (_LABEL,) * len(examples), examples.pairs, examples.groups)
    kept, held, notes = hold_out(plain, capped, seed)
    return (
        examples.subset(kept),
        examples.subset(held),
        tuple(note.replace("examples of", "sentences of") for note in notes),
    )


def text_of(model: TranslationModel) -> TranslationText:
    """How a model's texts become tokens."""
    return TranslationText(model.tokenizer, model.target_tokenizer, model.facts, model.max_length)


def fast_translator(model: TranslationModel, folder: Path) -> Translator:
    """The fastest engine at hand for many sentences: CTranslate2 in FP32, else PyTorch.

    Args:
        model: What translates.
        folder: A folder to write CTranslate2's files to.
    """
    from leanglot.runtimes.ctranslate2_seq2seq import open_engine

    try:
        folder.mkdir(parents=True, exist_ok=True)
        export_ctranslate2(model, folder, "float32")
        manifest = describe_translation(model).model_copy(update={"runtime": "ctranslate2", "recipe": ()})
        return Translator(manifest, text_of(model), open_engine(folder, manifest, available_cores()))
    except (MissingExtraError, RecipeError, ModelError):
        return translator_in_memory(model)


def _answers(
    teacher: TranslationModel,
    step: SequenceDistillation,
    examples: ParallelExamples,
    folder: Path,
    on_answers: Callable[[int, int], None] | None,
) -> list[Decoded]:
    """The teacher's beam output."""
    rows = text_of(teacher).encode(examples.sources, examples.pairs).rows
    facts = teacher.facts
    decoding = Decoding(beam=step.beam, length_penalty=facts.length_penalty, max_tokens=facts.max_target)
    learnt = (teacher.source, teacher.recipe, teacher.max_length, teacher.pruning, teacher.training)
    key = key_of(*learnt, step.beam, facts, examples.digest())
    place, done = folder / f"{ANSWERS_PREFIX}{key[:16]}", 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        if on_answers is not None:
            on_answers(done, len(rows))

    with main_first():
        return teacher_translations(
            lambda: fast_translator(teacher, place / "engine"), rows, decoding, place, key, count
        )


def _rows_of_answers(
    teacher: TranslationModel, student: TranslationModel, examples: ParallelExamples, decoded: list[Decoded]
) -> tuple[SequenceRows, tuple[str, ...]]:
    """Rows whose targets are the teacher's translations; those that are empty or did not end are no model to follow."""
    good = np.asarray([each.finished and len(each.ids) > 0 for each in decoded], dtype=np.bool_)
    places = np.flatnonzero(good)
    chosen = examples.subset(places)
    texts = [text_of(teacher).decode(decoded[place].ids) for place in places]
    rows, notes = _rows(student, chosen, texts)
    if out := len(good) - len(places):
        notes = (f"Sentences left out because the teacher's translation is empty or does not end: {out:,}.", *notes)
    return rows, notes


def _rows(
    student: TranslationModel, examples: ParallelExamples, targets: tuple[str, ...] | list[str]
) -> tuple[SequenceRows, tuple[str, ...]]:
    """Tokenized sentences with these targets; what is longer than the model reads or writes is left out."""
    text = text_of(student)
    encoded, wanted = text.encode(examples.sources, examples.pairs), text.encode_targets(targets)
    end = student.facts.eos_id
    fits: NDArray[np.int64] = np.asarray(
        [
            place
            for place, (cut, ids) in enumerate(zip(encoded.truncated, wanted, strict=True))
            if not cut and len(ids) > 1 and ids[-1] == end
        ],
        dtype=np.int64,
    )
    rows = SequenceRows(
        tuple(encoded.rows[place] for place in fits),
        tuple(wanted[place] for place in fits),
        tuple(examples.pairs[place] for place in fits),
        student.pad_id,
    )
    out = len(examples) - len(fits)
    told = f"Left out, since they are empty or longer than the model reads or writes: {out:,} sentences."
    return rows, (told,) if out else ()


def _joined(parts: list[SequenceRows]) -> SequenceRows:
    return replace(
        parts[0],
        sources=[row for part in parts for row in part.sources],
        targets=[ids for part in parts for ids in part.targets],
        languages=tuple(pair for part in parts for pair in part.languages),
    )
