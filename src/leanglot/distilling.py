"""Trains one model into an artifact: ``leanglot distil``, in one process or several, and training for INT8."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from leanglot.config import CandidateConfig
from leanglot.errors import RunError
from leanglot.models.hub import resolve_model
from leanglot.models.text_classifier import load_text_classifier
from leanglot.quantizers import Making
from leanglot.results.manifest import Manifest
from leanglot.results.storage import storage_errors
from leanglot.shapers import carry_out
from leanglot.steps import check_place, transform
from leanglot.techniques import ModelStep
from leanglot.train.distributed import is_main, refuse_several_processes, wait_for_everyone

LOCK_NAME: Final = "lock"


@dataclass(frozen=True, slots=True)
class Pair:
    """Who learns from whom.

    Attributes:
        teacher: A model folder, an artifact of PyTorch, or a name on the hub.
        student: The same; None makes the student from the teacher.
        allow_pickle: Whether pickled weights may be read.
    """

    teacher: str
    student: str | None = None
    allow_pickle: bool = False


def distil_model(pair: Pair, candidate: CandidateConfig, out: Path, making: Making, *, force: bool) -> Manifest | None:
    """Train a student and write its artifact.

    Checkpoints are kept beside the artifact, in a hidden folder, until it is written: killed and
    called again with the same arguments, it goes on where it was.

    Args:
        pair: Teacher and student.
        candidate: A recipe of one distillation, and perhaps a quantization behind it.
        out: The artifact's folder.
        making: Examples to train on.
        force: Replace an artifact that is there.

    Returns:
        The manifest; None in all processes but the one that writes it.

    Raises:
        LeanglotError: The models or the examples cannot be used, or the training cannot go on.
    """
    teacher = load_text_classifier(
        resolve_model(pair.teacher, allow_pickle=pair.allow_pickle), allow_pickle=pair.allow_pickle
    )
    making = replace(making, teacher=teacher, work=_work_of(out))
    source = pair.student or pair.teacher
    if not is_main():
        model = load_text_classifier(
            resolve_model(source, allow_pickle=pair.allow_pickle), allow_pickle=pair.allow_pickle
        )
        carry_out(model, tuple(step for step in candidate.recipe if isinstance(step, ModelStep)), making)
        wait_for_everyone()
        return None
    return _written(source, candidate, out, making, allow_pickle=pair.allow_pickle, force=force)


def quantize_by_training(
    model: str, candidate: CandidateConfig, out: Path, making: Making, *, allow_pickle: bool, force: bool
) -> Manifest:
    """Train a model for its quantization and write the artifact; see `distil_model`.

    Args:
        model: A model folder, an artifact of PyTorch, or a name on the hub.
        candidate: A recipe that ends in quantization-aware training.
        out: The artifact's folder.
        making: Examples to train on.
        allow_pickle: Whether pickled weights may be read.
        force: Replace an artifact that is there.

    Raises:
        LeanglotError: The model or the examples cannot be used, or the training cannot go on.
    """
    refuse_several_processes("quantize")
    return _written(model, candidate, out, replace(making, work=_work_of(out)), allow_pickle=allow_pickle, force=force)


def _written(
    source: str, candidate: CandidateConfig, out: Path, making: Making, *, allow_pickle: bool, force: bool
) -> Manifest:
    """Train, write the artifact, and forget the training once all processes are done with it."""
    work = _work_of(out)
    check_place(out.absolute(), resolve_model(source, allow_pickle=allow_pickle), force=force)
    with _alone(work):
        manifest = transform(source, candidate, out, making, allow_pickle=allow_pickle, force=force)
        wait_for_everyone()
        shutil.rmtree(work, ignore_errors=True)
    return manifest


def _work_of(out: Path) -> Path:
    """Where the checkpoints of an artifact's training are kept, beside it."""
    return out.absolute().with_name(f".{out.name}.lg-training")


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    """Keeps a second process with the same folder out, and leaves no folder where nothing was done.

    Raises:
        RunError: Another one is at work in it.
    """
    with storage_errors(work):
        work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work / LOCK_NAME)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(
            f"Another process trains for the same --out; its work is in {work}.",
            "Wait for it, or choose another --out.",
        ) from None
    try:
        yield
    finally:
        lock.release()
        if not any(each.is_file() and each.name != LOCK_NAME for each in work.rglob("*")):
            shutil.rmtree(work, ignore_errors=True)
