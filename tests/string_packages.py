"""A made-up package of translated strings, laid out as the one that the translation demo downloads."""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

Strings = dict[str, object]
"""Texts by key, or groups of them."""


def sentence(word: str, number: int) -> str:
    """A sentence that begins with a word; no two numbers give the same."""
    return f"{word} {'abcdefghij'[number % 10] * (number + 2)} on"


def write_strings(path: Path, words: Mapping[str, str], strings_of: Callable[[str, int], Strings]) -> Path:
    """Write the package: 400 components in some languages.

    Args:
        path: The file to write.
        words: A word by language.
        strings_of: The strings of a component, from a language's word and the component's number.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(400):
            for tag, word in words.items():
                own = json.dumps(strings_of(word, number))
                archive.writestr(f"homeassistant/components/part{number}/translations/{tag}.json", own)
        archive.writestr("homeassistant/components/part1/other/en.json", json.dumps({"x": "never read"}))
    return path
