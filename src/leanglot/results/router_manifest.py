"""The manifest of a router, ``leanglot-router.json``: which variant answers which language, and how one is told."""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from leanglot.config import name_fault
from leanglot.errors import DataError, ModelError
from leanglot.languages import PAIR_ARROW, canonical_tag, split_pair
from leanglot.results.manifest import MANIFEST_NAME, file_digest
from leanglot.techniques import Task

ROUTER_NAME: Final = "leanglot-router.json"
ROUTER_VERSION: Final = 1
VARIANTS: Final = "variants"
IDENTIFIER_FILE: Final = "identifier.safetensors"


def _folder(name: str) -> str:
    if (fault := name_fault(name)) is not None:
        raise ValueError(f"{name!r:.80} cannot name a folder: {fault}")
    return name


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise ValueError(f"{name!r:.80} leaves the router's folder")
    return name


def _canonical(tag: str) -> str:
    try:
        if canonical_tag(tag) == tag:
            return tag
    except DataError as error:
        raise ValueError(error.message) from error
    raise ValueError(f"{tag!r:.80} is not in its normal spelling, {canonical_tag(tag)}")


Folder = Annotated[str, AfterValidator(_folder)]
Tag = Annotated[str, AfterValidator(_canonical)]


class IdentifierInfo(BaseModel):
    """A language identifier: one logistic regression per language over hashed character n-grams.

    Attributes:
        languages: Its languages, in the order of its weights.
        ngrams: Shortest and longest n-gram, in characters, within words and their borders.
        buckets: Number of hash buckets.
        threshold: Probability under which a language is called unknown.
        learned_from: What it learned from, in a few words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    languages: tuple[Tag, ...] = Field(min_length=1)
    ngrams: tuple[int, int]
    buckets: int = Field(gt=0, le=2**22)
    threshold: float = Field(ge=0, le=1)
    learned_from: str = ""

    @model_validator(mode="after")
    def _sensible(self) -> "IdentifierInfo":
        if not 1 <= self.ngrams[0] <= self.ngrams[1] <= 8:
            raise ValueError(f"n-grams from {self.ngrams[0]} to {self.ngrams[1]} characters: allowed are 1 to 8")
        return self


class RouterManifest(BaseModel):
    """What it takes to answer each language by its variant.

    Attributes:
        schema_version: Version of this layout.
        task: What the variants do.
        name: Name of the run or model that it came from.
        labels: Class names, the same and in the same order in all variants; none where they translate.
        variants: Names of the variants, the safest first; each is a whole artifact in ``variants/<name>``.
        languages: Language, or language pair, to variant.
        fallback: Variant for languages that are unknown.
        identifier: How languages are told where the caller does not; None where they are not.
        files: SHA-256 of each file in the folder, the manifest itself excepted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = ROUTER_VERSION
    task: Task = "text-classification"
    name: str
    labels: tuple[str, ...] = ()
    variants: tuple[Folder, ...] = Field(min_length=1)
    languages: dict[Tag, str]
    fallback: str
    identifier: IdentifierInfo | None = None
    files: dict[Annotated[str, AfterValidator(_inside)], str] = {}

    @model_validator(mode="after")
    def _all_there(self) -> "RouterManifest":
        if unknown := sorted({*self.languages.values(), self.fallback} - set(self.variants)):
            raise ValueError(f"no variant is called {', '.join(unknown)}; variants are {', '.join(self.variants)}")
        if len(set(self.variants)) < len(self.variants):
            raise ValueError("a variant is named twice")
        translates = self.task == "translation"
        if translates == bool(self.labels):
            raise ValueError("a router of classifiers has labels, and one of translation models has none")
        if translates and self.identifier is not None:
            raise ValueError("a router of translation models is told the languages")
        if strange := [tag for tag in self.languages if (split_pair(tag) is not None) != translates]:
            raise ValueError(f"{strange[0]} is {'no' if translates else 'a'} language pair")
        return self


