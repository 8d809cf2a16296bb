"""Reads parallel sentences from a file, and says exactly what is wrong where it cannot."""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from leanglot.config import Columns
from leanglot.data.parallel import ParallelExamples
from leanglot.data.parallel_rows import NESTED, ParallelRows, read_rows
from leanglot.data.reading import NO_COLUMN
from leanglot.data.rows import KEPT_CHARACTERS, LONGEST_TEXT_BYTES, none_judged
from leanglot.data.split import groups_in_turn
from leanglot.data.tables import MAX_FILE_BYTES, read_table
from leanglot.errors import DataError

# What other data sets call these columns.
_USUAL_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "source": ("source", "src", "source_text", "src_text", "sentence1", "input"),
    "target": ("target", "tgt", "trg", "reference", "ref", "target_text", "tgt_text", "translation", "sentence2"),
    "source_language": ("source_language", "source_lang", "src_lang", "src_language", "lang_src", "from"),
    "target_language": ("target_language", "target_lang", "tgt_lang", "trg_lang", "tgt_language", "lang_tgt", "to"),
    "group": ("group", "document", "doc", "doc_id", "component"),
    "split": ("split", "partition", "subset"),
}
_ROLES: Final = ("source", "target", "source_language", "target_language")
_LISTED: Final = 5


def read_parallel(
    path: Path, columns: Columns | None = None, limit_bytes: int = MAX_FILE_BYTES
) -> tuple[ParallelExamples, tuple[str, ...]]:
    """Reads the sentences to judge on.

    Where the data have a split column, only rows of its test and validation parts are taken. Rows without a reference
    are left out and told. A column that is not there under its usual name is taken under another that is usual, such
    as ``src``; and the ``translation`` of the library datasets, an object such as ``{"en": ..., "de": ...}``, is taken
    with its first language as the source, unless a column of the source language says otherwise.

    Args:
        path: A .jsonl, .ndjson, .json (a list), .csv, .tsv (each also as .gz) or .parquet file, in UTF-8.
        columns: Names of the columns; None takes the usual ones.
        limit_bytes: Largest size of the file, uncompressed.

    Returns:
        The sentences in the file's order, and notes on what was left out, cut or counted, one sentence each.

    Raises:
        DataError: When the file or any row of it cannot be used; names the rows and what is allowed.
    """
    path = Path(path)
    rows, notes = _read(path, columns or Columns(), limit_bytes, training=False)
    examples = _examples(path, rows)
    return examples, (*notes, *_notes(rows, examples))


def read_parallel_training(path: Path, columns: Columns | None = None) -> ParallelExamples:
    """Reads sentences to learn from.

    Where the data have a split column, only rows of its training part are taken.

    Args:
        path: A file of any format that `read_parallel` takes.
        columns: Names of the columns; None takes the usual ones.

    Returns:
        The sentences with a reference, in the file's order.

    Raises:
        DataError: When the file or any row of it cannot be used, or no row is for training.
    """
    path = Path(path)
    rows, _ = _read(path, columns or Columns(), MAX_FILE_BYTES, training=True)
    return _examples(path, rows, training=True)


def sample_per_pair(examples: ParallelExamples, limit: int, seed: int) -> ParallelExamples:
    """Draws at most ``limit`` sentences of each language pair.

    Every group gives one sentence before any gives a second, because sentences of one group are weaker evidence
    together. What is drawn from one pair does not depend on which others there are.

    Args:
        examples: What to draw from.
        limit: Most sentences per pair.
        seed: The same seed draws the same sentences.

    Returns:
        The drawn sentences in their old order; all of a pair that has no more than ``limit``.

    Raises:
        DataError: When ``limit`` is below 1.
    """
    if limit < 1:
        raise DataError(f"A limit of {limit} sentences per pair leaves none.", "Allowed are 1 and more.")
    chosen: list[int] = []
    for pair, places in examples.by_pair().items():
        shuffled = np.random.default_rng([seed, *pair.encode()]).permutation(places).tolist()
        chosen += places.tolist() if len(places) <= limit else groups_in_turn(shuffled, examples.groups)[:limit]
    return examples.subset(sorted(chosen))


def _read(path: Path, columns: Columns, limit_bytes: int, *, training: bool) -> tuple[ParallelRows, list[str]]:
    wanted = {name for names in _USUAL_NAMES.values() for name in names}
    wanted |= set(columns.model_dump(exclude_none=True).values()) | {NESTED}
    table = read_table(path, wanted, limit_bytes)
    nested = NESTED in table.columns and any(isinstance(values.get(NESTED), Mapping) for _, values in table.rows)
    chosen, notes = _chosen(path, columns, table.columns, nested=nested)
    rows = read_rows(path, table, chosen, nested=nested, training=training)
    if rows.directions:
        told = ", ".join(rows.directions[:_LISTED]) + (", ..." if len(rows.directions) > _LISTED else "")
        notes.append(
            f'The column "{NESTED}" names no direction: the first language of each row is its source ({told}).'
        )
    return rows, notes


