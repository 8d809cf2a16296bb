"""The page's own styles and scripts, as they stand inside of it: the files of ``html/``, joined."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Final

_STYLES: Final = ("page.css", "tables.css", "controls.css", "print.css")
_SCRIPTS: Final = (
    "elements.js",
    "state.js",
    "sorting.js",
    "menus.js",
    "intervals.js",
    "detail.js",
    "candidates.js",
    "languages.js",
    "drops.js",
    "prices.js",
    "start.js",
)
MARK_SCRIPT: Final = 'document.documentElement.className = "js";'
"""Runs before anything is shown, so that nothing moves when the rest of the script starts."""


def style_sheet() -> str:
    """All styles."""
    return _joined(_STYLES)


def working_script() -> str:
    """The script that makes tables work: one function that leaves nothing behind, since its parts share their names."""
    return f"(() => {{\n'use strict';\n{_joined(_SCRIPTS)}}})();"


def _joined(names: Sequence[str]) -> str:
    folder = files(__package__).joinpath("html")
    return "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)
