"""The state file of a monitor: what it knows and how far it read, in one file, which one monitor at a time may use."""

from pathlib import Path
from typing import Final, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from leanglot.errors import RunError
from leanglot.monitor.log_fields import Fault
from leanglot.monitor.log_files import FileState
from leanglot.monitor.state import WatchState
from leanglot.results.atomic import remove_leftovers, write_bytes_atomically
from leanglot.results.storage import storage_errors

FORMAT: Final = "leanglot-monitor-state"
_ANEW: Final = "Begin a new state with --reset-state, which counts the logs from their beginning again"


class KeptState(BaseModel):
    """Stored form of `Keeper`.

    Attributes:
        format: What the file is.
        schema_version: Version of this layout.
        files: How far each log was read.
        watch: What was learned from that, and from nothing else.
        faults: Where the first broken line of each kind stands.
        notes: What was noticed about the files.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["leanglot-monitor-state"] = FORMAT
    schema_version: Literal[1] = 1
    files: tuple[FileState, ...]
    watch: WatchState
    faults: dict[Fault, str] = {}
    notes: tuple[str, ...] = ()


class StateFile:
    """A state file that nobody else uses meanwhile.

    Args:
        path: The file; missing parent folders are made.

    Raises:
        RunError: Another monitor uses it.
        StorageError: Its folder cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # The one who steps need not be the one who opened it.
            self._lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0, thread_local=False)
            try:
                self._lock.acquire()
            except Timeout as error:
                message = f"Another monitor is at work with the state {path}."
                raise RunError(message, "Stop it, or give this one a file of its own with --state.") from error
            except NotImplementedError as error:
                raise RunError(f"{path} cannot be locked: {error}", "Choose a file elsewhere with --state.") from error
        remove_leftovers(path.parent)

    def read(self) -> KeptState | None:
        """What was saved last; None where nothing was.

        Raises:
            RunError: The file is damaged, of a newer leanglot, or something else.
        """
        data = self._bytes()
        if data is None:
            return None
        if not data:
            message = f"The monitor's state {self.path} is empty."
            raise RunError(message, f"Bring back a copy of it. Or: {_ANEW}.")
        try:
            return KeptState.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            if not self._is_state(data):
                raise self._foreign() from error
            if where == "schema_version":
                message = f"The monitor's state {self.path} was written by a newer leanglot."
                raise RunError(message, f"Update leanglot. Or: {_ANEW}.") from error
            at = f" at {where}" if where else ""
            message = f"The monitor's state {self.path} is damaged{at}: {first['msg']}."
            raise RunError(message, f"Bring back a copy of it. Or: {_ANEW}.") from error

    def check_replaceable(self) -> None:
        """Check that beginning anew would overwrite nothing but a monitor's state.

        Raises:
            RunError: The file is something else.
        """
        data = self._bytes()
        if data and not self._is_state(data):
            raise self._foreign()

    def write(self, state: KeptState) -> None:
        """Save a state, whole or not at all.

        Raises:
            StorageError: When the disk is full or the place not writable; the former state is left as it was.
        """
        write_bytes_atomically(self.path, state.model_dump_json().encode())

    def release(self) -> None:
        """Let others use it."""
        self._lock.release()

    def _bytes(self) -> bytes | None:
        """Its content; None where there is no file."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            message = f"The monitor's state {self.path} cannot be read: {error.strerror or error}."
            raise RunError(message, "Change its permissions, or choose another file with --state.") from error

    @staticmethod
    def _is_state(data: bytes) -> bool:
        return FORMAT.encode() in data[:100]

    def _foreign(self) -> RunError:
        return RunError(
            f"{self.path} is no state of a monitor.", "Choose another file with --state, or remove this one."
        )
