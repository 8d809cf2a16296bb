"""Labelled examples in several languages: texts, labels, language tags, and the groups they came from."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanglot.errors import DataError
from leanglot.results.records import DataSummary


@dataclass(frozen=True)
class Examples:
    """Labelled examples; all columns are as long as ``texts`` and aligned by position.

    Attributes:
        texts: What the model reads.
        labels: The right answer to each: a label name, or a label id written in digits.
        languages: Canonical BCP 47 tag of each.
        groups: Name of the cluster each came from (a template, a document, a speaker), because examples of
            one cluster are not independent evidence; None where every example stands for itself.

    Raises:
        DataError: When the columns differ in length.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    languages: tuple[str, ...]
    groups: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        lengths = {"texts": len(self.texts), "labels": len(self.labels), "languages": len(self.languages)}
        if self.groups is not None:
            lengths["groups"] = len(self.groups)
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{count} {name}" for name, count in lengths.items())
            raise DataError(
                f"The columns of the examples differ in length: {found}.", "Every example needs one of each."
            )

    def __len__(self) -> int:
        return len(self.texts)

    def digest(self) -> str:
        """SHA-256, in hexadecimal, of all columns in order: equal digests mean equal examples."""
        digest = hashlib.sha256()
        groups: Iterable[str | None] = self.groups if self.groups is not None else (None,) * len(self)
        for row in zip(self.texts, self.labels, self.languages, groups, strict=True):
            # JSON keeps the columns apart and a missing group different from one named "".
            digest.update(json.dumps(row).encode("ascii") + b"\n")
        return digest.hexdigest()

    def subset(self, indices: Sequence[int] | NDArray[np.integer]) -> "Examples":
        """The examples at these positions, in the order given.

        Args:
            indices: Positions in ``[0, len(self))``, of shape ``(k,)``.

        Returns:
            New examples of length ``k``.

        Raises:
            IndexError: When a position is outside.
        """
        positions = [int(index) for index in indices]
        if positions and (min(positions) < 0 or max(positions) >= len(self)):
            raise IndexError(f"positions must be in [0, {len(self)})")

        def take(column: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(column[position] for position in positions)

        groups = None if self.groups is None else take(self.groups)
        return Examples(take(self.texts), take(self.labels), take(self.languages), groups)

    def by_language(self) -> dict[str, NDArray[np.int64]]:
        """Ascending positions of each language's examples; the tags come in alphabetical order."""
        languages = np.asarray(self.languages, dtype=np.str_)
        return {str(tag): np.flatnonzero(languages == tag).astype(np.int64) for tag in np.unique(languages)}


def summarize(examples: Examples, source: str, labels: Sequence[str], notes: Sequence[str] = ()) -> DataSummary:
    """Describes the examples for the report.

    Args:
        examples: What the candidates are judged on.
        source: Name of the data, such as the file's name.
        labels: The label names in the order of the model's head.
        notes: What was left out, cut or counted, one sentence each.

    Returns:
        The record, with counts by language.
    """
    groups: dict[str, int] = {}
    if examples.groups is not None:
        pairs = set(zip(examples.languages, examples.groups, strict=True))
        groups = dict(sorted(Counter(language for language, _ in pairs).items()))
    return DataSummary(
        source=source,
        digest=examples.digest(),
        examples=dict(sorted(Counter(examples.languages).items())),
        groups=groups,
        labels=tuple(labels),
        notes=tuple(notes),
    )
