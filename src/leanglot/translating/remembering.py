"""Has a translation artifact keep what its model did on the judged sentences, for its monitor."""

from collections.abc import Callable
from pathlib import Path

from leanglot.measure.monitor_baseline import translation_baseline_of
from leanglot.results.baseline_store import store_monitor_baseline, stored_baseline_digest
from leanglot.results.checkpoints import Checkpoints, key_of
from leanglot.results.manifest import parse_manifest
from leanglot.results.monitor_baseline import MONITOR_BASELINE_NAME, MONITOR_BASELINE_VERSION
from leanglot.results.translations import Translations
from leanglot.runtimes.translator import Translator
from leanglot.stages import Remembered


def remember_translations(
    store: Checkpoints,
    key: str,
    artifact: Path,
    data: str,
    translations: Translations,
    opened: Callable[[], Translator],
) -> None:
    """Store a run's baseline in a candidate's artifact, unless it is there.

    Args:
        store: The candidate's checkpoints.
        key: Of the translations.
        artifact: The candidate's artifact.
        data: Name of the file with the sentences.
        translations: What the candidate made of them.
        opened: Loads the candidate.
    """
    own_key = key_of(key, MONITOR_BASELINE_VERSION)
    kept = store.load("remembered", own_key, Remembered)
    if kept is None or stored_baseline_digest(artifact) != kept.baseline:
        name = parse_manifest(artifact).name  # the model in memory has a name of its own
        digest = store_monitor_baseline(artifact, translation_baseline_of(opened(), data, translations, name))
        store.save("remembered", own_key, Remembered(baseline=digest))


def store_translation_baseline(folder: Path, translator: Translator, data: str, translations: Translations) -> Path:
    """Store a baseline in an artifact; returns the file.

    Args:
        folder: The artifact.
        translator: The artifact, loaded.
        data: Name of the file with the sentences.
        translations: What it made of them.

    Raises:
        ModelError: The folder is no artifact that can keep one.
        StorageError: The disk is full or the folder not writable.
    """
    store_monitor_baseline(folder, translation_baseline_of(translator, data, translations))
    return folder / MONITOR_BASELINE_NAME
