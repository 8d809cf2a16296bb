"""Checks each row of a file of parallel sentences."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from leanglot.config import Columns
from leanglot.data.faults import Kind
from leanglot.data.rows import Cells, is_null
from leanglot.data.tables import Table
from leanglot.languages import pair_tag

NESTED: Final = "translation"
"""Column in which the library datasets keeps both sides of a row."""

_NO_SOURCE: Final = Kind("has no source", "Every row needs a source that is not blank: fill it in or drop the row.")
_WRONG_SOURCE: Final = Kind("has no usable source", "A source must be a string of valid Unicode.")
_WRONG_TARGET: Final = Kind("has an unusable reference", "A reference must be a string of valid Unicode, or missing.")
_WRONG_TAG: Final = Kind(
    "has no tag for the {} language", "Allowed are BCP 47 language tags, such as en, pt-BR or zh-Hans."
)
_WRONG_TAGS: Final = {side: Kind(_WRONG_TAG.what.format(side), _WRONG_TAG.hint) for side in ("source", "target")}
_SAME_LANGUAGE: Final = Kind("has one language twice", "Source and target language must differ.")
_WRONG_NESTED: Final = Kind(
    f"has an unusable {NESTED}",
    f'A {NESTED} must be an object of two languages, such as {{"en": "...", "de": "..."}}.',
)

_Row = tuple[str, str, str, str, str]


@dataclass
class ParallelRows:
    """Rows of a file, and what happened on the way.

    Attributes:
        has_groups: Whether each row names a group.
        examples: Source, reference, source language, target language and group of each row taken.
        without_reference: Number of rows left out because they have none, by pair.
        directions: Pairs whose direction was taken from the order of the languages.
        cells: What was wrong, left out, cut and renamed.
    """

    has_groups: bool
    examples: list[_Row] = field(default_factory=list)
    without_reference: Counter[str] = field(default_factory=Counter)
    directions: tuple[str, ...] = ()
    cells: Cells = field(default_factory=Cells)


def read_rows(path: Path, table: Table, columns: Columns, *, nested: bool, training: bool) -> ParallelRows:
    """Checks the rows of a table.

    Args:
        path: The file they came from, for the error.
        table: The rows.
        columns: Names of the columns to read.
        nested: Whether both sides of a row stand in the column `NESTED`.
        training: Take the rows of the training split in place of those that are judged.

    Raises:
        DataError: When any row cannot be used, naming several.
    """
    rows = ParallelRows(columns.group is not None)
    directions: dict[str, None] = {}
    for position, values in table.rows:
        if columns.split is not None and not _is_wanted(rows.cells, position, values.get(columns.split), training):
            continue
        flat, guessed = _flattened(rows.cells, position, values, columns) if nested else (values, False)
        pair = None if flat is None else _read_row(rows, position, flat, columns)
        if pair is not None and guessed:
            directions[pair] = None
    rows.cells.faults.raise_any(path, table.unit)
    rows.directions = tuple(directions)
    return rows


def _is_wanted(cells: Cells, position: int, split: object, training: bool) -> bool:  # noqa: FBT001 - a private step
    before = cells.left_out.total()
    judged = cells.is_judged(position, split)
    return cells.left_out.total() > before if training else judged


def _flattened(
    cells: Cells, position: int, values: Mapping[str, object], columns: Columns
) -> tuple[Mapping[str, object] | None, bool]:
    """A row whose two sides have columns of their own, and whether their order alone told the direction."""
    both = values.get(NESTED)
    texts = {str(tag): text for tag, text in both.items()} if isinstance(both, Mapping) else {}
    told = values.get(columns.source_language)
    source, target = told if told in texts else None, values.get(columns.target_language)
    guessed = source is None and target not in texts
    if source is None:
        source = next((tag for tag in texts if tag != target), None)
    if target not in texts:
        target = next((tag for tag in texts if tag != source), None)
    if source is None or target is None or (guessed and len(texts) != 2):
        shown = f"{both!r:.60}" if both is not None else "it is null or missing"
        cells.faults.add(_WRONG_NESTED, position, shown)
        return None, False
    sides = {columns.source: texts[str(source)], columns.target: texts[str(target)]}
    return {**values, **sides, columns.source_language: source, columns.target_language: target}, guessed


def _read_row(rows: ParallelRows, position: int, values: Mapping[str, object], columns: Columns) -> str | None:
    """Reads a row, and tells its pair; None where it cannot be used."""
    cells = rows.cells
    source = cells.text(position, values.get(columns.source), _NO_SOURCE, _WRONG_SOURCE)
    reference = values.get(columns.target)
    absent = is_null(reference) or (isinstance(reference, str) and not reference.strip())
    checked = "" if absent else cells.text(position, reference, _WRONG_TARGET, _WRONG_TARGET)
    one = cells.language(position, values.get(columns.source_language), _WRONG_TAGS["source"])
    other = cells.language(position, values.get(columns.target_language), _WRONG_TAGS["target"])
    group: str | None = ""
    if columns.group is not None:
        group = cells.group(position, values.get(columns.group))
    if one is not None and one == other:
        cells.faults.add(_SAME_LANGUAGE, position, one)
        return None
    if source is None or checked is None or one is None or other is None or group is None:
        return None
    pair = pair_tag(one, other)
    if absent:
        rows.without_reference[pair] += 1
    else:
        rows.examples.append((source, checked, one, other, group))
    return pair
