"""Where sentences end, after UAX #29 (Unicode text segmentation), in one pass however long the text is."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from leanglot.extras import require

_PARAGRAPH: Final = frozenset({"Sep", "CR", "LF"})
_TERMINAL: Final = frozenset({"ATerm", "STerm"})
_SKIPPED: Final = frozenset({"Extend", "Format"})
_LETTERS: Final = frozenset({"OLetter", "Upper", "Lower"})
_STOPS: Final = _LETTERS | _PARAGRAPH | _TERMINAL


def sentence_ends(text: str) -> list[int]:
    """Positions behind each sentence, ascending; the last is the length of the text, unless that is empty.

    Rules SB1 to SB998 of UAX #29; the classes of characters come from the package uniseg.

    Raises:
        MissingExtraError: The package is not installed.
    """
    if not text:
        return []
    places, classes = _significant(text)
    following = _following(classes)
    ends: list[int] = []
    ended, blanks, behind_letter = (
        "",
        False,
        False,
    )  # the last terminal, whether blanks came since, what it stands behind
    for number in range(1, len(places)):
        last, now = classes[number - 1], classes[number]
        if last in _TERMINAL:
            ended, blanks, behind_letter = last, False, number > 1 and classes[number - 2] in {"Upper", "Lower"}
        elif ended and last == "Sp":
            blanks = True
        elif ended and (last != "Close" or blanks):
            ended = ""
        if last in _PARAGRAPH:  # SB3, SB4
            joined, ended = last == "CR" and now == "LF", ""
        else:
            joined = not ended or _goes_on(ended, (blanks, behind_letter, last), now, following[number])
        if not joined:
            ends.append(places[number])
            ended = ""
    return [*ends, len(text)]


def _goes_on(ended: str, since: tuple[bool, bool, str], now: str, following: str) -> bool:
    """Whether no sentence ends between a terminal, with what closed it and blanks, and the character that comes now.

    Args:
        ended: Class of the terminal.
        since: Whether blanks came behind it, whether it stands right behind a letter, and the last class.
        now: Class of what comes.
        following: Class of the first letter, terminal or paragraph end from here on.
    """
    blanks, behind_letter, last = since
    if ended == "ATerm":
        if last == "ATerm" and now == "Numeric":  # SB6
            return True
        if last == "ATerm" and behind_letter and now == "Upper":  # SB7
            return True
        if following == "Lower":  # SB8
            return True
    if now == "SContinue" or now in _TERMINAL:  # SB8a
        return True
    if now == "Sp" or now in _PARAGRAPH:  # SB9, SB10
        return True
    return now == "Close" and not blanks  # SB9, else SB11


def _significant(text: str) -> tuple[list[int], list[str]]:
    """Positions and classes without the characters that belong to the one before (SB5)."""
    lookup = _lookup()
    places: list[int] = []
    classes: list[str] = []
    for place, character in enumerate(text):
        own = lookup(character)
        if own in _SKIPPED and classes and classes[-1] not in _PARAGRAPH:
            continue
        places.append(place)
        classes.append(own)
    return places, classes


def _following(classes: list[str]) -> list[str]:
    """For each position, the class of the first letter, terminal or paragraph end from it on."""
    found, next_stop = [""] * len(classes), ""
    for number in range(len(classes) - 1, -1, -1):
        if classes[number] in _STOPS:
            next_stop = classes[number]
        found[number] = next_stop
    return found


def _lookup() -> Callable[[str], str]:
    require("uniseg.sentencebreak", "translation")
    return _sentence_class


@lru_cache(maxsize=65_536)
def _sentence_class(character: str) -> str:
    return str(require("uniseg.sentencebreak", "translation").sentence_break(character).value)
