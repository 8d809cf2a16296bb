"""What a test found: opens when the evidence is complete, stays open, and ends when the newest window is in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict, Field

from leanglot.monitor.stream import Look
from leanglot.monitor.windows import Window
from leanglot.results.monitoring import Signal

INTERVAL_LEVEL: Final = 0.05
"""Level of the interval that is told with a finding; whether there is one is decided at its own, far stricter level."""

_LEFT: Final = 1 / 3


class Finding(BaseModel):
    """A change that a test found in one language.

    Attributes:
        signal: What changed.
        since: Earliest time in the window in which the change shows the clearest.
        found_at: Time of the prediction that completed the evidence.
        ended_at: When the newest window was back in order; None while it is open.
        n: Predictions in the window that count for this signal.
        baseline: The share before: of the baseline, or of the learned reference, or the one that is allowed.
        now: The share in the window.
        low: Lower end of the 95% interval of ``now - baseline``, given the window.
        high: Upper end of it.
        chance: Chance that the whole monitor would ever find one such change where there is none: the error level
            alpha, or less where the evidence was stronger than needed.
        what: What it is a share of, such as ``texts of at most 12 tokens``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    signal: Signal
    since: float
    found_at: float
    ended_at: float | None = None
    n: int = Field(gt=0)
    baseline: float
    now: float
    low: float
    high: float
    chance: float
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """A test found a change in a window.

    Attributes:
        signal: What changed.
        cell: Number of the share that changed, among those of the test.
        window: Where it shows.
        strength: P-value divided by the level it had to keep: at most 1, the smaller the clearer.
    """

    signal: Signal
    cell: int
    window: Window
    strength: float


@dataclass(frozen=True, slots=True)
class Told:
    """A hit in numbers; see the same names in `Finding`.

    Attributes:
        n: Predictions that count.
        baseline: The share before.
        now: The share in the window.
        low: Lower end of the interval of ``now - baseline``.
        high: Upper end of it.
        chance: Chance of such a finding without a change.
        what: What it is a share of.
    """

    n: int
    baseline: float
    now: float
    low: float
    high: float
    chance: float
    what: str


class Test(Protocol):
    """Looks at windows; all its looks together err with at most the level it was given."""

    def signals(self) -> tuple[Signal, ...]:
        """What it watches; nothing that it has no reference for."""
        ...

    def look(self, look: Look, earliest: Mapping[Signal, int]) -> list[Hit]:
        """The changes that it finds.

        Args:
            look: The windows that end with the newest block.
            earliest: First block from which a window of a signal may begin; a signal that is left out is not tested.
        """
        ...

    def told(self, hit: Hit) -> Told:
        """The numbers of a hit."""
        ...

    def change(self, signal: Signal, cell: int, window: Window) -> tuple[int, float]:
        """Number of predictions that count in a window, and by how much the share is out of order, 0 or less if not."""
        ...


class OpenFinding(BaseModel):
    """A finding that is open, and what ends it.

    Attributes:
        finding: The finding.
        cell: Number of the share that changed.
        blocks: Length of its window in blocks; a later window of this length ends it.
        after: Number of the first block after it was found.
        excess: By how much the share was beyond its tolerance; at most a third of that may be left.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    finding: Finding
    cell: int
    blocks: int
    after: int
    excess: float

    def ended_by(self, test: Test, windows: Sequence[Window]) -> Window | None:
        """The window that shows the share in order again; None while there is none.

        It has the same length, holds nothing from before the finding and at least half as many predictions that
        count, and at most a third of the excess is left in it: with evidence of five standard errors, chance alone
        looks like that in one of 2,000 windows.
        """
        for window in windows:
            if window.blocks == self.blocks and window.first >= self.after:
                n, excess = test.change(self.finding.signal, self.cell, window)
                if 2 * n >= self.finding.n and excess <= self.excess * _LEFT:
                    return window
        return None
