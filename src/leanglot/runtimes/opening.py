"""Opens whatever was shipped: one artifact that classifies or translates, or a router over several."""

from pathlib import Path

from leanglot.results.manifest import is_artifact, parse_manifest
from leanglot.results.router_manifest import is_router, read_router_manifest
from leanglot.runtimes import loading
from leanglot.runtimes.classifier import Classifier
from leanglot.runtimes.router import Router, load_router
from leanglot.runtimes.translation_router import TranslationRouter, load_translation_router
from leanglot.runtimes.translator import Translator


def load(
    artifact: str | Path, threads: int | None = None, *, verify: bool = False
) -> Classifier | Router | Translator | TranslationRouter:
    """Load an artifact or a router, ready to answer: ``load(folder).predict(texts, languages=tags)``.

    A translation artifact, and a router over several, answers ``load(folder).translate(texts, target="de")``.

    Args:
        artifact: The folder.
        threads: Threads the engine may use; None takes the number that was fastest where the artifact was made, as far
            as this machine has that many physical cores, and all cores where that was not searched.
        verify: Compare every file with the hashes of the manifest first.

    Raises:
        ModelError: The folder is neither, or is damaged.
    """
    folder = Path(artifact)
    if is_router(folder):
        if read_router_manifest(folder).task == "translation":
            return load_translation_router(folder, threads, verify=verify)
        return load_router(folder, threads, verify=verify)
    if is_artifact(folder) and parse_manifest(folder).task == "translation":
        return loading.load_translator(folder, threads, verify=verify)
    return loading.load(folder, threads, verify=verify)
