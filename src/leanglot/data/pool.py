"""Texts to learn from, labelled or not: from the training split alone, and free of judged texts where that matters."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from leanglot.config import Columns, DataConfig
from leanglot.data.examples import Examples
from leanglot.data.reading import NO_COLUMN
from leanglot.data.rows import check_rows
from leanglot.data.tables import Table, read_table
from leanglot.errors import DataError

_TRAINING: Final = frozenset({"train", "training"})
_LABEL: Final = "(label)"


@dataclass(frozen=True)
class TextPool:
    """Texts to learn from.

    Attributes:
        texts: At least one.
        languages: Canonical BCP 47 tag of each.
        source: Name of the data, such as the file's name.
        notes: What was left out and why, one sentence each.
    """

    texts: tuple[str, ...]
    languages: tuple[str, ...]
    source: str
    notes: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of texts and languages in order; computed once, as every candidate's key holds it."""
        return Examples(self.texts, ("",) * len(self.texts), self.languages).digest()


def read_texts(path: Path, columns: Columns, judged: Collection[str] = (), *, also_judged: bool = False) -> TextPool:
    """Reads texts to calibrate on; labels and groups do not matter.

    Where the data have a split column, only rows of its training part are taken.

    Args:
        path: A file of any format that `read_examples` takes.
        columns: Names of the columns; the label's and the group's are not looked at.
        judged: Texts that candidates are judged on.
        also_judged: Whether candidates are judged on this same file, which then needs a split column.

    Raises:
        DataError: When the file or a row of it cannot be used, or no text is left.
    """
    table = read_table(path, (columns.text, columns.language, columns.split or "split"))
    filled, notes = training_rows(path, columns, table, also_judged=also_judged)
    # Labels may be absent: every row gets the same one, so that all else is checked as in data to judge on.
    labelled = tuple((position, {**values, _LABEL: "any"}) for position, values in filled)
    alike = Columns(text=columns.text, label=_LABEL, language=columns.language)
    checked = check_rows(path, Table(table.unit, table.columns, labelled), alike)
    return text_pool(checked.examples, str(path), judged, notes)


def training_rows(path: Path, columns: Columns, table: Table, *, also_judged: bool) -> tuple["TableRows", list[str]]:
    """The rows of a table to learn from: those of its training split, without the empty ones, and what was left out.

    Args:
        path: Where the table came from, for the error.
        columns: Names of the columns; the label's and the group's are not looked at.
        table: The rows.
        also_judged: Whether candidates are judged on the same file, which then needs a split column.

    Raises:
        DataError: When a column is missing, or no row is left.
    """
    split = columns.split or "split"
    _check_columns(path, columns, table.columns)
    split_column = split if split in table.columns and columns.split != NO_COLUMN else None
    if also_judged and split_column is None:
        raise DataError(
            f"{path} has no column {split!r}, so all its rows are there to judge on, and none to learn from.",
            "Give other texts: --calibration FILE (for a vocabulary, --corpus FILE; to train on, --training FILE), or "
            "that key in a config file; or add the column.",
        )
    rows, notes = _of_training_split(path, table, split_column)
    filled = [row for row in rows if not is_blank(row[1].get(columns.text))]
    if not filled:
        raise DataError(f"{path}: all {len(rows):,} texts are empty.", "Give texts like those the model meets.")
    if len(filled) < len(rows):
        notes.append(f"Empty texts were left out: {len(rows) - len(filled):,}.")
    return filled, notes


def read_pool(calibration: DataConfig | None, judged: DataConfig, texts: Collection[str]) -> TextPool:
    """Reads texts to calibrate on from the file that is named for it, else from the training split of the judged data.

    Args:
        calibration: The file named for it; None where none is.
        judged: The data that candidates are judged on.
        texts: The judged texts.

    Raises:
        DataError: There are none, or they cannot be used.
    """
    source, same = source_of(calibration, judged)
    return read_texts(source.path, source.columns, texts, also_judged=same)


def source_of(named: DataConfig | None, judged: DataConfig) -> tuple[DataConfig, bool]:
    """The data to learn from, the judged ones where none are named, and whether they are the judged ones' file."""
    source = named or judged
    return source, source.path.resolve() == judged.path.resolve()


def find_pool(calibration: DataConfig | None, judged: DataConfig, texts: Collection[str]) -> TextPool | None:
    """The same as `read_pool`, but None where no file was named and the judged data have no training split.

    Raises:
        DataError: The file that was named cannot be used.
    """
    try:
        return read_pool(calibration, judged, texts)
    except DataError:
        if calibration is not None:
            raise
        return None


def text_pool(examples: Examples, source: str, judged: Collection[str] = (), notes: Sequence[str] = ()) -> TextPool:
    """The examples' texts, without those that are judged, whatever their letter case and spacing.

    Args:
        examples: Of a training split.
        source: Name of the data.
        judged: Texts that candidates are judged on.
        notes: What is known about the data already.

    Raises:
        DataError: When no text is left.
    """
    left = unjudged(examples.texts, judged)
    if not left:
        raise DataError(
            f"{source}: all {len(examples):,} texts are among those that candidates are judged on.",
            "Calibrate on training data: ranges fitted to the test texts would flatter the result.",
        )
    out = len(examples) - len(left)
    said = (f"Texts that are also judged were left out: {out:,}.",) if out else ()
    kept = examples.subset(left)
    return TextPool(kept.texts, kept.languages, source, (*notes, *said))


def _check_columns(path: Path, columns: Columns, present: Sequence[str]) -> None:
    asked = {"text": columns.text, "language": columns.language}
    if columns.split not in (None, NO_COLUMN):
        asked["split"] = columns.split
    missing = {role: name for role, name in asked.items() if name not in present}
    if missing:
        lines = [
            f'  no column "{name}" for the {role}: set it with --{role}-column NAME' for role, name in missing.items()
        ]
        raise DataError(
            f"{path} lacks {'a column' if len(lines) == 1 else 'columns'}:\n" + "\n".join(lines),
            f"Its columns are {', '.join(present[:20])}{', ...' if len(present) > 20 else ''}.",
        )


TableRows = Sequence[tuple[int, Mapping[str, object]]]


def _of_training_split(path: Path, table: Table, split: str | None) -> tuple[TableRows, list[str]]:
    """The rows to draw from, and a note on those of other splits."""
    if split is None:
        return table.rows, []
    splits = [str(values.get(split)).strip() for _, values in table.rows]
    rows = [row for row, name in zip(table.rows, splits, strict=True) if name.casefold() in _TRAINING]
    others = Counter(name for name in splits if name.casefold() not in _TRAINING)
    told = ", ".join(f"{count:,} of {name[:40]}" for name, count in others.most_common(5))
    if not rows:
        raise DataError(
            f"{path} has no training rows to learn from: its column {split!r} holds {told}.",
            "Give the file with the rows of the split train; or, if none of its texts is ever judged on, take all rows "
            "with --split-column none.",
        )
    return rows, [f"Only training rows are taken; left out were {told}."] if others else []


def is_blank(value: object) -> bool:
    """Whether a cell holds nothing: no value, not a number, or white space alone."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def unjudged(texts: Sequence[str], judged: Collection[str]) -> list[int]:
    """Ascending positions of the texts that are not among the judged ones, whatever their letter case and spacing."""
    known = set(map(plain_text, judged))
    return [place for place, text in enumerate(texts) if plain_text(text) not in known]


def plain_text(text: str) -> str:
    """The text without letter case and spacing: two that differ only there count as the same."""
    return " ".join(text.casefold().split())
