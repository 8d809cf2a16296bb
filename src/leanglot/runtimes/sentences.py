"""Splits a text that is too long for a model by sentence, and joins the translations again (UAX #29)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tokenizers import Tokenizer

from leanglot.extras import require
from leanglot.languages import script
from leanglot.runtimes.sentence_breaks import sentence_ends

# Scripts whose sentences follow each other without a blank.
_UNSPACED: Final = frozenset({"Hans", "Hant", "Hani", "Jpan", "Hira", "Kana"})
_WINDOW: Final = 24  # characters per token that are looked at for a cut; no vocabulary has so long pieces on average
_LONGEST_WORD: Final = 64  # characters before a cut in which a word boundary is looked for


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a text.

    Attributes:
        text: Without white space around it.
        gap: The white space that stood behind it.
        cut: Whether a sentence ends here in its middle.
    """

    text: str
    gap: str
    cut: bool


def split_text(text: str, tokenizer: Tokenizer, room: int) -> list[Part]:
    """Sentences of a text, each of at most so many tokens.

    Sentence and word boundaries are those of UAX #29. A sentence that is too long itself is cut at the last word
    boundary that fits, and inside a word only where the word alone is too long.

    Args:
        text: What is too long as a whole.
        tokenizer: The source side's.
        room: Most tokens of a part, at least 1.

    Raises:
        MissingExtraError: The package uniseg is not installed.
    """
    parts: list[Part] = []
    start = 0
    for end in sentence_ends(text):
        sentence, start = text[start:end], end
        if sentence.strip():
            parts += _fitting(sentence, tokenizer, room)
        elif parts:
            parts[-1] = replace(parts[-1], gap=parts[-1].gap + sentence)
    return parts


def join_parts(translations: Sequence[str], parts: Sequence[Part], target: str) -> str:
    """One text out of the parts' translations: line breaks as they were, else a blank where the target writes any."""
    blank = "" if script(target) in _UNSPACED else " "
    joined = ""
    for translation, part in zip(translations, parts, strict=True):
        gap = part.gap if "\n" in part.gap or "\r" in part.gap else blank
        joined += translation + (gap if translation else "")
    return joined.strip()


def _fitting(sentence: str, tokenizer: Tokenizer, room: int) -> Iterator[Part]:
    place = len(sentence) - len(sentence.lstrip())
    last = len(sentence.rstrip())
    while place < last:
        end = place + _length(sentence[place : min(last, place + max(64, room * _WINDOW))], tokenizer, room)
        behind = end
        while behind < len(sentence) and sentence[behind].isspace():
            behind += 1
        own = sentence[place:end].rstrip()
        yield Part(own, sentence[place + len(own) : behind], cut=behind < last)
        place = behind


def _length(window: str, tokenizer: Tokenizer, room: int) -> int:
    """How many characters of a text fit: all of it, or up to a boundary."""
    encoding = tokenizer.encode(window, add_special_tokens=False)
    allowed = min(room, len(encoding.ids))
    if len(encoding.ids) <= room:
        return len(window)
    while True:
        limit = max(1, encoding.offsets[allowed][0])
        end = _word_end(window, limit)
        # A piece cut off may be tokenized otherwise than as the beginning of the whole.
        if end == 1 or allowed == 1 or _count(window[:end], tokenizer) <= room:
            return end
        allowed -= 1


def _word_end(text: str, limit: int) -> int:
    """The last word boundary in (0, limit]; the limit itself within a very long word."""
    first = max(0, limit - _LONGEST_WORD)
    boundaries: Iterator[int] = require("uniseg.wordbreak", "translation").word_boundaries(text[first : limit + 2])
    # The slice begins and ends with boundaries of its own making.
    return max((first + place for place in boundaries if 0 < place <= limit - first), default=limit)


def _count(text: str, tokenizer: Tokenizer) -> int:
    return len(tokenizer.encode(text.strip(), add_special_tokens=False).ids)
