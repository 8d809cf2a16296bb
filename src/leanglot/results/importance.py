"""What heads, neurons or layers were chosen by, kept in the artifact: ``importance.json``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from leanglot.errors import ModelError
from leanglot.results.shaping import ImportanceMap

IMPORTANCE_NAME: Final = "importance.json"
_MOST_BYTES: Final = 50_000_000


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    maps: tuple[ImportanceMap, ...]


def write_importance(folder: Path, maps: Sequence[ImportanceMap]) -> None:
    """Write the maps of a recipe's steps, in order, beside the model."""
    text = _Stored(maps=tuple(maps)).model_dump_json(indent=1)
    (folder / IMPORTANCE_NAME).write_text(text + "\n", encoding="utf-8")


def read_importance(folder: Path) -> tuple[ImportanceMap, ...]:
    """The maps of an artifact's pruning steps; none where no step measured importance.

    Raises:
        ModelError: The file is damaged.
    """
    path = folder / IMPORTANCE_NAME
    if not path.is_file():
        return ()
    if path.stat().st_size > _MOST_BYTES:
        raise ModelError(f"{path} is larger than {_MOST_BYTES:,} bytes.", "Make the artifact again.")
    try:
        return _Stored.model_validate_json(path.read_text(encoding="utf-8")).maps
    except (OSError, ValueError, ValidationError) as error:
        raise ModelError(f"{path} is damaged: {str(error)[:200]}", "Make the artifact again.") from error
