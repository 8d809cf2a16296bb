"""Checks each row of a data file and turns the rows into examples."""

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from leanglot.config import Columns
from leanglot.data.examples import Examples
from leanglot.data.faults import Faults, Kind
from leanglot.data.tables import Table
from leanglot.errors import DataError
from leanglot.languages import canonical_tag, nearest_tag

LONGEST_TEXT_BYTES: Final = 1_000_000
KEPT_CHARACTERS: Final = 100_000

_JOINER: Final = "\u200d"

_JUDGED: Final = frozenset({"test", "validation", "valid", "val", "dev"})
_APART: Final = frozenset({"train", "training"})

_NO_TEXT: Final = Kind("has no text", "Every row needs a text that is not blank: fill it in or drop the row.")
_WRONG_TEXT: Final = Kind("has no usable text", "A text must be a string of valid Unicode.")
_NO_LABEL: Final = Kind("has no label", "Every row needs a label: fill it in or drop the row.")
_WRONG_LABEL: Final = Kind("has an unusable label", "A label must be a name or an integer id.")
_WRONG_LANGUAGE: Final = Kind("has no language tag", "Allowed are BCP 47 language tags, such as en, pt-BR or zh-Hans.")
_NO_GROUP: Final = Kind("has no group", "Every row needs a group where the data name any; or pass --group-column none.")
_WRONG_GROUP: Final = Kind("has an unusable group", "A group must be a name or an integer id.")

_WRONG_SPLIT: Final = Kind(
    "is of an unknown split",
    f"Allowed are {', '.join(sorted(_JUDGED))} (judged) and train (left out); --split-column none takes all rows.",
)


@dataclass(frozen=True)
class Checked:
    """Examples from a data file, and what happened on the way.

    Attributes:
        examples: The rows to judge on.
        left_out: Number of rows left out, by split.
        cut: Texts cut to their first characters.
        renamed: Language tags of the file that were not in normal spelling, with the spelling they got.
    """

    examples: Examples
    left_out: Mapping[str, int]
    cut: int
    renamed: Mapping[str, str]


def check_rows(path: Path, table: Table, columns: Columns) -> Checked:
    """Turns the rows of a table into examples.

    Args:
        path: The file they came from, for the error.
        table: The rows.
        columns: Names of the columns to read; all of them are in the table.

    Returns:
        The examples of the judged splits.

    Raises:
        DataError: When any row cannot be used, naming several, or when none is left to judge on.
    """
    reader = _RowReader(columns)
    for position, values in table.rows:
        reader.read(position, values)
    cells = reader.cells
    cells.faults.raise_any(path, table.unit)
    if not reader.examples:
        raise none_judged(path, cells)
    texts, labels, languages, groups = zip(*reader.examples, strict=True)
    examples = Examples(texts, labels, languages, groups if columns.group is not None else None)
    return Checked(examples, dict(cells.left_out), cells.cut, cells.renamed)


def none_judged(path: Path, cells: "Cells") -> DataError:
    """The error where all rows are of splits that are not judged."""
    splits = ", ".join(f"{count:,} of {name}" for name, count in sorted(cells.left_out.items()))
    message = f"{path} holds no rows to judge on: all are of other splits ({splits})."
    return DataError(message, f"Judged are rows of the splits {', '.join(sorted(_JUDGED))}.")


