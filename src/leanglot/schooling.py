"""What training needs of a run: teacher, examples, a folder for its checkpoints, and who is told."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leanglot.compress.learning import ANSWERS_PREFIX, Lessons
from leanglot.errors import RecipeError
from leanglot.models.text_classifier import TextClassifier
from leanglot.quantizers import Making
from leanglot.results.environment import available_cores, read_environment


@contextmanager
def lessons(technique: str, making: Making, origin: TextClassifier) -> Iterator[Lessons]:
    """The lessons of one training step.

    Args:
        technique: The step, for the error.
        making: Examples, teacher and folder.
        origin: The model before any step: the teacher, where no other is given.

    Yields:
        The lessons; where no folder is given, their files are gone afterwards.

    Raises:
        RecipeError: There are no examples.
    """
    if making.training is None:
        raise RecipeError(
            f"{technique} needs examples to train on, and there are none.",
            "Give some of the training split: --training FILE, or the key training in a config file.",
        )
    with _workplace(making.work) as folder:
        tell = making.tell
        yield Lessons(
            teacher=making.teacher or origin,
            data=making.training,
            folder=folder,
            isa=read_environment(available_cores()).isa,
            answered=None if tell is None else tell.answered,
            trained=None if tell is None else tell.trained,
            tracking=making.tracking,
        )


def gaps(making: Making) -> tuple[str, ...]:
    """A note on languages that the model serves and that it is not trained in."""
    if making.training is None or not making.served:
        return ()
    absent = sorted(set(making.served) - set(making.training.examples.languages))
    return (f"There are no examples to train on in {', '.join(absent)}, which the model serves.",) if absent else ()


def forget_answers(work: Path) -> None:
    """Remove the teacher's answers of trainings that are over: with hidden states they take gigabytes."""
    for folder in work.glob(f"{ANSWERS_PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _workplace(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="leanglot-training-") as inside:
        yield Path(inside)
