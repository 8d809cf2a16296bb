"""Reads labelled data from a file into examples, and says exactly what is wrong where it cannot."""

import difflib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from leanglot.config import Columns
from leanglot.data.examples import Examples
from leanglot.data.rows import KEPT_CHARACTERS, LONGEST_TEXT_BYTES, Checked, check_rows
from leanglot.data.tables import MAX_FILE_BYTES, read_table
from leanglot.errors import DataError

# In place of the name of a group or split column: there is none, whatever the columns are called.
NO_COLUMN: Final = "none"

# What other data sets call these columns.
_USUAL_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("text", "sentence", "utterance", "utt", "query", "review", "content", "input"),
    "label": ("label", "labels", "intent", "class", "category", "target"),
    "language": ("language", "lang", "locale", "language_code", "lang_code"),
    "group": ("group", "template", "document", "speaker", "user"),
    "split": ("split", "partition", "subset"),
}


def read_examples(
    path: Path, columns: Columns | None = None, limit_bytes: int = MAX_FILE_BYTES
) -> tuple[Examples, tuple[str, ...]]:
    """Reads the examples to judge on.

    Where the data have a split column, only rows of its test and validation parts are taken.

    Args:
        path: A .jsonl, .ndjson, .json (a list), .csv, .tsv (each also as .gz) or .parquet file, in UTF-8.
        columns: Names of the columns; None takes the usual ones.
        limit_bytes: Largest size of the file, uncompressed.

    Returns:
        The examples in the file's order, and notes on what was left out, cut or counted, one sentence each.

    Raises:
        DataError: When the file or any row of it cannot be used; names the rows and what is allowed.
    """
    path, columns = Path(path), columns or Columns()
    group, split = columns.group or "group", columns.split or "split"
    table = read_table(path, (columns.text, columns.label, columns.language, group, split), limit_bytes)
    checked = check_rows(path, table, _chosen(path, columns, table.columns))
    return checked.examples, tuple(_notes(checked))


def _chosen(path: Path, columns: Columns, present: Sequence[str]) -> Columns:
    """The columns to read, once it is clear that all are there; usual group and split columns are added."""
    asked = columns.model_dump(include=set(_USUAL_NAMES), exclude_none=True)
    unwanted = {role for role in ("group", "split") if asked.get(role) == NO_COLUMN and NO_COLUMN not in present}
    asked = {role: name for role, name in asked.items() if role not in unwanted}
    if missing := {role: name for role, name in asked.items() if name not in present}:
        lines = [_missing_column(role, name, present) for role, name in missing.items()]
        raise DataError(
            f"{path} lacks {'a column' if len(lines) == 1 else 'columns'}:\n" + "\n".join(lines),
            f"Its columns are {', '.join(present[:20])}{', ...' if len(present) > 20 else ''}.",
        )
    usual = {role: role for role in ("group", "split") if role in present and role not in unwanted}
    return Columns(**{**usual, **asked})


def _missing_column(role: str, name: str, present: Sequence[str]) -> str:
    folded = {column.strip().casefold(): column for column in present}
    usual = [folded[other] for other in _USUAL_NAMES[role] if other in folded]
    near = usual or [folded[other] for other in difflib.get_close_matches(name.casefold(), folded, n=1)]
    value = f'"{near[0]}"' if near else "NAME"
    return f'  no column "{name}" for the {role}: set it with --{role}-column {value}'


def _notes(checked: Checked) -> list[str]:
    notes = []
    if checked.left_out:
        parts = ", ".join(f"{count:,} of {name}" for name, count in sorted(checked.left_out.items()))
        notes.append(f"Rows of other splits were left out: {parts}.")
    if checked.cut:
        rule = f"Texts over {LONGEST_TEXT_BYTES:,} bytes, cut to their first {KEPT_CHARACTERS:,} characters"
        notes.append(f"{rule}: {checked.cut:,}.")
    if checked.renamed:
        parts = ", ".join(f"{tag} to {canonical}" for tag, canonical in sorted(checked.renamed.items()))
        notes.append(f"Language tags were brought to their normal spelling: {parts}.")
    notes += _repetitions(checked.examples)
    if len(languages := set(checked.examples.languages)) == 1:
        notes.append(f"All examples are in one language, {languages.pop()}; no other is judged.")
    return notes


def _repetitions(examples: Examples) -> list[str]:
    """Notes on texts that occur more than once in a language: they are no further evidence, or contradict."""
    labels: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for text, language, label in zip(examples.texts, examples.languages, examples.labels, strict=True):
        labels[language, text][label] += 1
    repeated = sum(counts.total() - len(counts) for counts in labels.values())
    conflicting = sum(len(counts) > 1 for counts in labels.values())
    notes = []
    if repeated:
        notes.append(f"Rows that repeat the text, language and label of an earlier row: {repeated:,}.")
    if conflicting:
        rule = "Texts with different labels in one language, of which one at most can be right"
        notes.append(f"{rule}: {conflicting:,}.")
    return notes