def _chosen(path: Path, columns: Columns, present: Sequence[str], *, nested: bool) -> tuple[Columns, list[str]]:
    """The columns to read, once it is clear that all are there, and a note on those with other names."""
    asked = columns.model_dump(include={*_ROLES, "group", "split"}, exclude_none=True)
    unwanted = {role for role in ("group", "split") if asked.get(role) == NO_COLUMN and NO_COLUMN not in present}
    asked = {role: name for role, name in asked.items() if role not in unwanted}
    taken = {}
    for role in _ROLES:
        others = [name for name in _USUAL_NAMES[role] if name in present and not (nested and name == NESTED)]
        if asked[role] == role and role not in present and others:
            taken[role] = others[0]
    asked |= taken
    needed = {role: name for role, name in asked.items() if not (nested and role in _ROLES)}
    if missing := {role: name for role, name in needed.items() if name not in present}:
        lines = [_missing_column(role, name, present) for role, name in missing.items()]
        raise DataError(
            f"{path} lacks {'a column' if len(lines) == 1 else 'columns'}:\n" + "\n".join(lines),
            f"Its columns are {', '.join(present[:20])}{', ...' if len(present) > 20 else ''}.",
        )
    usual = {role: role for role in ("group", "split") if role in present and role not in unwanted}
    told = ", ".join(f"{role} from {name}" for role, name in taken.items())
    return Columns(**{**usual, **asked}), [f"Columns taken under another name: {told}."] if told else []


def _missing_column(role: str, name: str, present: Sequence[str]) -> str:
    folded = {column.strip().casefold(): column for column in present}
    usual = [folded[other] for other in _USUAL_NAMES[role] if other in folded]
    near = usual or [folded[other] for other in difflib.get_close_matches(name.casefold(), folded, n=1)]
    value = near[0] if near else "NAME"
    return f'  no column "{name}" for the {role.replace("_", " ")}: name it under columns, as in {role}: {value}'


def _examples(path: Path, rows: ParallelRows, *, training: bool = False) -> ParallelExamples:
    if not rows.examples:
        if rows.without_reference:
            raise DataError(
                f"{path}: none of the {sum(rows.without_reference.values()):,} rows has a reference.",
                "Without right translations no quality can be measured: give at least one per language pair.",
            )
        if training:
            raise DataError(
                f"{path} holds no rows to learn from: none is of the split train.",
                "Give a file of its own, or mark rows with the split train.",
            )
        raise none_judged(path, rows.cells)
    sources, references, source_languages, target_languages, groups = zip(*rows.examples, strict=True)
    return ParallelExamples(
        sources, references, source_languages, target_languages, groups if rows.has_groups else None
    )


def _notes(rows: ParallelRows, examples: ParallelExamples) -> list[str]:
    notes, cells = [], rows.cells
    if cells.left_out:
        parts = ", ".join(f"{count:,} of {name}" for name, count in sorted(cells.left_out.items()))
        notes.append(f"Rows of other splits were left out: {parts}.")
    if rows.without_reference:
        parts = ", ".join(f"{pair} {count:,}" for pair, count in sorted(rows.without_reference.items()))
        notes.append(f"Rows without a reference were left out, as nothing shows what is right: {parts}.")
        if lost := sorted(set(rows.without_reference) - set(examples.pairs)):
            notes.append(f"Language pairs without any reference are not judged: {', '.join(lost)}.")
    if cells.cut:
        rule = f"Texts over {LONGEST_TEXT_BYTES:,} bytes, cut to their first {KEPT_CHARACTERS:,} characters"
        notes.append(f"{rule}: {cells.cut:,}.")
    if cells.renamed:
        parts = ", ".join(f"{tag} to {canonical}" for tag, canonical in sorted(cells.renamed.items()))
        notes.append(f"Language tags were brought to their normal spelling: {parts}.")
    both = Counter(zip(examples.pairs, examples.sources, examples.references, strict=True))
    if repeated := both.total() - len(both):
        notes.append(f"Rows that repeat an earlier row's languages, source and reference: {repeated:,}.")
    if alike := sum(one == other for one, other in zip(examples.sources, examples.references, strict=True)):
        notes.append(f"Rows whose reference is their source, where copying is right: {alike:,}.")
    return notes
