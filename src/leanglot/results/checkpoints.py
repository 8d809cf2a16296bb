"""Finished stages of a candidate, each stored with the key of the inputs it was made from."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from leanglot.results.atomic import write_text_atomically

Record = TypeVar("Record", bound=BaseModel)


def key_of(*inputs: object) -> str:
    """A digest of everything a stage depends on: pydantic models, strings, numbers, and lists of them."""

    def plain(value: object) -> object:
        return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)

    return hashlib.sha256(json.dumps(inputs, default=plain, sort_keys=True).encode()).hexdigest()


class Checkpoints:
    """The stored stages of one candidate.

    A stage counts only under the key it was stored with: other inputs give another key, and the stage is done anew.

    Args:
        folder: The candidate's folder.

    Attributes:
        saved: How many stages were stored, not merely found.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.saved = 0

    def load(self, stage: str, key: str, kind: type[Record]) -> Record | None:
        """The stored record; None when there is none, it is damaged, or it was made from other inputs."""
        try:
            stored = json.loads(self._path(stage).read_text(encoding="utf-8"))
            return kind.model_validate(stored["record"]) if stored["key"] == key else None
        except (OSError, ValueError, KeyError, TypeError, ValidationError):
            return None

    def save(self, stage: str, key: str, record: BaseModel) -> None:
        """Store a finished stage."""
        text = json.dumps({"key": key, "record": record.model_dump(mode="json")}, indent=1)
        write_text_atomically(self._path(stage), text + "\n")
        self.saved += 1

    def keep(self, stage: str, key: str, kind: type[Record], make: Callable[[], Record]) -> Record:
        """The stored record of a stage, made and stored first where there is none for this key."""
        if (found := self.load(stage, key, kind)) is not None:
            return found
        made = make()
        self.save(stage, key, made)
        return made

    def forget(self, stage: str) -> None:
        """Have a stage done again by the next run."""
        self._path(stage).unlink(missing_ok=True)

    def _path(self, stage: str) -> Path:
        return self.folder / f"{stage}.json"
