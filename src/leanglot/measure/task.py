"""What the model in a folder is for, told from its files."""

import json
from pathlib import Path

from leanglot.results.manifest import is_artifact, parse_manifest
from leanglot.results.router_manifest import is_router, read_router_manifest
from leanglot.techniques import Task


def task_of(folder: Path) -> Task:
    """What the model in a folder is for: translation where it is an encoder-decoder, else classification.

    Raises:
        ModelError: The folder holds an artifact or a router that is damaged.
    """
    if is_router(folder):
        return read_router_manifest(folder).task
    if is_artifact(folder):
        return parse_manifest(folder).task
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "text-classification"  # whoever loads it says what is wrong
    return "translation" if isinstance(config, dict) and config.get("is_encoder_decoder") else "text-classification"
