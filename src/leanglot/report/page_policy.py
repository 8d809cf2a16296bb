"""What the page may do: run its own script, use its own styles, load nothing, and hold data that stay data."""

import base64
import hashlib
from collections.abc import Sequence

from pydantic import BaseModel


def content_policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """A content security policy (CSP, level 3) that allows these texts inline and nothing else but inline pictures.

    Args:
        scripts: The scripts, exactly as they stand between their tags.
        styles: The style sheets likewise.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"script-src {' '.join(map(_source, scripts))}",
            f"style-src {' '.join(map(_source, styles))}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def data_block(record: BaseModel) -> str:
    r"""A record as JSON that no text inside of it can end: ``<``, ``>`` and ``&`` are written as ``\u003c`` and so on.

    Returns:
        JSON for a ``<script type="application/json">`` element; a number that is none becomes null.
    """
    text = record.model_dump_json()
    for character in "<>&\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
