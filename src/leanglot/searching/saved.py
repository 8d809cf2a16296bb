"""Answers of pruned models, kept on disk: a second search of the same model and data asks for none of them again."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from leanglot.errors import RunError
from leanglot.results.checkpoints import Checkpoints
from leanglot.results.manifest import file_digest
from leanglot.results.predictions import Predictions, read_predictions, write_predictions

FOLDER: Final = "probes"


@dataclass(frozen=True, slots=True)
class Answered:
    """What one model answered.

    Attributes:
        predictions: Its answer to each example.
        actual: The share of it that was removed or set to zero.
        notes: What was noticed when it was pruned, one sentence each.
    """

    predictions: Predictions
    actual: float
    notes: tuple[str, ...] = ()


class _Kept(BaseModel):
    """What stands beside the Parquet file of the answers; `digest` is that file's SHA-256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    actual: float
    notes: tuple[str, ...]
    digest: str


class SavedAnswers:
    """The answers of a search.

    They count only under the key they were stored with, and only as long as their file is whole.

    Args:
        folder: The folder of the search.

    Attributes:
        saved: How many were stored, not merely found.
    """

    def __init__(self, folder: Path) -> None:
        self._checkpoints = Checkpoints(folder / FOLDER)

    @property
    def saved(self) -> int:
        """How many were stored, not merely found."""
        return self._checkpoints.saved

    def keep(self, name: str, key: str, answer: Callable[[], Answered]) -> Answered:
        """The stored answers of a model, asked for and stored first where there are none for this key.

        Args:
            name: Name of their files.
            key: Digest of everything that they depend on.
            answer: Makes the model and has it answer.

        Raises:
            StorageError: When the disk is full or the place not writable.
        """
        path = self._checkpoints.folder / f"{name}.parquet"
        kept = self._checkpoints.load(name, key, _Kept)
        if kept is not None and (predictions := _whole(path, kept.digest)) is not None:
            return Answered(predictions, kept.actual, kept.notes)
        answered = answer()
        write_predictions(path, answered.predictions)
        facts = _Kept(actual=answered.actual, notes=answered.notes, digest=file_digest(path))
        self._checkpoints.save(name, key, facts)
        return answered


def _whole(path: Path, digest: str) -> Predictions | None:
    """The stored answers; None where the file is gone, or is not the one that was stored."""
    try:
        return read_predictions(path) if file_digest(path) == digest else None
    except (OSError, RunError):
        return None
