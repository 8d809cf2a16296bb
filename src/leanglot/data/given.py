"""Labelled examples that the caller holds in memory, checked as those of a file are."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from leanglot.config import Columns
from leanglot.data.examples import Examples
from leanglot.data.rows import check_rows
from leanglot.data.tables import Table
from leanglot.errors import DataError


def examples_of(texts: Iterable[str], labels: Iterable[object], languages: Iterable[str]) -> Examples:
    """Joins three columns of equal length.

    Args:
        texts: What the model reads.
        labels: The right answer to each: a name, or an id.
        languages: Language tag of each.

    Raises:
        DataError: The columns differ in length or are empty, or a row cannot be used; names positions from 0.
    """
    columns = {"text": listed("texts", texts), "label": listed("labels", labels)}
    columns["language"] = listed("languages", languages)
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{count:,} {name}s" for name, count in lengths.items())
        raise DataError(f"The lists differ in length: {found}.", "Every text needs one label and one language.")
    if not columns["text"]:
        raise DataError("There are no texts.", "Give at least one text with its label and its language.")
    rows = (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
    table = Table("position", tuple(columns), tuple(enumerate(rows)))
    return check_rows(Path("The examples given"), table, Columns()).examples


def listed(name: str, column: Iterable[object]) -> list[Any]:
    """A column as a list of plain Python values, whatever library holds it.

    Raises:
        DataError: It is one string, or nothing that can be gone through.
    """
    if isinstance(column, str) or not isinstance(column, Iterable):
        raise DataError(f"The {name} are {column!r:.60}.", "A list is needed, with one item per text.")
    plain = getattr(column, "tolist", None)
    found = list(column) if plain is None else plain()
    return [item.item() if hasattr(item, "item") else item for item in found]
