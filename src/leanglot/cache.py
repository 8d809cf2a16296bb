"""Where downloads and built demo files are kept between runs: the user's cache folder."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """The cache folder: ``$LEANGLOT_CACHE``, else ``$XDG_CACHE_HOME/leanglot``, else ``~/.cache/leanglot``."""
    if chosen := os.environ.get("LEANGLOT_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "leanglot"
