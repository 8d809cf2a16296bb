"""Opens whatever is to be measured: an artifact, or a plain model folder run by PyTorch."""

from pathlib import Path

from leanglot.errors import ModelError
from leanglot.models.text_classifier import TextClassifier, load_text_classifier
from leanglot.results.environment import available_cores
from leanglot.results.manifest import Manifest, is_artifact
from leanglot.results.router_manifest import VARIANTS, is_router
from leanglot.runtimes.classifier import Classifier
from leanglot.runtimes.loading import load
from leanglot.runtimes.pytorch import TorchPredictor


def open_subject(folder: Path, threads: int | None = None, *, allow_pickle: bool = False) -> Classifier:
    """Load an artifact or a transformers model folder, ready to answer.

    Raises:
        ModelError: The folder is neither.
    """
    refuse_router(folder)
    if is_artifact(folder):
        return load(folder, threads)
    return in_memory(load_text_classifier(folder, allow_pickle=allow_pickle), threads)


def refuse_router(folder: Path) -> None:
    """Refuses a router where one artifact is due.

    Raises:
        ModelError: It is one.
    """
    if is_router(folder):
        raise ModelError(
            f"{folder} is a router over several artifacts, and this takes one at a time.",
            f"Give one of its variants, such as {folder / VARIANTS / 'NAME'}; evaluate and serve take the router.",
        )


def in_memory(model: TextClassifier, threads: int | None = None) -> Classifier:
    """A PyTorch model as a classifier, without writing it anywhere."""
    return Classifier(describe(model), model.tokenizer, TorchPredictor(model.module, threads or available_cores()))


def describe(model: TextClassifier) -> Manifest:
    """The manifest of an unchanged PyTorch model."""
    return Manifest(
        name=model.name,
        runtime="pytorch",
        model_file="model.safetensors",
        labels=model.labels,
        max_length=model.max_length,
        pad_id=model.pad_id,
        source=model.source,
        recipe=model.recipe,
        pruning=model.pruning,
        vocabulary=model.vocabulary,
        training=model.training,
    )
