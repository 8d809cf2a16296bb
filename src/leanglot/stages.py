"""What the stages of a candidate's way through a run leave behind."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from leanglot.config import CandidateConfig
from leanglot.errors import LeanglotError, ModelError, StorageError
from leanglot.progress import Observer
from leanglot.results.checkpoints import Checkpoints
from leanglot.results.folder import RunFolder
from leanglot.results.manifest import Manifest
from leanglot.results.measures import ColdStart, Invariance, Speed, Weight
from leanglot.results.predictions import Predictions
from leanglot.results.shaping import Retokenized
from leanglot.results.storage import is_full

T = TypeVar("T")


class AbandonedError(Exception):
    """A candidate is given up half-way, by choice: no fault of it, and none of the run.

    Args:
        state: ``dropped``, since it is hopeless; ``cut``, since the time is over.
        reason: One sentence.
    """

    def __init__(self, state: Literal["dropped", "cut"], reason: str) -> None:
        super().__init__(reason)
        self.state: Literal["dropped", "cut"] = state
        self.reason = reason


class Made(BaseModel):
    """The artifact is complete.

    Attributes:
        manifest: Its manifest, which knows the hash of each of its files.
    """

    model_config = ConfigDict(frozen=True)

    manifest: Manifest


class Parity(BaseModel):
    """A plain export was compared with the model on some of the data's texts.

    Attributes:
        warnings: Where the two differ.
    """

    model_config = ConfigDict(frozen=True)

    warnings: tuple[str, ...]


class Evaluated(BaseModel):
    """The predictions are stored.

    Attributes:
        tokens_per_example: Mean tokens per example, by language.
        truncated: Examples longer than the model reads, by language: they were cut, or translated sentence by sentence.
        predictions: SHA-256 of the stored predictions.
    """

    model_config = ConfigDict(frozen=True)

    tokens_per_example: dict[str, float]
    truncated: dict[str, int]
    predictions: str


class Remembered(BaseModel):
    """What the model did is stored in the artifact, for its monitor.

    Attributes:
        baseline: SHA-256 of the stored file.
    """

    model_config = ConfigDict(frozen=True)

    baseline: str


@dataclass(frozen=True, slots=True)
class Trial:
    """Everything measured of one candidate.

    Attributes:
        config: What was asked for.
        threads: Threads that it ran with.
        made: The artifact.
        parity: Whether the export answers like the model.
        invariance: Whether its answers depend on what else is in a batch.
        retokenized: How its tokenizer splits the judged texts.
        evaluated: Facts about the tokenized examples.
        predictions: Its answer to each example.
        weight: Size and sparsity.
        cold_start: Time and memory of a fresh process.
        speed: Latency and throughput.
    """

    config: CandidateConfig
    threads: int
    made: Made
    parity: Parity
    invariance: Invariance
    retokenized: Retokenized
    evaluated: Evaluated
    predictions: Predictions
    weight: Weight
    cold_start: ColdStart
    speed: Speed

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the owner should know."""
        known, judged = self.retokenized.known, len(self.predictions.label)
        told = f"Judged texts that stand in the corpus of the vocabulary too: {known:,} of {judged:,}."
        return (
            *self.made.manifest.notes,
            *((told,) if known else ()),
            *self.parity.warnings,
            *self.speed.warnings,
        )


@dataclass(frozen=True, slots=True)
class Failed:
    """A candidate that could not be made or measured."""

    config: CandidateConfig
    reason: str


def attempt(run: Callable[[], T], config: CandidateConfig, folder: RunFolder, observer: Observer) -> T | Failed:
    """Take a candidate through its stages; whatever goes wrong with it alone does not stop the run.

    Args:
        run: Does that.
        config: The candidate.
        folder: The run's folder.
        observer: Is told where it fails.

    Raises:
        StorageError: The disk is full, which would stop every other candidate too.
        AbandonedError: It was given up by choice.
    """
    try:
        return run()
    except (StorageError, AbandonedError):
        raise
    except Exception as error:  # engines raise anything; the reason goes into the report
        if is_full(error):
            raise disk_full(folder.path) from error
        observer.enter(config.name, "failed")
        return failed_by(error, config)


def attempt_baseline(run: Callable[[], T], model: str, advice: str) -> T:
    """Take the baseline through its stages.

    Args:
        run: Does that.
        model: The model's name.
        advice: What to check where an engine raised something.

    Raises:
        LeanglotError: It cannot be measured, and without it nothing can be judged.
    """
    try:
        return run()
    except LeanglotError:
        raise
    except Exception as error:  # engines raise anything
        raise ModelError(
            f"The baseline, {model}, cannot be measured: {type(error).__name__}: {str(error)[:400]}", advice
        ) from error


def forget_disturbed(folder: RunFolder, name: str, speed: Speed) -> None:
    """Have timings that something disturbed taken again when the same run is asked for once more.

    Args:
        folder: The run's folder.
        name: The candidate.
        speed: Its timings.
    """
    if speed.warnings:
        Checkpoints(folder.candidate(name).path).forget("speed")


def failed_by(error: Exception, config: CandidateConfig) -> Failed:
    """What the report says of a candidate that an error ended."""
    return Failed(config, f"{type(error).__name__}: {str(error)[:500]}")


def disk_full(run: Path) -> StorageError:
    """The error that ends a run, since a full disk would stop every other candidate too."""
    return StorageError(
        f"No space is left on the disk that holds {run}.",
        "Free some and run the same command again: finished candidates are kept.",
    )
