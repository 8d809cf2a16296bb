"""Opens an artifact or a router for serving."""

from dataclasses import replace
from pathlib import Path

from leanglot.errors import ConfigError
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS
from leanglot.runtimes.classifier import Classifier
from leanglot.runtimes.opening import load
from leanglot.runtimes.router import Router
from leanglot.runtimes.text_facts import unknown_id
from leanglot.runtimes.translation_router import TranslationRouter
from leanglot.runtimes.translator import Translator
from leanglot.serve.engine import ArtifactEngine
from leanglot.serve.loaded_files import files_of
from leanglot.serve.translator_engine import TranslatorEngine

ServedEngine = ArtifactEngine | TranslatorEngine
"""What a folder is served by."""


def with_beam(engine: ServedEngine, beam: int) -> TranslatorEngine:
    """The same engine with another beam than its artifact is meant for.

    Args:
        engine: A translation artifact's.
        beam: Its width; 1 is greedy.

    Raises:
        ConfigError: The artifact does not translate.
    """
    if not isinstance(engine, TranslatorEngine):
        raise ConfigError(f"{engine.name} does not translate, and has no beam.", "Leave --beam out.")
    return replace(engine, decoding=replace(engine.main.decoding, beam=beam))


def open_engine(artifact: str | Path, threads: int | None = None, *, verify: bool = True) -> ServedEngine:
    """Load an artifact or a router for serving.

    Args:
        artifact: Its folder; of an artifact that translates, too.
        threads: Threads of each engine; None takes what suits it.
        verify: Compare every file with the hashes of the manifest first.

    Raises:
        ModelError: The folder is neither, or is damaged, or was changed since it was written.
    """
    before = files_of(Path(artifact))
    loaded = load(artifact, threads, verify=verify)
    name = loaded.manifest.name
    if isinstance(loaded, Translator | TranslationRouter):
        translators = {name: loaded} if isinstance(loaded, Translator) else dict(loaded.translators)
        unknown = {variant: unknown_id(translator.text.tokenizer) for variant, translator in translators.items()}
        router = loaded if isinstance(loaded, TranslationRouter) else None
        return TranslatorEngine(name, translators, unknown, before, DEFAULT_BATCH_TOKENS, router=router)
    classifiers = {name: loaded} if isinstance(loaded, Classifier) else dict(loaded.classifiers)
    unknown = {variant: unknown_id(classifier.tokenizer) for variant, classifier in classifiers.items()}
    return ArtifactEngine(name, classifiers, unknown, before, loaded if isinstance(loaded, Router) else None)
