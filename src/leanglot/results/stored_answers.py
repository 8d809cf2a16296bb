"""Finds the answers that a run stored: by file, by a candidate's folder, or as ``RUN:NAME``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from leanglot.config.places import expanded
from leanglot.errors import RunError
from leanglot.results.folder import MARKER_NAME, REPORT_NAME, RunFolder, read_report
from leanglot.results.manifest import is_artifact
from leanglot.results.predictions import Predictions
from leanglot.results.records import DataSummary

_PREDICTIONS: Final = "predictions.parquet"
_ANSWERS: Final = (_PREDICTIONS, "translations.parquet")
_SUFFIX: Final = ".parquet"


@dataclass(frozen=True)
class StoredAnswers:
    """Where stored answers lie.

    Attributes:
        file: The predictions, or the translations.
        artifact: The artifact that gave them; None where it is not beside them.
        run: The run folder; None where they lie outside of one.
    """

    file: Path
    artifact: Path | None
    run: Path | None

    @property
    def size_bytes(self) -> int | None:
        """Bytes of all files of the artifact; None where there is none."""
        if self.artifact is None:
            return None
        return sum(path.stat().st_size for path in self.artifact.rglob("*") if path.is_file())

    @property
    def translates(self) -> bool:
        """Whether these are translations; whoever reads the file says what else is wrong with it."""
        try:
            return "hypothesis" in pq.read_schema(self.file).names
        except (pa.ArrowException, OSError):
            return False


def find_stored(side: str) -> StoredAnswers | None:
    """Finds stored answers.

    Args:
        side: A ``predictions.parquet``, a candidate's folder in a run, or ``RUN:NAME`` for a candidate of a run.

    Returns:
        Where they lie; None where something else is meant: a model, an artifact, or a name on the hub.

    Raises:
        RunError: A run, a candidate of it or its answers are meant, and are not there.
    """
    path = expanded(side)
    if path.suffix == _SUFFIX and not path.is_dir():
        if not path.is_file():
            raise RunError(f"There are no predictions at {path}.", "Give a predictions.parquet that a run wrote.")
        return _stored(path)
    if path.is_dir():
        if is_artifact(path) or not _is_of_a_run(path):
            return None
        if (answers := _answers_in(path)) is not None:
            return _stored(answers)
        if _is_run(path):
            raise RunError(f"{path} is a whole run, of which one candidate can be given.", _which(path))
        raise RunError(
            f"The candidate {path} has no predictions: it failed, or its run was cut short.",
            _which(path.resolve().parents[1]),
        )
    if path.exists() or not (named := _run_and_name(side)):
        return None
    run, name = named
    if not _is_run(run):
        raise RunError(f"{side} names the candidate {name!r} of a run, and {run} is no run folder.", "Check the path.")
    answers = _answers_in(RunFolder(run).candidate(name).path)
    if answers is None:
        raise RunError(f"The run {run} has no predictions of a candidate {name!r:.80}.", _which(run))
    return _stored(answers)


def examples_of(stored: StoredAnswers, answers: Predictions) -> tuple[DataSummary | None, tuple[str, ...]]:
    """What the run's report says of the examples that were answered.

    Args:
        stored: Where the answers lie.
        answers: The same, read.

    Returns:
        The summary, and no note; or None, with a note why the texts cannot be compared.
    """
    start = f"Whether {stored.file} answers the same texts was not checked, only labels, languages and groups:"
    if stored.run is None:
        return None, (f"{start} it lies outside of a run folder.",)
    try:
        data = read_report(stored.run).data
    except RunError as error:
        return None, (f"{start} {error.message.splitlines()[0]}",)
    if sum(data.examples.values()) != len(answers):
        return None, (f"{start} {stored.run / REPORT_NAME} is of another set of examples.",)
    return data, ()


def _stored(file: Path) -> StoredAnswers:
    """The answers, and what lies around them as in ``RUN/candidates/NAME``."""
    candidate = file.resolve().parent
    artifact, run = candidate / "artifact", candidate.parent.parent
    inside = candidate.parent.name == "candidates" and _is_run(run)
    return StoredAnswers(file, artifact if is_artifact(artifact) else None, run if inside else None)


def _is_run(folder: Path) -> bool:
    return (folder / REPORT_NAME).is_file() or (folder / MARKER_NAME).is_file()


def _is_of_a_run(folder: Path) -> bool:
    """Whether it is a run folder, a candidate's, or holds predictions."""
    parent = folder.resolve().parent
    candidate = parent.name == "candidates" and _is_run(parent.parent)
    return _is_run(folder) or candidate or _answers_in(folder) is not None


def _answers_in(folder: Path) -> Path | None:
    return next((folder / name for name in _ANSWERS if (folder / name).is_file()), None)


def _run_and_name(side: str) -> tuple[Path, str] | None:
    """``RUN:NAME`` in its parts; a drive such as ``C:`` is no run."""
    run, colon, name = side.rpartition(":")
    if not colon or not run or (len(run) == 1 and name[:1] in {"\\", "/"}):
        return None
    path = expanded(run)
    return (path.parent if path.name == REPORT_NAME else path), name


def _which(run: Path) -> str:
    found = sorted({file.parent.name for answers in _ANSWERS for file in (run / "candidates").glob(f"*/{answers}")})
    if not found:
        return "None of its candidates has any; run leanglot optimize again."
    return f"Give RUN:NAME, such as {run}:{found[0]}. Candidates with predictions: {', '.join(found)}."
