"""Splits a text that is too long for a model by sentence, and joins the translations again (UAX #29)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tokenizers import Tokenizer

from leanglot.extras import require
from leanglot.languages import script

# Scripts whose sentences follow each other without a blank.
_UNSPACED: Final = frozenset({"Hans", "Hant", "Hani", "Jpan", "Hira", "Kana"})
_WINDOW: Final = 24  # characters per token that are looked at for a cut; no vocabulary has so long pieces on average


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
    boundaries = require("uniseg.sentencebreak", "translation")
    words: Callable[[str], Iterator[int]] = require("uniseg.wordbreak", "translation").word_boundaries
    parts: list[Part] = []
    for paragraph in text.splitlines(keepends=True):
        for sentence in boundaries.sentences(paragraph):
            if sentence.strip():
                parts += _fitting(sentence, tokenizer, room, words)
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


def _fitting(sentence: str, tokenizer: Tokenizer, room: int, words: Callable[[str], Iterator[int]]) -> Iterator[Part]:
    rest = sentence.lstrip()
    while rest:
        body = rest.rstrip()
        end = _end(body, tokenizer, room, words)
        piece, behind = rest[:end], rest[end:]
        left = behind.lstrip()
        own = piece.rstrip()
        if own:
            yield Part(own, piece[len(own) :] + behind[: len(behind) - len(left)], cut=bool(left))
        rest = left


def _end(body: str, tokenizer: Tokenizer, room: int, words: Callable[[str], Iterator[int]]) -> int:
    """How much of a sentence fits: all of it, or up to a boundary."""
    window = body[: max(64, room * _WINDOW)]
    encoding = tokenizer.encode(window, add_special_tokens=False)
    if len(encoding.ids) <= room:
        return len(body) if len(window) == len(body) else max(words(window.rstrip() + "a"), default=len(window))
    allowed = room
    while True:
        limit = max(1, encoding.offsets[allowed][0])
        end = max((place for place in words(window) if 0 < place <= limit), default=limit)
        # A piece cut off may be tokenized otherwise than as the beginning of the whole.
        if end == 1 or allowed == 1 or _count(window[:end], tokenizer) <= room:
            return end
        allowed -= 1


def _count(text: str, tokenizer: Tokenizer) -> int:
    return len(tokenizer.encode(text.strip(), add_special_tokens=False).ids)