def variant_for(tag: str | None, languages: Mapping[str, str], fallback: str) -> str:
    """The variant that answers a language: its own, else that of its nearest wider one, else the fallback.

    Of a language pair the target is widened first: ``en-US→de-AT`` goes where ``en-US→de`` does, then ``en→de-AT``,
    then ``en→de``.

    Args:
        tag: A canonical tag; None where the language is unknown.
        languages: Language to variant.
        fallback: Variant for languages that are unknown.
    """
    if tag is None:
        return fallback
    return next((languages[wide] for wide in _wider(tag) if wide in languages), fallback)


def _wider(tag: str) -> Iterator[str]:
    """The tag itself and those of wider languages, the nearest first."""
    if (pair := split_pair(tag)) is not None:
        for source in _wider(pair[0]):
            yield from (f"{source}{PAIR_ARROW}{target}" for target in _wider(pair[1]))
        return
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]


def is_router(folder: Path) -> bool:
    """Whether the folder holds a router."""
    return (folder / ROUTER_NAME).is_file()


def write_router_manifest(folder: Path, manifest: RouterManifest) -> RouterManifest:
    """Hash the folder's files and write the manifest beside them; returns it with the hashes."""
    files = {
        path.relative_to(folder).as_posix(): file_digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / ROUTER_NAME
    }
    manifest = manifest.model_copy(update={"files": files})
    (folder / ROUTER_NAME).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return manifest


def read_router_manifest(folder: Path) -> RouterManifest:
    """Read a router's manifest.

    Raises:
        ModelError: There is none, it is damaged, of a newer schema, or a variant or file it names is missing.
    """
    path = folder / ROUTER_NAME
    if not path.is_file():
        message = f"{folder} is no router: it has no {ROUTER_NAME}."
        raise ModelError(message, "Make one with: leanglot route RUN --out ROUTER")
    try:
        manifest = RouterManifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ModelError(f"{path} cannot be read: {_first(error)}", _hint(error)) from error
    parts = {name: _within(folder, f"{VARIANTS}/{name}") for name in manifest.variants}
    if gone := [name for name, part in parts.items() if not part.is_dir()]:
        raise ModelError(f"{folder} lacks its variants {', '.join(gone)}.", "Copy the whole folder, or make it again.")
    for link in (each for each in folder.rglob("*") if each.is_symlink()):
        _within(folder, link.relative_to(folder).as_posix())
    missing = [name for name in manifest.files if not _within(folder, name).is_file()]
    own = (f"{VARIANTS}/{name}/{MANIFEST_NAME}" for name in manifest.variants)
    missing += [name for name in own if name not in manifest.files]
    if manifest.identifier is not None and IDENTIFIER_FILE not in manifest.files:
        missing.append(IDENTIFIER_FILE)
    if missing:
        raise ModelError(f"{folder} lacks {', '.join(missing[:5])}.", "Copy the whole folder, or make it again.")
    return manifest


def verify_router(folder: Path, manifest: RouterManifest) -> None:
    """Compare every file with the manifest's hashes.

    Raises:
        ModelError: A file was changed or damaged, or the router was not written with it.
    """
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    if strange := sorted(there - {ROUTER_NAME, *manifest.files}):
        raise ModelError(f"{folder} holds what it was not written with: {', '.join(strange[:5])}.", "Remove it.")
    for name, digest in manifest.files.items():
        if file_digest(_within(folder, name)) != digest:
            raise ModelError(f"{folder / name} was changed or damaged since the router was written.")


def _within(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ModelError(f"{folder / name} leads out of the router's folder through a link.", "Remove the link.")
    return path


def _first(error: ValidationError) -> str:
    fault: Any = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"]) or "the file"
    return f"{where}: {fault['msg']}"


def _hint(error: ValidationError) -> str:
    if any(fault["loc"] == ("schema_version",) for fault in error.errors()):
        return f"This leanglot reads schema {ROUTER_VERSION}; a newer router needs: pip install -U leanglot"
    return "Copy the folder again, or make it again with: leanglot route RUN --out ROUTER"
