"""Training texts as models read them, and whether two tokenizers read them alike."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from leanglot.data.examples import Examples
from leanglot.errors import RecipeError
from leanglot.models.text_classifier import TextClassifier
from leanglot.runtimes.base import TokenIds
from leanglot.train.rows import Rows

_CHUNK: Final = 4096  # texts that are tokenized at once


def encode(model: TextClassifier, examples: Examples, labels: NDArray[np.int64]) -> tuple[Rows, tuple[str, ...]]:
    """Examples as the model reads them, and a note on those that it cuts."""
    ids, cut = token_ids(model, examples.texts)
    told = f"Training texts longer than the model reads, which were cut: {cut:,} of {len(ids):,}."
    return Rows(ids, labels, examples.languages, model.pad_id), (told,) if cut else ()


def token_ids(model: TextClassifier, texts: Sequence[str]) -> tuple[list[TokenIds], int]:
    """Token ids of each text, and how many texts were cut; a part at a time, since encodings take much memory."""
    ids: list[TokenIds] = []
    cut = 0
    for start in range(0, len(texts), _CHUNK):
        encoded = model.tokenizer.encode_batch(list(texts[start : start + _CHUNK]))
        ids += [np.asarray(one.ids, dtype=np.int64) for one in encoded]
        cut += sum(bool(one.overflowing) for one in encoded)
    return ids, cut


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


def comparable_rows(tokenizer: Tokenizer, ids: Sequence[TokenIds], student: Tokenizer, own: Rows) -> NDArray[np.bool_]:
    """Which texts both tokenizers split into the same pieces, shape (texts,)."""
    known = tokenizer.get_vocab(with_added_tokens=True)
    pieces = student.get_vocab(with_added_tokens=True)
    to_teacher = np.full(max(pieces.values()) + 1, -1, dtype=np.int64)
    for piece, number in pieces.items():
        to_teacher[number] = known[piece]
    return np.asarray([np.array_equal(to_teacher[mine], its) for mine, its in zip(own.ids, ids, strict=True)])
