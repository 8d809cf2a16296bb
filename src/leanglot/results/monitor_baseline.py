"""What a model did when it was judged, by language: stored in its artifact, and what its monitor compares with."""

from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leanglot.errors import ModelError
from leanglot.results.manifest import Manifest, file_digest, read_manifest
from leanglot.results.router_manifest import VARIANTS, is_router, read_router_manifest, variant_for
from leanglot.techniques import Task

MONITOR_BASELINE_NAME: Final = "monitor.json"
MONITOR_BASELINE_VERSION: Final = 1

# Upper ends of the bins, each bin inclusive of its end; the last bin is open. Fixed, so that counts can be added up.
CONFIDENCE_ENDS: Final = (
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.85,
    0.9,
    0.93,
    0.95,
    0.97,
    0.98,
    0.99,
    0.995,
    0.998,
    0.999,
)
TOKEN_ENDS: Final = (3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256, 384)
FRAGMENTATION_ENDS: Final = (
    0.1,
    0.15,
    0.2,
    0.225,
    0.25,
    0.275,
    0.3,
    0.35,
    0.4,
    0.45,
    0.5,
    0.6,
    0.7,
    0.85,
    1.0,
    1.25,
    1.5,
)
RATIO_ENDS: Final = (
    0.1,
    0.15,
    0.2,
    0.25,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    1.0,
    1.1,
    1.2,
    1.3,
    1.5,
    1.75,
    2.0,
    2.5,
    3.0,
    4.0,
)

TRANSLATED: Final = "translated"
OUTCOMES: Final = (TRANSLATED, "empty", "unfinished", "copied", "repetition", "wrong-language")
"""What can be seen of a translation without a reference: the labels of a model that translates."""

Counts = tuple[int, ...]


def bins_of(values: ArrayLike, ends: tuple[float, ...]) -> NDArray[np.int64]:
    """Number of the bin of each value, from 0 to ``len(ends)``; the values must not be NaN."""
    return np.searchsorted(np.asarray(ends), np.asarray(values), side="left").astype(np.int64)


class LanguageBaseline(BaseModel):
    """What the model did on the judged examples of one language; everything is a number of examples.

    Attributes:
        n: Examples.
        correct: Rightly answered ones; of translations, those whose chrF reaches `reach`.
        confidence: By bin of `CONFIDENCE_ENDS`.
        confidence_correct: Rightly answered ones by the same bins.
        labels: By answered label; labels never answered are left out.
        tokens: By bin of `TOKEN_ENDS`, special tokens included.
        fragmentation: By bin of `FRAGMENTATION_ENDS`, in tokens per character.
        unknown: Examples with at least one unknown token.
        scripts: By the script of most of their letters, an ISO 15924 code; ``Zyyy`` where they have no letters.
        ratio: Of translations, by bin of `RATIO_ENDS`, in characters per character of the source; empty otherwise.
        reach: Of translations, the median of the sentences' chrF, as a fraction; None otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=0)
    correct: int = Field(ge=0)
    confidence: Counts
    confidence_correct: Counts
    labels: dict[str, int]
    tokens: Counts
    fragmentation: Counts
    unknown: int = Field(ge=0)
    scripts: dict[str, int]
    ratio: Counts = Field(default=(), exclude_if=lambda value: not value)
    reach: float | None = Field(default=None, exclude_if=lambda value: value is None)


class MonitorBaseline(BaseModel):
    """What a model did when it was judged.

    Attributes:
        schema_version: Version of this layout.
        name: Name of the artifact or the router.
        labels: Class names in the order of the logits; `OUTCOMES` where it translates.
        data: Name of the file with the judged examples.
        languages: By canonical language tag, or tag of a language pair.
        task: What the model does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = MONITOR_BASELINE_VERSION
    name: str
    labels: tuple[str, ...]
    data: str
    languages: dict[str, LanguageBaseline]
    task: Task = Field(default="text-classification", exclude_if=lambda value: value == "text-classification")


def read_monitor_baseline(folder: Path) -> MonitorBaseline | None:
    """The baseline stored in an artifact or a router.

    Args:
        folder: An artifact, or a router: then each language comes from the variant that answers it.

    Returns:
        The baseline; None where none was stored, of a router in none of its variants. Languages of a router whose own
        variant has no baseline for them are left out.

    Raises:
        ModelError: The folder is neither, or the stored baseline is damaged.
    """
    return _of_router(folder) if is_router(folder) else _of_artifact(folder, read_manifest(folder))


def _of_router(folder: Path) -> MonitorBaseline | None:
    manifest = read_router_manifest(folder)
    parts = {name: read_monitor_baseline(folder / VARIANTS / name) for name in manifest.variants}
    stored = {name: part for name, part in parts.items() if part is not None}
    if not stored:
        return None
    languages = {}
    for tag in sorted({tag for part in stored.values() for tag in part.languages}):
        own = stored.get(variant_for(tag, manifest.languages, manifest.fallback))
        if own is not None and tag in own.languages:
            languages[tag] = own.languages[tag]
    return MonitorBaseline(
        name=manifest.name,
        labels=OUTCOMES if manifest.task == "translation" else manifest.labels,
        data=", ".join(dict.fromkeys(part.data for part in stored.values())),
        languages=languages,
        task=manifest.task,
    )


def _of_artifact(folder: Path, manifest: Manifest) -> MonitorBaseline | None:
    path, digest = folder / MONITOR_BASELINE_NAME, manifest.files.get(MONITOR_BASELINE_NAME)
    if digest is None:
        return None
    if file_digest(path) != digest:
        raise ModelError(f"{path} was changed or damaged since it was written.", _again(folder))
    try:
        baseline = MonitorBaseline.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ModelError(f"{path} cannot be read: {where}: {first['msg']}", _again(folder)) from error
    if (fault := _fault(baseline, manifest)) is not None:
        raise ModelError(f"{path} cannot be used: {fault}.", _again(folder))
    return baseline


def _fault(baseline: MonitorBaseline, manifest: Manifest) -> str | None:
    """What contradicts itself or the artifact; None where nothing does."""
    if baseline.task != manifest.task:
        return f"it is of a model for {baseline.task}, and the artifact is for {manifest.task}"
    if baseline.labels != (OUTCOMES if manifest.task == "translation" else manifest.labels):
        return "it is of a model with other labels, or in another order"
    binned = {
        "confidence": CONFIDENCE_ENDS,
        "confidence_correct": CONFIDENCE_ENDS,
        "tokens": TOKEN_ENDS,
        "fragmentation": FRAGMENTATION_ENDS,
    }
    for tag, found in baseline.languages.items():
        own = {**binned, "ratio": RATIO_ENDS} if baseline.task == "translation" else binned
        for name, ends in own.items():
            counts: Counts = getattr(found, name)
            if len(counts) != len(ends) + 1:
                return f"{tag} has {len(counts)} bins of {name} instead of {len(ends) + 1}"
        counted = [getattr(found, name) for name in own]
        counted += [tuple(found.labels.values()), tuple(found.scripts.values()), (found.correct,), (found.unknown,)]
        if any(min(counts, default=0) < 0 or sum(counts) > found.n for counts in counted):
            return f"{tag} counts more than its {found.n:,} examples, or fewer than none"
    return None


def _again(folder: Path) -> str:
    return f"Judge it again: leanglot evaluate {folder} --data DATA --save-baseline"
