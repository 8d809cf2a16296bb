"""Examples to train on, labelled or not: none of them judged, some held out by group to see how training goes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.config import Columns, DataConfig
from leanglot.data.examples import Examples
from leanglot.data.labels import resolve_labels
from leanglot.data.pool import is_blank, plain_text, source_of, training_rows, unjudged
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
    path: Path, columns: Columns, judged: Examples | None = None, *, also_judged: bool = False
) -> TrainingExamples:
    """Reads examples to train on.

    Where the data have a split column, only rows of its training part are taken. Labels may be missing, in all rows or
    in some: such texts learn from a teacher.

    Args:
        path: A file of any format that `read_examples` takes.
        columns: Names of the columns.
        judged: What candidates are judged on; its texts are left out.
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


def find_training(named: DataConfig | None, judged: DataConfig, examples: Examples) -> TrainingExamples:
    """Reads examples from the file that is named for it, else from the training split of the judged data.

    Args:
        named: The file named for it; None where none is.
        judged: The data that candidates are judged on.
        examples: The judged examples.

    Raises:
        DataError: There are none, or they cannot be used.
    """
    source, same = source_of(named, judged)
    return read_training(source.path, source.columns, examples, also_judged=same)


def training_examples(
    examples: Examples, source: str, judged: Examples | None = None, notes: Sequence[str] = ()
) -> TrainingExamples:
    """The examples without those whose text is judged, whatever its letter case and spacing.

    Texts of a judged group stay, with a note: whether a group's name means the same in both data nobody knows here.

    Args:
        examples: Of a training split.
        source: Name of the data.
        judged: What candidates are judged on.
        notes: What is known about the data already.

    Raises:
        DataError: When none is left.
    """
    left = unjudged(examples.texts, () if judged is None else judged.texts)
    if not left:
        raise DataError(
            f"{source}: all {len(examples):,} texts are among those that candidates are judged on.",
            "Train on other texts: learning the test texts by heart would flatter the result.",
        )
    out = len(examples) - len(left)
    said = (f"Training texts that are also judged were left out: {out:,}.",) if out else ()
    kept = examples.subset(left)
    return TrainingExamples(kept, source, (*notes, *said, *_shared_groups(kept, judged)))


def _shared_groups(examples: Examples, judged: Examples | None) -> tuple[str, ...]:
    """A note on texts that are of one group with judged ones, and so may be all but the same."""
    if judged is None or examples.groups is None or judged.groups is None:
        return ()
    known = set(judged.groups)
    shared = sum(group in known for group in examples.groups)
    told = (
        f"Of {len(examples):,} training texts {shared:,} are of groups that are judged too: where a group's name means "
        "the same in both, what was learned from them flatters the result."
    )
    return (told,) if shared else ()


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
    """Splits examples into those to train on and those to check with, by group, about the same share of each language.

    A group that is held out is so in all languages.

    Args:
        examples: Of a training split.
        share: Share of each language's labelled examples to hold out, about: whole groups go, and one stays at least.
        seed: The same seed holds out the same.

    Returns:
        Ascending positions of both, and notes on languages of which none could be held out. Texts without a label of
        a held-out group are in neither.
    """
    groups = {tag: _by_group(examples, positions) for tag, positions in examples.by_language().items()}
    held = _drawn_groups(groups, share, seed) if share else set()
    apart = [place for place in range(len(examples)) if _group(examples, place) in held]
    checked = np.asarray([place for place in apart if examples.labels[place]], dtype=np.int64)
    kept = np.setdiff1d(np.arange(len(examples)), apart)
    present = {examples.languages[place] for place in checked}
    without = [tag for tag in groups if tag not in present]
    note = f"No examples of {', '.join(without)} are held out: those with a label are too few, or all of one group."
    return kept, checked, (note,) if without and share else ()


def _by_group(examples: Examples, positions: Iterable[int]) -> dict[str, int]:
    """Labelled examples by group, of some examples."""
    sizes: dict[str, int] = defaultdict(int)
    for place in positions:
        if examples.labels[place]:
            sizes[_group(examples, place)] += 1
    return dict(sizes)


def _group(examples: Examples, place: int) -> str:
    """The group of an example; without groups, the same text twice is one."""
    return plain_text(examples.texts[place]) if examples.groups is None else examples.groups[place]


def _drawn_groups(groups: Mapping[str, Mapping[str, int]], share: float, seed: int) -> set[str]:
    """Groups to hold out, language by language: in a drawn order, each that brings its examples closer to the share.

    Every language keeps one group at least.
    """
    held: set[str] = set()
    left = {tag: len(sizes) for tag, sizes in groups.items()}
    for tag, sizes in sorted(groups.items(), key=lambda pair: (len(pair[1]), pair[0])):
        wanted, have = share * sum(sizes.values()), sum(size for name, size in sizes.items() if name in held)
        order = np.random.default_rng([seed, *tag.encode()]).permutation(sorted(sizes.keys() - held)).tolist()
        for name in order:
            whose = [other for other, its in groups.items() if name in its]
            if abs(have + sizes[name] - wanted) < abs(have - wanted) and all(left[other] > 1 for other in whose):
                held.add(name)
                have += sizes[name]
                left |= {other: left[other] - 1 for other in whose}
    return held


def counts(languages: Sequence[str]) -> dict[str, int]:
    """Examples by language, in alphabetical order."""
    return dict(sorted(Counter(languages).items()))
