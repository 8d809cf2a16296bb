"""Notices when a loaded artifact's files are changed in place: engines map them, and answer with what they hold."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from leanglot.errors import ModelError
from leanglot.results.manifest import MANIFEST_NAME, file_digest, read_manifest

_READ_WHOLE: Final = ".json"  # once, while loading

State = tuple[int, int, int, int]
"""Device, inode, size in bytes, and time of the last change in ns."""


class FilesChangedError(ModelError):
    """A file that an engine answers from is not what it was: no answer of it can be trusted any more."""


@dataclass(frozen=True, slots=True)
class LoadedFiles:
    """The files that engines may have mapped into memory, as they were before loading.

    A file that was replaced by another of its name, or removed, is of no concern: what is mapped stays as it was.

    Attributes:
        digests: SHA-256 by file, from the manifests.
    """

    digests: dict[Path, str]
    _states: dict[Path, State] = field(init=False)

    def __post_init__(self) -> None:
        states = {path: state for path in self.digests if (state := _state(path)) is not None}
        object.__setattr__(self, "_states", states)

    def check(self) -> None:
        """Compare with what was loaded; costs some microseconds as long as nobody touched the files.

        Raises:
            FilesChangedError: The content of a file was changed.
        """
        for path, before in list(self._states.items()):
            now = _state(path)
            if now == before:
                continue
            if now is None or now[:2] != before[:2]:
                del self._states[path]
            elif file_digest(path) == self.digests[path]:
                self._states[path] = now
            else:
                message = f"{path} was changed while it was served: answers cannot be trusted any more."
                raise FilesChangedError(message, "Start the server again; put a new artifact beside the old one.")


def files_of(folder: Path) -> LoadedFiles:
    """The files of an artifact, or of a router's variants.

    Raises:
        ModelError: A manifest cannot be read.
    """
    digests: dict[Path, str] = {}
    for part in (folder, *folder.glob("variants/*")):
        if (part / MANIFEST_NAME).is_file():
            files = read_manifest(part).files
            digests |= {part / name: digest for name, digest in files.items() if not name.endswith(_READ_WHOLE)}
    return LoadedFiles(digests)


def _state(path: Path) -> State | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