class _RowReader:
    """Reads rows one by one, and remembers the faults met."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.cells = Cells()
        self.examples: list[tuple[str, str, str, str]] = []

    def read(self, position: int, values: Mapping[str, object]) -> None:
        cells, columns = self.cells, self.columns
        if columns.split is not None and not cells.is_judged(position, values.get(columns.split)):
            return
        text = cells.text(position, values.get(columns.text))
        label = cells.name(position, values.get(columns.label), _NO_LABEL, _WRONG_LABEL)
        language = cells.language(position, values.get(columns.language))
        group: str | None = ""
        if columns.group is not None:
            group = cells.group(position, values.get(columns.group))
        if text is not None and label is not None and language is not None and group is not None:
            self.examples.append((text, label, language, group))


@dataclass
class Cells:
    """Reads single values of rows, and remembers the faults met; each method gives None where there is one.

    Attributes:
        faults: What was wrong.
        left_out: Number of rows left out, by split.
        cut: Texts cut to their first characters.
        tags: Language tags met, with their normal spelling; None where they are none.
    """

    faults: Faults = field(default_factory=Faults)
    left_out: Counter[str] = field(default_factory=Counter)
    cut: int = 0
    tags: dict[str, str | None] = field(default_factory=dict)

    @property
    def renamed(self) -> dict[str, str]:
        """Tags that were not in normal spelling, with the spelling they got."""
        return {tag: normal for tag, normal in self.tags.items() if normal is not None and normal != tag}

    def is_judged(self, position: int, value: object) -> bool:
        """Whether a row's split is one that is judged; rows of a training split are counted."""
        split = value.strip().casefold() if isinstance(value, str) else None
        if split in _APART:
            self.left_out[split] += 1
        elif split not in _JUDGED:
            self.faults.add(_WRONG_SPLIT, position, _shown(value))
        return split in _JUDGED

    def text(self, position: int, value: object, absent: Kind = _NO_TEXT, wrong: Kind = _WRONG_TEXT) -> str | None:
        """A text that is not blank, cut where it is of hostile size."""
        if is_null(value):
            self.faults.add(absent, position, "it is null or missing")
        elif not isinstance(value, str):
            self.faults.add(wrong, position, f"{_shown(value)} ({type(value).__name__})")
        elif not value.strip():
            self.faults.add(absent, position, "it is blank")
        elif not _is_unicode(value):
            self.faults.add(wrong, position, "it holds half of a surrogate pair, a broken \\u escape")
        else:
            shortened = shorten(value)
            self.cut += shortened is not value
            return shortened
        return None

    def group(self, position: int, value: object) -> str | None:
        """The name of a group."""
        return self.name(position, value, _NO_GROUP, _WRONG_GROUP)

    def name(self, position: int, value: object, absent: Kind, wrong: Kind) -> str | None:
        """A name or a whole number, as a name."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # Tables with gaps keep whole numbers as floats.
        if is_null(value):
            self.faults.add(absent, position, "it is null or missing")
        elif isinstance(value, bool) or not isinstance(value, str | int):
            self.faults.add(wrong, position, f"{_shown(value)} ({type(value).__name__})")
        elif not str(value).strip():
            self.faults.add(absent, position, "it is blank")
        elif not _is_unicode(str(value)):
            self.faults.add(wrong, position, "it holds half of a surrogate pair, a broken \\u escape")
        else:
            return str(value)
        return None

    def language(self, position: int, value: object, wrong: Kind = _WRONG_LANGUAGE) -> str | None:
        """A language tag in its normal spelling."""
        if not isinstance(value, str):
            met = "it is null or missing" if is_null(value) else _shown(value)
            self.faults.add(wrong, position, met)
            return None
        if value not in self.tags:
            try:
                self.tags[value] = canonical_tag(value)
            except DataError:
                self.tags[value] = None
        if self.tags[value] is None:
            nearest = nearest_tag(value)
            meant = f"; did you mean {nearest}?" if nearest is not None else ""
            self.faults.add(wrong, position, f"{_shown(value)}{meant}")
        return self.tags[value]


def shorten(text: str) -> str:
    """Cuts a text of hostile size before anything tokenizes it.

    Args:
        text: Any text.

    Returns:
        The text itself up to 1,000,000 bytes of UTF-8; else its first characters, at most 100,000, not ending
        between a letter and its accent or inside a joined emoji.
    """
    # Four bytes are the most a character takes, so that most texts need no counting.
    if len(text) * 4 <= LONGEST_TEXT_BYTES or len(text.encode()) <= LONGEST_TEXT_BYTES:
        return text
    end = KEPT_CHARACTERS
    while end > KEPT_CHARACTERS - 100 and (_extends(text[end]) or text[end - 1] == _JOINER):
        end -= 1
    return text[:end]


def _extends(character: str) -> bool:
    """Whether a character belongs to the one before it."""
    return unicodedata.category(character) in {"Mn", "Mc", "Me"} or character == _JOINER


def is_null(value: object) -> bool:
    """Whether a value of a table is absent."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    return "null" if value is None else f"{value!r:.60}"
