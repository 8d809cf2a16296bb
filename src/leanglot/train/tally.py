"""What is counted while a model trains: examples, losses and right answers by language."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leanglot.train.learner import COLUMNS, PARTS

_N, _LOSS = 0, 1
_LABELLED, _RIGHT = (1 + COLUMNS.index(name) for name in ("labelled", "right"))


class Tally:
    """Sums by language since the last validation.

    Args:
        languages: The languages, in order.

    Attributes:
        sums: Examples and then each of the learner's `COLUMNS`, shape (languages, 1 + columns).
    """

    def __init__(self, languages: Sequence[str]) -> None:
        self.languages = list(languages)
        self._row = {tag: place for place, tag in enumerate(self.languages)}
        self.sums = np.zeros((len(self.languages), 1 + len(COLUMNS)))

    def add(self, languages: Sequence[str], values: NDArray[np.float64]) -> None:
        """Count examples.

        Args:
            languages: Of each example.
            values: What the learner gave for each, shape (examples, columns).
        """
        rows = [self._row[tag] for tag in languages]
        np.add.at(self.sums, rows, np.column_stack([np.ones(len(values)), values]))

    def stored(self) -> dict[str, tuple[float, ...]]:
        """The sums by language, for a checkpoint."""
        return {tag: tuple(row) for tag, row in zip(self.languages, self.sums.tolist(), strict=True)}

    def restore(self, stored: dict[str, tuple[float, ...]]) -> None:
        """Take sums that `stored` gave."""
        for tag, values in stored.items():
            self.sums[self._row[tag]] = values

    def clear(self) -> None:
        """Start again."""
        self.sums[:] = 0


class Noted:
    """The sums of all processes as means.

    Args:
        languages: The languages, in order.
        sums: See `Tally`.
    """

    def __init__(self, languages: Sequence[str], sums: NDArray[np.float64]) -> None:
        self._rows = {tag: row for tag, row in zip(languages, sums, strict=True) if row[_N]}
        self._all = sums.sum(axis=0)

    def seen(self) -> dict[str, int]:
        """Examples by language."""
        return {tag: int(row[_N]) for tag, row in self._rows.items()}

    def loss(self) -> dict[str, float]:
        """Mean loss by language."""
        return {tag: float(row[_LOSS] / row[_N]) for tag, row in self._rows.items()}

    def accuracy(self) -> dict[str, float]:
        """Share of the labelled examples answered right, by language."""
        return {tag: float(row[_RIGHT] / row[_LABELLED]) for tag, row in self._rows.items() if row[_LABELLED]}

    def parts(self, present: Sequence[str]) -> dict[str, float]:
        """Mean of each part of the loss that there is: that of the labels over the examples with one."""
        means = {}
        for place, name in enumerate(PARTS):
            count = self._all[_LABELLED if name == "labels" else _N]
            if name in present and count:
                means[name] = float(self._all[1 + place] / count)
        return means
