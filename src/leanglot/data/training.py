"""Examples to train on, labelled or not: none of them judged, some held out by group to see how training goes."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.config import Columns, DataConfig
from leanglot.data.examples import Examples
from leanglot.data.labels import resolve_labels
from leanglot.data.pool import is_blank, plain_text, training_rows
from leanglot.data.reading import NO_COLUMN
from leanglot.data.rows import check_rows
from leanglot.data.tables import Table, read_table
from leanglot.errors import DataError

_NO_LABEL: Final = "\u2205"  # stands for a missing label while the rows are checked


@dataclass(frozen=True)
class TrainingExamples:
    """Examples to train on.

    Attributes:
        examples: At least one; the label of one without is "".
        source: Name of the data, such as the file's name.
        notes: What was left out and why, one sentence each.
    """

    examples: Examples
    source: str
    notes: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all columns in order."""
        return self.examples.digest()


def read_training(
    path: Path, columns: Columns, judged: Collection[str] = (), *, also_judged: bool = False
) -> TrainingExamples:
    """Reads examples to train on.

    Where the data have a split column, only rows of its training part are taken. Labels may be missing, in all rows or
    in some: such texts learn from a teacher.

    Args:
        path: A file of any format that `read_examples` takes.
        columns: Names of the columns.
        judged: Texts that candidates are judged on, which are left out.
        also_judged: Whether candidates are judged on this same file, which then needs a split column.

    Raises:
        DataError: When the file or a row of it cannot be used, or no text is left.
    """
    group = columns.group or "group"
    table = read_table(path, (columns.text, columns.label, columns.language, group, columns.split or "split"))
    rows, notes = training_rows(path, columns, table, also_judged=also_judged)
    has_label, has_group = columns.label in table.columns, group in table.columns and columns.group != NO_COLUMN
    if columns.group not in (None, NO_COLUMN) and not has_group:
        raise DataError(
            f'{path} has no column "{columns.group}" for the group: set it with --group-column NAME.',
            f"Its columns are {', '.join(table.columns[:20])}.",
        )
    marked = tuple(
        (place, {**values, columns.label: _NO_LABEL})
        if not has_label or is_blank(values.get(columns.label))
        else (place, values)
        for place, values in rows
    )
    read = Columns(
        text=columns.text, label=columns.label, language=columns.language, group=group if has_group else None
    )
    found = check_rows(path, Table(table.unit, table.columns, marked), read).examples
    labels = tuple("" if label == _NO_LABEL else label for label in found.labels)
    return training_examples(replace(found, labels=labels), str(path), judged, notes)


def find_training(named: DataConfig | None, judged: DataConfig, texts: Collection[str]) -> TrainingExamples:
    """Reads examples from the file that is named for it, else from the training split of the judged data.

    Args:
        named: The file named for it; None where none is.
        judged: The data that candidates are judged on.
        texts: The judged texts.

    Raises:
        DataError: There are none, or they cannot be used.
    """
    source = named or judged
    same = source.path.resolve() == judged.path.resolve()
    return read_training(source.path, source.columns, texts, also_judged=same)


def training_examples(
    examples: Examples, source: str, judged: Collection[str] = (), notes: Sequence[str] = ()
) -> TrainingExamples:
    """The examples without those whose text is judged, whatever its letter case and spacing.

    Args:
        examples: Of a training split.
        source: Name of the data.
        judged: Texts that candidates are judged on.
        notes: What is known about the data already.

    Raises:
        DataError: When none is left.
    """
    known = set(map(plain_text, judged))
    left = [place for place, text in enumerate(examples.texts) if plain_text(text) not in known]
    if not left:
        raise DataError(
            f"{source}: all {len(examples):,} texts are among those that candidates are judged on.",
            "Train on other texts: learning the test texts by heart would flatter the result.",
        )
    out = len(examples) - len(left)
    said = (f"Training texts that are also judged were left out: {out:,}.",) if out else ()
    return TrainingExamples(examples.subset(left), source, (*notes, *said))


def label_ids(examples: Examples, model_labels: Sequence[str], unlabelled: int) -> NDArray[np.int64]:
    """Positions of the labels in the model's head, shape (examples,); `unlabelled` where there is none.

    Raises:
        DataError: A label is unknown to the model.
    """
    ids = np.full(len(examples), unlabelled, dtype=np.int64)
    labelled = [place for place, label in enumerate(examples.labels) if label]
    if labelled:
        ids[labelled], _ = resolve_labels(examples.subset(labelled), model_labels)
    return ids


def hold_out(
    examples: Examples, share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[str, ...]]:
    """Splits examples into those to train on and those to check with, by group and within each language.

    Args:
        examples: Of a training split.
        share: Share of each language's labelled examples to hold out, about: whole groups go, and one stays at least.
        seed: The same seed holds out the same.

    Returns:
        Ascending positions of both, and notes on languages of which none could be held out. Texts without a label of
        a held-out group are in neither.
    """
    held: list[int] = []
    apart_too: list[int] = []
    without = []
    for tag, positions in examples.by_language().items() if share else ():
        labelled = [int(place) for place in positions if examples.labels[place]]
        chosen = _held_groups(_by_group(examples, labelled), share * len(labelled), [seed, *tag.encode()])
        held += chosen
        names = _by_group(examples, chosen).keys()
        apart_too += [int(place) for place in positions if _group(examples, int(place)) in names]
        if not chosen:
            without.append(tag)
    note = f"No examples of {', '.join(without)} are held out: those with a label are too few, or all of one group."
    apart = np.asarray(sorted(held), dtype=np.int64)
    kept = np.setdiff1d(np.arange(len(examples)), apart_too)
    return kept, apart, (note,) if without else ()


def _by_group(examples: Examples, positions: Sequence[int]) -> Mapping[str, list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for place in positions:
        groups[_group(examples, place)].append(place)
    return groups


def _group(examples: Examples, place: int) -> str:
    """The group of an example; without groups, the same text twice is one."""
    return plain_text(examples.texts[place]) if examples.groups is None else examples.groups[place]


def _held_groups(groups: Mapping[str, list[int]], wanted: float, seed: Sequence[int]) -> list[int]:
    """Whole groups in a drawn order, each that brings the number closer to the one wanted."""
    order = np.random.default_rng(list(seed)).permutation(sorted(groups)).tolist()
    held: list[int] = []
    for name in order[: max(len(order) - 1, 0)]:
        if abs(len(held) + len(groups[name]) - wanted) < abs(len(held) - wanted):
            held += groups[name]
    return held


def counts(languages: Sequence[str]) -> dict[str, int]:
    """Examples by language, in alphabetical order."""
    return dict(sorted(Counter(languages).items()))
