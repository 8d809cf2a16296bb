"""Paths as users write them."""

from pathlib import Path


def expanded(path: str | Path) -> Path:
    """The path with ``~`` as a home directory; one whose user does not exist stays as it is, and is not found later."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
