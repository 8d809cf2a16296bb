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


def page() -> str:
    """The HTML, without any data."""
    return _read(__package__, "page", "dashboard.html")


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
