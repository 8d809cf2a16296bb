"""The dashboard's page, styles and script as they are served: the files of ``page/``, and what the report shares."""

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Final

_SHARED_STYLES: Final = ("page.css", "tables.css", "controls.css")
_STYLES: Final = ("dashboard.css", "alerts.css", "health.css", "cards.css")
_SHARED_SCRIPTS: Final = ("elements.js", "sorting.js")
_SCRIPTS: Final = (
    "words.js",
    "drawing.js",
    "summary.js",
    "alerts.js",
    "details.js",
    "rows.js",
    "languages.js",
    "polling.js",
    "start.js",
)

_REACHED: Final = (
    "chrF reached is the share of the newest translations with a reference whose chrF reaches the median of the judged "
    "ones of their pair, with its 95% interval: about half, of an unchanged model."
)
_OF_PAIRS: Final = (
    ('<html lang="en" class="js">', '<html lang="en" class="js" data-task="translation">'),
    ("Skip to the languages", "Skip to the language pairs"),
    ("Show the languages", "Show the language pairs"),
    ("<dt>Languages</dt>", "<dt>Language pairs</dt>"),
    ("any language, without a change.", "any pair, without a change."),
    ('<h2 id="languages" tabindex="-1">Languages</h2>', '<h2 id="languages" tabindex="-1">Language pairs</h2>'),
    ("No language has been seen.", "No language pair has been seen."),
    ('placeholder="th, German"', 'placeholder="de, German"'),
    ("Health of each language;", "Health of each pair;"),
    (
        "Accuracy is taken from the newest labelled predictions, with its 95% interval.",
        _REACHED,
    ),
    ("smallest drop of accuracy that", "smallest fall of that share that"),
)
"""What the page says of languages, and of language pairs in its place."""

CONTENT_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Content security policy (CSP, level 3): own files and own data alone, and no text that becomes HTML or script."""


def page(*, translates: bool = False) -> str:
    """The HTML, without any data.

    Args:
        translates: Whether it is of a model that translates: then it speaks of pairs, and not of accuracy.
    """
    found = _read(__package__, "page", "dashboard.html")
    for of_languages, of_pairs in _OF_PAIRS if translates else ():
        found = found.replace(of_languages, of_pairs)
    return found


def style_sheet() -> str:
    """All styles: those of the report page, then the dashboard's own."""
    return _joined(_SHARED_STYLES, _STYLES)


def script() -> str:
    """The script: one function that leaves nothing behind, since its parts share their names."""
    return f"(() => {{\n'use strict';\n{_joined(_SHARED_SCRIPTS, _SCRIPTS)}}})();\n"


def fingerprint(*texts: str) -> str:
    """Tells these texts from those of another version: 16 hexadecimal digits of SHA-256."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _joined(shared: Sequence[str], own: Sequence[str]) -> str:
    parts = [_read("leanglot.report", "html", name) for name in shared]
    return "\n".join(parts + [_read(__package__, "page", name) for name in own])


def _read(package: str, folder: str, name: str) -> str:
    return files(package).joinpath(folder, name).read_text(encoding="utf-8")
