"""What can be seen of a translation without a reference: whether it is empty, cut off, a copy, a loop, or foreign."""

import re
from functools import lru_cache
from typing import Final

from leanglot.data.scripts import NO_SCRIPT, main_script
from leanglot.languages import script, split_pair
from leanglot.results.monitor_baseline import TRANSLATED

# Scripts that are sets of others in ISO 15924, as Unicode's property Script names their members.
_MEMBERS: Final = {
    "Hans": frozenset({"Hani", "Bopo"}),
    "Hant": frozenset({"Hani", "Bopo"}),
    "Jpan": frozenset({"Hani", "Hira", "Kana"}),
    "Kore": frozenset({"Hang", "Hani"}),
}
_LOOP: Final = re.compile(r"(.{1,24}?)\1{4,}", re.DOTALL)
_SOURCE_LOOP: Final = re.compile(r"(.{1,200}?)\1{2,}", re.DOTALL)  # what repeats itself may be translated so
_SHORTEST_LOOP: Final = 12
_FEWEST_LETTERS: Final = 8  # names, units and short words are the same in many languages


def outcome_of(source: str, translation: str, pair: str, *, finished: bool) -> str:
    """The first of `OUTCOMES` that holds of a translation, ``translated`` where it shows no failure.

    It is one look for judged examples and live traffic alike: how often it is wrong matters less than that it is wrong
    equally often. Translations of a few letters pass as no copies and in any script.

    Args:
        source: What was translated.
        translation: What came of it.
        pair: Canonical tag of the language pair.
        finished: Whether the translation ended by itself.
    """
    if not translation.strip():
        return "empty"
    if not finished:
        return "unfinished"
    if _is_copy(source, translation):
        return "copied"
    if _loops(_LOOP, translation) and not _loops(_SOURCE_LOOP, source):
        return "repetition"
    return "wrong-language" if _is_foreign(translation, pair) else TRANSLATED


def _is_copy(source: str, translation: str) -> bool:
    folded = " ".join(source.casefold().split())
    return sum(map(str.isalpha, folded)) >= _FEWEST_LETTERS and folded == " ".join(translation.casefold().split())


def _loops(pattern: re.Pattern[str], text: str) -> bool:
    """Whether a piece comes again and again without anything between, over 12 characters or more."""
    return any(len(found.group(0)) >= _SHORTEST_LOOP for found in pattern.finditer(text))


def _is_foreign(translation: str, pair: str) -> bool:
    expected = _scripts(pair)
    if not expected or sum(map(str.isalpha, translation)) < _FEWEST_LETTERS:
        return False
    return main_script(translation) not in {*expected, NO_SCRIPT}


@lru_cache(maxsize=1024)
def _scripts(pair: str) -> frozenset[str]:
    """Scripts that the target language is written in; none where that is not known."""
    _, target = split_pair(pair) or ("", pair)
    code = script(target)
    return frozenset() if code is None else _MEMBERS.get(code, frozenset({code}))
