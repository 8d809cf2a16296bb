"""Turns what the operating system says about a failed write into an error with the path and a next step."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from leanglot.errors import StorageError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL_TOLD: Final = tuple(os.strerror(code) for code in _FULL)
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@contextmanager
def storage_errors(path: Path, needed_bytes: int | None = None) -> Iterator[None]:
    """Raises StorageError in place of an OSError while something is written.

    Args:
        path: What is being written.
        needed_bytes: Its size, where it is known.

    Yields:
        Nothing; the writing goes inside.

    Raises:
        StorageError: When the inside raises an OSError.
    """
    try:
        yield
    except OSError as error:
        raise storage_error(path, error, needed_bytes) from error


@contextmanager
def full_disk_errors(path: Path) -> Iterator[None]:
    """Raises StorageError in place of what a full disk raises, whatever library; all other errors pass as they are.

    Args:
        path: What is being written.

    Yields:
        Nothing; the writing goes inside.

    Raises:
        StorageError: When the inside finds the disk or the quota full.
    """
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        if not is_full(error):
            raise
        raise storage_error(path, OSError(errno.ENOSPC, "No space left on device")) from error


def is_full(error: BaseException) -> bool:
    """Whether an error says that the disk or the quota is full; native libraries say so in words alone."""
    return getattr(error, "errno", None) in _FULL or any(told in str(error) for told in _FULL_TOLD)


def storage_error(path: Path, error: OSError, needed_bytes: int | None = None) -> StorageError:
    """Describes a failed write.

    Args:
        path: What was being written.
        error: What the operating system said.
        needed_bytes: The size of what was being written, where it is known.

    Returns:
        The error to raise.
    """
    if error.errno in _FULL:
        needed = "" if needed_bytes is None else f" ({needed_bytes:,} bytes are needed)"
        message = f"There is no space left to write {path}{needed}."
        return StorageError(message, f"{_free(path)}Free some, or choose a folder on another disk with --out.")
    if error.errno in _FORBIDDEN:
        message = f"Writing {path} is not permitted: {error.strerror}."
        return StorageError(message, "Change the folder's permissions, or choose another with --out.")
    return StorageError(f"{path} cannot be written: {error.strerror or error}.", "Choose another folder with --out.")


def _free(path: Path) -> str:
    folder = next((parent for parent in (path, *path.parents) if parent.is_dir()), None)
    try:
        return "" if folder is None else f"{shutil.disk_usage(folder).free:,} bytes are free. "
    except OSError:
        return ""
