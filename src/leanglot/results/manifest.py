"""The manifest of an artifact, ``leanglot.json``: what runs it, what it answers, and how it was made."""

import hashlib
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from leanglot.errors import ModelError
from leanglot.results.atomic import write_text_atomically
from leanglot.results.shaping import PruningFacts, VocabularyFacts
from leanglot.results.training import TrainingFacts
from leanglot.results.translation import TranslationFacts
from leanglot.techniques import Recipe, Runtime, Task

MANIFEST_NAME: Final = "leanglot.json"
MANIFEST_VERSION: Final = 1


class Manifest(BaseModel):
    """What a runtime needs to know of an artifact folder.

    Attributes:
        schema_version: Version of this layout.
        task: What the model does.
        name: Name of the candidate it came from.
        runtime: What executes it.
        model_file: File of the graph or the weights, inside the folder.
        inputs: Names of the model's inputs, in order.
        labels: Class names in the order of the logits; none where the model translates.
        max_length: Longest input in tokens, special tokens included; longer texts are cut.
        pad_id: Token id that fills short rows of a batch.
        recipe: The steps that made it, with every automatic choice resolved.
        source: SHA-256 of the model it was made from.
        files: SHA-256 of each file in the folder, the manifest itself excepted.
        versions: Versions of the packages that wrote it.
        target_isa: Instruction-set extensions it was made for; empty where nothing depended on them.
        threads: Threads that answered fastest where it was made; None where that was not searched.
        threads_p50_ms: Median latency of that search by number of threads.
        calibration: Texts that activation ranges were taken from, by language; empty where none were.
        pruning: What each pruning step did, in order.
        vocabulary: What vocabulary trimming did; None where the vocabulary is whole.
        training: What each training step did, in order.
        translation: How it is told its languages; None where it does not translate.
        notes: What was noticed while it was made, one sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = MANIFEST_VERSION
    task: Task = "text-classification"
    name: str
    runtime: Runtime
    model_file: str
    inputs: tuple[str, ...] = ("input_ids", "attention_mask")
    labels: tuple[str, ...] = ()
    max_length: int = Field(gt=2)
    pad_id: int = Field(ge=0)
    recipe: Recipe = ()
    source: str
    files: dict[str, str] = {}
    versions: dict[str, str] = {}
    target_isa: tuple[str, ...] = ()
    threads: int | None = Field(default=None, ge=1)
    threads_p50_ms: dict[int, float] = {}
    calibration: dict[str, int] = {}
    pruning: tuple[PruningFacts, ...] = ()
    vocabulary: VocabularyFacts | None = None
    training: tuple[TrainingFacts, ...] = ()
    translation: TranslationFacts | None = None
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits_its_task(self) -> "Manifest":
        if (self.task == "translation") != (self.translation is not None):
            raise ValueError("task: translation and the facts under translation need each other")
        if self.task == "text-classification" and not self.labels:
            raise ValueError("a classifier has labels")
        return self

    @field_validator("model_file")
    @classmethod
    def _model_stays_inside(cls, value: str) -> str:
        return _inside(value)

    @field_validator("files")
    @classmethod
    def _files_stay_inside(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            _inside(name)
        return value


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ValueError(f"{name!r} leaves the artifact's folder")
    return name


def is_artifact(folder: Path) -> bool:
    """Whether the folder holds an artifact of leanglot."""
    return (folder / MANIFEST_NAME).is_file()


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Hash the folder's files and write the manifest beside them; returns it with the hashes."""
    files = {
        path.relative_to(folder).as_posix(): file_digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST_NAME
    }
    return rewrite_manifest(folder, manifest.model_copy(update={"files": files}))


def rewrite_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Write the manifest again as it is, with the hashes it has: for what is learned after the files were written."""
    write_text_atomically(folder / MANIFEST_NAME, manifest_text(manifest))
    return manifest


def manifest_text(manifest: Manifest) -> str:
    """The content of the manifest's file."""
    return manifest.model_dump_json(indent=1) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """Read an artifact's manifest.

    Raises:
        ModelError: There is none, it is damaged, of a newer schema, or a file it names is missing.
    """
    manifest = parse_manifest(folder)
    require_files(folder, manifest)
    return manifest


def parse_manifest(folder: Path) -> Manifest:
    """Read an artifact's manifest, whether the files it names are there or not.

    Raises:
        ModelError: There is none, it is damaged, or of a newer schema.
    """
    path = folder / MANIFEST_NAME
    if not folder.is_dir():
        raise ModelError(f"There is no artifact folder {folder}.", "Check the path and the working folder.")
    if not path.is_file():
        raise ModelError(
            f"{folder} is no artifact: it has no {MANIFEST_NAME}.",
            f"Make one with: leanglot export {folder} --out ARTIFACT",
        )
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ModelError(
            f"{path} cannot be read: {where}: {first['msg']}",
            f"This leanglot reads schema {MANIFEST_VERSION}; a newer artifact needs: pip install -U leanglot",
        ) from error


def require_files(folder: Path, manifest: Manifest) -> None:
    """Look for every file that a manifest names.

    Raises:
        ModelError: One is missing.
    """
    if missing := [name for name in manifest.files if not (folder / name).is_file()]:
        raise ModelError(f"{folder} lacks {', '.join(missing)}.", "Copy the whole folder, or make it again.")


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Compare every file with the manifest's hashes.

    Raises:
        ModelError: A file was changed or damaged.
    """
    for name, digest in manifest.files.items():
        if file_digest(folder / name) != digest:
            raise ModelError(f"{folder / name} was changed or damaged since the artifact was written.")


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
