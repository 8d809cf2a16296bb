"""The script that a text is written in, told by its letters."""

from collections import Counter
from functools import lru_cache
from typing import Final

from fontTools import unicodedata

NO_SCRIPT: Final = "Zyyy"
"""ISO 15924 for what no script owns: the answer for texts without letters."""

# Common and inherited characters, and unassigned ones, tell no script.
_TELL_NOTHING: Final = frozenset({NO_SCRIPT, "Zinh", "Zzzz"})


def main_script(text: str) -> str:
    """The script of most letters of a text, after Unicode's property Script (UAX #24).

    Letters that several scripts share are not counted. Of two scripts with equally many letters, the one met first
    is taken.

    Args:
        text: Any text.

    Returns:
        An ISO 15924 code such as ``Latn``, ``Hani`` or ``Deva``; ``Zyyy`` where the text has no letters.
    """
    if text.isascii():
        return "Latn" if any(map(str.isalpha, text)) else NO_SCRIPT
    letters = letter_scripts(text)
    return max(letters, key=letters.__getitem__, default=NO_SCRIPT)


def letter_scripts(text: str) -> dict[str, int]:
    """Number of letters by script, after Unicode's property Script, in the order met; shared letters tell none.

    Args:
        text: Any text.
    """
    letters: dict[str, int] = {}
    for character, count in Counter(text).items():
        script = _script_of(character)
        if script is not None:
            letters[script] = letters.get(script, 0) + count
    return letters


@lru_cache(maxsize=1 << 15)  # more than the letters of all modern scripts but the rarer Han characters
def _script_of(character: str) -> str | None:
    """The script of a letter; None where it is no letter, or of several scripts."""
    if not character.isalpha():
        return None
    script: str = unicodedata.script(character)
    return None if script in _TELL_NOTHING else script
