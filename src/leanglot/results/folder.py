"""The run folder: where everything of a run lies, and reading and writing its report."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final

from filelock import FileLock, Timeout
from pydantic import ValidationError

from leanglot.config import name_fault
from leanglot.errors import RunError, StorageError
from leanglot.results.atomic import remove_leftovers, write_text_atomically
from leanglot.results.records import SCHEMA_VERSION, RunReport
from leanglot.results.storage import storage_errors

REPORT_NAME: Final = "report.json"
MARKER_NAME: Final = ".leanglot-run"
LOCK_NAME: Final = ".leanglot-lock"
_AGAIN: Final = "Run again, or restore the file: leanglot optimize --help"


@dataclass(frozen=True)
class CandidateFolder:
    """Where the files of one candidate lie.

    Attributes:
        path: The folder, ``candidates/<name>`` in the run folder.
    """

    path: Path

    @property
    def artifact(self) -> Path:
        """The folder with the model as it would be shipped."""
        return self.path / "artifact"

    @property
    def predictions(self) -> Path:
        """Its answer to each example, as Parquet."""
        return self.path / "predictions.parquet"

    @property
    def translations(self) -> Path:
        """Its translations, where it translates."""
        return self.path / "translations.parquet"

    @property
    def measures(self) -> Path:
        """What measuring it gave, as JSON."""
        return self.path / "measures.json"


@dataclass(frozen=True)
class RunFolder:
    """Where the files of a run lie.

    Attributes:
        path: The folder; it need not exist yet.
    """

    path: Path

    @property
    def report_json(self) -> Path:
        """The report as data."""
        return self.path / REPORT_NAME

    @property
    def report_html(self) -> Path:
        """The report as a page."""
        return self.path / "report.html"

    @property
    def charts(self) -> Path:
        """The folder of the charts."""
        return self.path / "charts"

    @property
    def candidates(self) -> Path:
        """The folder of the candidates' folders."""
        return self.path / "candidates"

    def candidate(self, name: str) -> CandidateFolder:
        """The folder of one candidate.

        Args:
            name: The candidate's name.

        Returns:
            Its folder, which need not exist yet.

        Raises:
            RunError: When the name is unfit for a folder.
        """
        if (fault := name_fault(name)) is not None:
            raise RunError(f"{name!r:.80} cannot name a candidate.", f"What is wrong: {fault}.")
        return CandidateFolder(self.candidates / name)

    def relative(self, path: Path) -> str:
        """A path inside the folder as the report keeps it: relative, with forward slashes.

        Args:
            path: A path inside the run folder.

        Returns:
            Such as ``candidates/int8/artifact``.

        Raises:
            RunError: When the path is outside.
        """
        try:
            return path.resolve().relative_to(self.path.resolve()).as_posix()
        except ValueError:
            raise RunError(f"{path} is outside the run folder {self.path}.", "Write it inside.") from None

    def create(self) -> None:
        """Makes the folder where it is missing, marks it as a run's, and checks that it is writable.

        Raises:
            RunError: When the place is taken by a file or cannot be written.
        """
        hint = "Choose another folder with --out."
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path} is a file; a run needs a folder.", hint)
        if self.path.is_dir() and any(self.path.iterdir()) and not self._is_run():
            message = f"{self.path} is no run folder and not empty; a run would overwrite what is there."
            raise RunError(message, "Choose a new or empty folder with --out.")
        try:
            with storage_errors(self.path):
                self.path.mkdir(parents=True, exist_ok=True)
                # First of all: a run that is killed from here on finds the folder to be its own.
                (self.path / MARKER_NAME).touch()
        except StorageError as error:
            raise RunError(f"The run folder {self.path} is not writable. {error.message}", hint) from error

    def _is_run(self) -> bool:
        """Whether a run wrote here before: its marker, or the report of a version that left none."""
        try:
            return (self.path / MARKER_NAME).is_file() or bool(read_report(self.path))
        except RunError:
            return False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second run out of the folder, and clears away what killed ones left; these hold no lock.

        Raises:
            RunError: Another process works in this folder, or it cannot be locked.
        """
        lock = FileLock(self.path / LOCK_NAME, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            message = f"Another run is at work in {self.path}."
            raise RunError(message, "Wait until it has ended, or choose another folder with --out.") from error
        except (OSError, NotImplementedError) as error:
            raise RunError(f"{self.path} cannot be locked: {error}", "Choose another folder with --out.") from error
        try:
            for folder in (self.path, self.candidates, *self.candidates.glob("*/")):
                remove_leftovers(folder)
            yield
        finally:
            lock.release()

    def write_report(self, report: RunReport) -> None:
        """Writes ``report.json``, whole or not at all.

        Args:
            report: The report.

        Raises:
            StorageError: When the disk is full or the folder not writable.
        """
        write_text_atomically(self.report_json, report.model_dump_json(indent=2) + "\n")


def read_report(path: Path) -> RunReport:
    """Reads the report of a run, of this schema version or an older one.

    Args:
        path: The run folder, or its ``report.json``.

    Returns:
        The report.

    Raises:
        RunError: When it is missing, damaged, or made by a newer leanglot.
    """
    file, text, values = _read(path)
    try:
        return RunReport.model_validate_json(text)
    except ValidationError as error:
        faults = "".join(f"\n  {_place(fault['loc'])}: {fault['msg']}" for fault in error.errors()[:5])
        raise RunError(
            f"The report {file} is damaged{_damaged_candidates(error, values)}:{faults}",
            f"Read the rest with: leanglot report {file.parent} --salvage\n{_AGAIN}",
        ) from error


def read_report_values(path: Path) -> tuple[Path, dict[str, Any]]:
    """Reads a report as JSON, of a schema version that is known, without a look at what it holds.

    Args:
        path: The run folder, or its ``report.json``.

    Returns:
        The file, and its values.

    Raises:
        RunError: When it is missing, no JSON, or made by a newer leanglot.
    """
    file, _, values = _read(path)
    return file, values


def _read(path: Path) -> tuple[Path, str, dict[str, Any]]:
    file = Path(path) / REPORT_NAME if Path(path).is_dir() else Path(path)
    try:
        text = file.read_text(encoding="utf-8")
        values = json.loads(text)
    except FileNotFoundError:
        message = f"There is no report at {file}."
        raise RunError(message, "Give a run folder that a finished run wrote, such as runs/NAME.") from None
    except OSError as error:
        raise RunError(f"The report {file} cannot be read: {error.strerror}.", "Check its permissions.") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise RunError(f"The report {file} is damaged at {place}: {error.msg}.", _rebuild(file)) from error
    except (ValueError, RecursionError) as error:  # Not UTF-8, or nested to hostile depth.
        raise RunError(f"The report {file} is damaged: {error}.", _rebuild(file)) from error
    _check_version(file, values)
    return file, text, values


def _rebuild(file: Path) -> str:
    """How to come by the report again: in moments where the finished stages of the candidates are kept beside it."""
    if any((file.parent / "candidates").glob("*/*.json")):
        return (
            "The measurements of its candidates are kept beside it: the same leanglot optimize command again rebuilds "
            "the report from them in moments."
        )
    return _AGAIN


def _damaged_candidates(error: ValidationError, values: dict[str, Any]) -> str:
    """Names of the damaged candidates, or their numbers where they have none."""
    places = [fault["loc"] for fault in error.errors()]
    numbers = sorted({place[1] for place in places if place[0] == "candidates" and len(place) > 1})
    found = [values["candidates"][number] for number in numbers if isinstance(number, int)]
    names = [str(each.get("name", "?") if isinstance(each, dict) else "?")[:80] for each in found]
    return (
        f" in the candidates {', '.join(names)}" if len(names) > 1 else "".join(f" in the candidate {n}" for n in names)
    )


def _check_version(file: Path, values: object) -> None:
    version = values.get("schema_version") if isinstance(values, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise RunError(f"{file} is no report of leanglot: it has no schema_version.", "Give a run folder.")
    if version > SCHEMA_VERSION:
        raise RunError(
            f"{file} was made by a newer leanglot (schema {version}; this one reads up to {SCHEMA_VERSION}).",
            "Update it: pip install -U leanglot",
        )


def inside(folder: Path, relative: str) -> Path:
    """A path inside a folder, refused where it would lead out of it.

    Args:
        folder: The folder.
        relative: A path relative to it, such as a record's ``artifact``.

    Returns:
        The joined path, resolved.

    Raises:
        RunError: When the path is absolute, climbs out, or leads out through a link.
    """
    windows = PureWindowsPath(relative)
    parts = PurePosixPath(relative).parts + windows.parts
    if "\0" in relative or windows.drive or windows.root or relative.startswith("/") or ".." in parts:
        raise RunError(f"The path {relative!r:.120} leaves the folder {folder}.", "Allowed are paths inside it.")
    joined = (folder / relative).resolve()
    if not joined.is_relative_to(folder.resolve()):
        raise RunError(f"The path {relative!r:.120} leads out of {folder} through a link.", "Remove the link.")
    return joined


def _place(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".") or "(top)"
