"""Collects what is wrong with the rows of a data file and tells it all in one error."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from leanglot.errors import DataError

_LISTED: Final = 5


@dataclass(frozen=True)
class Kind:
    """One way a row can be wrong.

    Attributes:
        what: What is wrong, such as ``has an empty text``; it follows "line 7".
        hint: What is allowed, or what to do.
    """

    what: str
    hint: str


@dataclass
class Faults:
    """Faults met so far: the first few of each kind in full, all of them counted."""

    _listed: dict[Kind, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    _counts: dict[Kind, int] = field(default_factory=lambda: defaultdict(int))
    _rows: set[int] = field(default_factory=set)

    def add(self, kind: Kind, position: int, detail: str = "") -> None:
        """Notes a fault.

        Args:
            kind: What is wrong.
            position: Number of the line, row or item, from 1.
            detail: The value met, or more on what is wrong with it.
        """
        self._counts[kind] += 1
        self._rows.add(position)
        if self._counts[kind] <= _LISTED:
            self._listed[kind].append((position, detail))

    def raise_any(self, path: Path, unit: str) -> None:
        """Raises one error for all faults, if there are any.

        Args:
            path: The data file.
            unit: What positions count: ``line``, ``row`` or ``item``.

        Raises:
            DataError: Naming up to five faults of each kind with their positions, and what to do about them.
        """
        if not self._rows:
            return
        count = f"1 {unit}" if len(self._rows) == 1 else f"{len(self._rows):,} {unit}s"
        lines = [f"{path}: {count} cannot be used:"]
        for kind, listed in self._listed.items():
            lines += [f"  {unit} {at} {kind.what}{detail and f': {detail}'}" for at, detail in listed]
            if (more := self._counts[kind] - len(listed)) > 0:
                lines.append(f"  and {more:,} more {unit}{'s' if more > 1 else ''} of this kind")
        raise DataError("\n".join(lines), "\n".join(dict.fromkeys(kind.hint for kind in self._listed)))
