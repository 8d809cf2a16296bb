"""How a trimmed tokenizer splits texts, beside the original: tokens per text and unknown ones, by language."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from leanglot.models.uncut import uncut
from leanglot.results.shaping import TokenChange
from leanglot.runtimes.text_facts import unknown_id

_CHUNK: Final = 4096  # texts that are encoded at once
_ABSENT: Final = -1


def compare_tokenizers(
    before: Tokenizer, after: Tokenizer, texts: Sequence[str], languages: Sequence[str]
) -> dict[str, TokenChange]:
    """Compare two tokenizers, whose ids may differ, on the same texts, uncut and without padding.

    A text is split as before when both give the same pieces; an unknown token equals nothing but an unknown token.

    Args:
        before: The original; left as it is.
        after: The trimmed one; left as it is.
        texts: Any number.
        languages: Language of each.

    Returns:
        The change by language, in alphabetical order.
    """
    original, trimmed = _reader(before), _reader(after)
    new_ids = _new_ids(original, trimmed)
    tags, codes = np.unique(np.array(languages, dtype=str), return_inverse=True)
    tokens = np.zeros((2, len(texts)), dtype=np.int64)
    unknown = np.zeros((2, len(texts)), dtype=np.int64)
    same = np.zeros(len(texts), dtype=bool)
    for start in range(0, len(texts), _CHUNK):
        chunk = list(texts[start : start + _CHUNK])
        pairs = zip(original.rows(chunk), trimmed.rows(chunk), strict=True)
        for place, (old, new) in enumerate(pairs, start):
            tokens[:, place] = len(old), len(new)
            unknown[:, place] = (old == original.unknown).sum(), (new == trimmed.unknown).sum()
            same[place] = np.array_equal(new_ids[old], new)
    return {
        str(tag): _change(tokens[:, codes == code], unknown[:, codes == code], same[codes == code])
        for code, tag in enumerate(tags)
    }


@dataclass(frozen=True, slots=True)
class _Reader:
    """A tokenizer that neither cuts nor pads.

    Attributes:
        tokenizer: A copy.
        unknown: Id of the unknown token; -1 where there is none.
    """

    tokenizer: Tokenizer
    unknown: int

    def rows(self, texts: list[str]) -> list[NDArray[np.int64]]:
        """Ids per text, special tokens included."""
        return [np.array(item.ids, dtype=np.int64) for item in self.tokenizer.encode_batch_fast(texts)]


def _reader(tokenizer: Tokenizer) -> _Reader:
    named = unknown_id(tokenizer)
    return _Reader(uncut(tokenizer.to_str()), _ABSENT if named is None else named)


def _new_ids(original: _Reader, trimmed: _Reader) -> NDArray[np.int64]:
    """By the original's id, the id of the same piece in the trimmed tokenizer; -1 where it is gone."""
    vocabulary = original.tokenizer.get_vocab(with_added_tokens=True)
    ids = trimmed.tokenizer.get_vocab(with_added_tokens=True)
    table = np.full(max(vocabulary.values(), default=0) + 1, _ABSENT)
    for piece, number in vocabulary.items():
        table[number] = ids.get(piece, _ABSENT)
    return table


def _change(tokens: NDArray[np.int64], unknown: NDArray[np.int64], same: NDArray[np.bool_]) -> TokenChange:
    """Of the texts of one language; tokens and unknown ones have shape (2, texts): before, after."""
    totals = np.maximum(tokens.sum(axis=1), 1)  # texts without any token have no unknown one
    return TokenChange(
        texts=len(same),
        before=float(tokens[0].mean()),
        after=float(tokens[1].mean()),
        unknown_before=float(unknown[0].sum() / totals[0]),
        unknown_after=float(unknown[1].sum() / totals[1]),
        same=float(same.mean()),
    )
