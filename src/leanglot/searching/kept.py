"""The record of a search on disk: written whole after each step, so that a search that was killed goes on."""

from pathlib import Path

from pydantic import ValidationError

from leanglot.errors import RunError
from leanglot.results.atomic import write_text_atomically
from leanglot.results.searching import SEARCH_NAME, SearchRecord


def read_search(folder: Path) -> SearchRecord | None:
    """The record in a run folder; None where there is none.

    Args:
        folder: The run folder.

    Raises:
        RunError: It is damaged, or was made by a newer leanglot.
    """
    path = folder / SEARCH_NAME
    try:
        return SearchRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError, ValueError) as error:
        raise RunError(
            f"The record of the search, {path}, cannot be read: {str(error).splitlines()[0][:200]}.",
            "Move it away to search anew: what was measured is kept.",
        ) from error


def write_search(folder: Path, record: SearchRecord) -> None:
    """Write the record into a run folder.

    Raises:
        StorageError: The disk is full or the place not writable.
    """
    write_text_atomically(folder / SEARCH_NAME, record.model_dump_json(indent=1) + "\n")
