"""Writes a router's folder: whole artifacts of all its variants, its identifier, and its manifest."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from leanglot.errors import ModelError, RunError
from leanglot.results.atomic import atomic_folder, remove_leftovers
from leanglot.results.manifest import MANIFEST_NAME, Manifest, read_manifest
from leanglot.results.router_manifest import (
    ROUTER_NAME,
    VARIANTS,
    RouterManifest,
    is_router,
    read_router_manifest,
    write_router_manifest,
)
from leanglot.runtimes.identifier import Identifier, save_identifier

_LARGE: Final = 1_000_000


def write_router(
    folder: Path,
    name: str,
    artifacts: Mapping[str, Path],
    languages: Mapping[str, str],
    fallback: str,
    identifier: Identifier | None = None,
) -> RouterManifest:
    """Write a router, whole or not at all; one that is there is replaced.

    Large files share their disk space with the artifacts' where both lie on one disk; either outlives the other.

    Args:
        folder: The router's place.
        name: Name of the run or model it comes from.
        artifacts: Folder of each variant's artifact, the safest first.
        languages: Language, or language pair, to variant.
        fallback: Variant for unknown languages.
        identifier: Tells languages; None where nothing does.

    Raises:
        ModelError: An artifact is missing or damaged, or the variants do something else, or answer with other labels.
        StorageError: The place cannot be written.
    """
    manifests = {variant: read_manifest(artifact) for variant, artifact in artifacts.items()}
    first = manifests[fallback]
    for variant, own in manifests.items():
        _check_alike(variant, own, fallback, first)
    manifest = RouterManifest(
        task=first.task,
        name=name,
        labels=first.labels,
        variants=tuple(artifacts),
        languages=dict(languages),
        fallback=fallback,
        identifier=None if identifier is None else identifier.info,
    )
    remove_leftovers(folder.parent)
    with atomic_folder(folder) as building:
        for variant, artifact in artifacts.items():
            for file in (MANIFEST_NAME, *manifests[variant].files):
                _place(artifact / file, building / VARIANTS / variant / file)
        if identifier is not None:
            save_identifier(building, identifier)
        return write_router_manifest(building, manifest)


def _check_alike(variant: str, own: Manifest, fallback: str, first: Manifest) -> None:
    """Refuses a variant that does something else than the fallback.

    Raises:
        ModelError: It does.
    """
    if own.task != first.task:
        raise ModelError(f"{variant} is for {own.task}, and {fallback} for {first.task}.", "Route one run at a time.")
    if own.labels != first.labels:
        raise ModelError(
            f"{variant} answers with other labels, or in another order, than {fallback}.",
            "All variants of a router need the same labels in the same order.",
        )
    pairs = [() if each.translation is None else each.translation.pairs for each in (own, first)]
    if set(pairs[0]) != set(pairs[1]):
        raise ModelError(
            f"{variant} translates other language pairs than {fallback}.", "All variants of a router need the same."
        )


def check_router_place(folder: Path, *, force: bool) -> None:
    """Nothing but a router of ours is ever replaced.

    Raises:
        RunError: The place is taken.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if not force:
        raise RunError(f"{folder} already exists.", "Choose another --out, or pass --force to replace it.")
    if folder.is_symlink() or not _is_ours_alone(folder):
        message = f"{folder} is no router of leanglot, or holds other files too, so --force does not replace it."
        raise RunError(message, "Choose another --out.")


def _is_ours_alone(folder: Path) -> bool:
    if not is_router(folder):
        return False
    try:
        ours = {ROUTER_NAME, *read_router_manifest(folder).files}
    except (ModelError, OSError):
        return False
    return all(path.relative_to(folder).as_posix() in ours for path in folder.rglob("*") if not path.is_dir())


def _place(source: Path, target: Path) -> None:
    """A file's content in another folder too: linked where it is large and that is possible, else copied."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.stat().st_size >= _LARGE:
        try:
            os.link(source, target)
        except OSError:  # another disk, or one without links
            shutil.copyfile(source, target)
    else:
        shutil.copyfile(source, target)
