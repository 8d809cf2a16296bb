"""Parallel examples: source sentences, reference translations and the two languages of each."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from leanglot.errors import DataError
from leanglot.languages import pair_tag
from leanglot.results.records import DataSummary


@dataclass(frozen=True)
class ParallelExamples:
    """Sentences with their reference translations; all columns are as long as ``sources`` and aligned by position.

    Attributes:
        sources: What is translated.
        references: One right translation of each.
        source_languages: Canonical BCP 47 tag of each source.
        target_languages: Canonical BCP 47 tag of each reference.
        groups: Name of the cluster each came from (a document, a component), because sentences of one cluster are no
            independent evidence; None where every sentence stands for itself.

    Raises:
        DataError: When the columns differ in length.
    """

    sources: tuple[str, ...]
    references: tuple[str, ...]
    source_languages: tuple[str, ...]
    target_languages: tuple[str, ...]
    groups: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        columns = (self.sources, self.references, self.source_languages, self.target_languages, self.groups)
        lengths = {len(column) for column in columns if column is not None}
        if len(lengths) > 1:
            found = ", ".join(str(length) for length in sorted(lengths))
            raise DataError(
                f"The columns of the parallel examples differ in length: {found}.", "Every sentence needs one of each."
            )

    def __len__(self) -> int:
        return len(self.sources)

    @cached_property
    def pairs(self) -> tuple[str, ...]:
        """The language pair of each sentence, such as ``en→de``."""
        tags = zip(self.source_languages, self.target_languages, strict=True)
        known: dict[tuple[str, str], str] = {}
        return tuple(known.setdefault(both, pair_tag(*both)) for both in tags)

    def digest(self) -> str:
        """SHA-256, in hexadecimal, of all columns in order: equal digests mean equal examples."""
        digest = hashlib.sha256()
        groups: Iterable[str | None] = self.groups if self.groups is not None else (None,) * len(self)
        columns = (self.sources, self.references, self.source_languages, self.target_languages, groups)
        for row in zip(*columns, strict=True):
            digest.update(json.dumps(row).encode("ascii") + b"\n")
        return digest.hexdigest()

    def subset(self, positions: Sequence[int] | NDArray[np.integer]) -> "ParallelExamples":
        """The sentences at these positions, in the order given.

        Args:
            positions: Positions in ``[0, len(self))``, of shape ``(k,)``.

        Raises:
            IndexError: When a position is outside.
        """
        chosen = [int(position) for position in positions]
        if chosen and (min(chosen) < 0 or max(chosen) >= len(self)):
            raise IndexError(f"positions must be in [0, {len(self)})")

        def take(column: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(column[position] for position in chosen)

        return ParallelExamples(
            take(self.sources),
            take(self.references),
            take(self.source_languages),
            take(self.target_languages),
            None if self.groups is None else take(self.groups),
        )

    def by_pair(self) -> dict[str, NDArray[np.int64]]:
        """Ascending positions of each pair's sentences; the pairs come in alphabetical order."""
        pairs = np.asarray(self.pairs, dtype=np.str_)
        return {str(pair): np.flatnonzero(pairs == pair).astype(np.int64) for pair in np.unique(pairs)}


def summarize_parallel(examples: ParallelExamples, source: str, notes: Sequence[str] = ()) -> DataSummary:
    """Describes the sentences for the report.

    Args:
        examples: What the candidates are judged on.
        source: Name of the data, such as the file's name.
        notes: What was left out, cut or counted, one sentence each.

    Returns:
        The record, with counts by language pair and no labels.
    """
    groups: dict[str, int] = {}
    if examples.groups is not None:
        groups = dict(
            sorted(Counter(pair for pair, _ in set(zip(examples.pairs, examples.groups, strict=True))).items())
        )
    return DataSummary(
        source=source,
        digest=examples.digest(),
        examples=dict(sorted(Counter(examples.pairs).items())),
        groups=groups,
        labels=(),
        notes=tuple(notes),
    )
