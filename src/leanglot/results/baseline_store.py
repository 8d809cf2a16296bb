"""Stores in an artifact what its model did when it was judged, and tells an artifact apart from its baseline."""

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from leanglot.config.places import expanded
from leanglot.errors import ModelError
from leanglot.results.atomic import remove_leftovers, write_text_atomically
from leanglot.results.manifest import (
    MANIFEST_NAME,
    Manifest,
    file_digest,
    is_artifact,
    manifest_text,
    parse_manifest,
    require_files,
    rewrite_manifest,
    verify_files,
)
from leanglot.results.monitor_baseline import MONITOR_BASELINE_NAME, MonitorBaseline
from leanglot.results.router_manifest import VARIANTS, is_router


def check_baseline_place(subject: str | Path) -> None:
    """Whether a baseline can be stored in what a command was given.

    Raises:
        ModelError: It is no artifact, or one within a router, whose own hashes would no longer fit.
    """
    folder = expanded(subject)
    within = folder.resolve().parent
    if is_router(folder) or (within.name == VARIANTS and is_router(within.parent)):
        what = "is a router, whose variants" if is_router(folder) else "belongs to a router, whose variants"
        raise ModelError(
            f"{subject} {what} keep the baselines they were made with.",
            "Store it in the artifacts that the router is made from, then make it again:\n"
            "  leanglot evaluate ARTIFACT --data DATA --save-baseline\n"
            "  leanglot route RUN --out ROUTER --force",
        )
    if not is_artifact(folder):
        raise ModelError(
            f"{subject} is no artifact, and only an artifact keeps a baseline.",
            f"Check the path; a model is exported first: leanglot export {subject} --out ARTIFACT",
        )


def store_monitor_baseline(folder: Path, baseline: MonitorBaseline) -> str:
    """Store a baseline in an artifact, in place of the one that is there, and hash it in the manifest.

    The artifact is whole at every moment: whoever reads it finds the old baseline, none or the new one, also where the
    process is killed.

    Args:
        folder: The artifact.
        baseline: What its model did.

    Returns:
        SHA-256 of the stored file.

    Raises:
        ModelError: The folder is no artifact that can keep one, or lacks a file.
        StorageError: The disk is full or the folder not writable; nothing is lost.
    """
    check_baseline_place(folder)
    path, text = folder / MONITOR_BASELINE_NAME, baseline.model_dump_json(indent=1) + "\n"
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    with _alone(folder):
        remove_leftovers(folder)
        if stored_baseline_digest(folder) == digest:
            return digest
        named = parse_manifest(folder)
        bare = without_baseline(named)
        require_files(folder, bare)
        if bare != named:
            rewrite_manifest(folder, bare)
        write_text_atomically(path, text)
        files = dict(sorted({**bare.files, MONITOR_BASELINE_NAME: digest}.items()))
        rewrite_manifest(folder, bare.model_copy(update={"files": files}))
    return digest


def forget_lost_baseline(folder: Path) -> None:
    """Have an artifact go without a baseline that is gone or damaged, so that it can be opened and given another.

    Raises:
        ModelError: The manifest cannot be read.
        StorageError: The manifest cannot be written.
    """
    with _alone(folder):
        named = parse_manifest(folder)
        if MONITOR_BASELINE_NAME in named.files and stored_baseline_digest(folder) is None:
            rewrite_manifest(folder, without_baseline(named))


def stored_baseline_digest(folder: Path) -> str | None:
    """SHA-256 of an artifact's baseline; None where there is none or it is not the one that the manifest names."""
    path, named = folder / MONITOR_BASELINE_NAME, parse_manifest(folder).files.get(MONITOR_BASELINE_NAME)
    return named if named is not None and path.is_file() and file_digest(path) == named else None


def without_baseline(manifest: Manifest) -> Manifest:
    """The manifest as it was before a baseline was stored in its artifact."""
    files = {name: digest for name, digest in manifest.files.items() if name != MONITOR_BASELINE_NAME}
    return manifest if files == manifest.files else manifest.model_copy(update={"files": files})


def is_whole(artifact: Path, manifest: Manifest) -> bool:
    """Whether an artifact is the one that was made, file by file, its baseline aside; what is damaged is not.

    Args:
        artifact: Its folder.
        manifest: As it was made.
    """
    try:
        if without_baseline(parse_manifest(artifact)) != manifest:
            return False
        verify_files(artifact, manifest)
    except (ModelError, OSError):
        return False
    return True


def digests_without_baseline(folder: Path, digests: Mapping[str, str]) -> dict[str, str]:
    """Digests of an artifact's files as they were before a baseline was stored in it, which changes no model.

    Args:
        folder: The artifact.
        digests: Digest by the file's name.
    """
    manifest = parse_manifest(folder)
    bare = without_baseline(manifest)
    kept = {name: digest for name, digest in digests.items() if name != MONITOR_BASELINE_NAME}
    if bare != manifest and MANIFEST_NAME in kept:
        kept[MANIFEST_NAME] = hashlib.sha256(manifest_text(bare).encode("utf-8")).hexdigest()
    return kept


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Has a second process wait that stores a baseline in the same artifact; no lock where the system has none."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # which also unlocks
