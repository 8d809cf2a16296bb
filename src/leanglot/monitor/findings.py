"""What a test found: opens when the evidence is complete, stays open, and ends when the newest window is in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict, Field

from leanglot.monitor.stored import Count, Fraction, Seconds
from leanglot.monitor.stream import Look
from leanglot.monitor.windows import Window
from leanglot.results.monitoring import Signal

INTERVAL_LEVEL: Final = 0.05
"""Level of the interval that is told with a finding; whether there is one is decided at its own, far stricter level."""

_END_LEVEL: Final = 0.05
"""Chance that a finding ever ends although more than half of what it found is left."""


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
    since: Seconds
    found_at: Seconds
    ended_at: Seconds | None = None
    n: int = Field(gt=0)
    baseline: Fraction
    now: Fraction
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
        limit: The share from which on it is out of order, if the one before were known exactly.
    """

    n: int
    baseline: float
    now: float
    low: float
    high: float
    chance: float
    what: str
    limit: float


class Test(Protocol):
    """Looks at windows; all its looks together err with at most the level it was given."""

    def signals(self) -> tuple[Signal, ...]:
        """What it watches; nothing that it has no reference for."""
        ...

    def has(self, signal: Signal, cell: int) -> bool:
        """Whether a share is one of its own.

        Args:
            signal: What it belongs to.
            cell: Its number.
        """
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

    def settled(self, cell: int, window: Window, halfway: float, level: float) -> bool:
        """Whether a window shows a share to be in order again.

        Args:
            cell: Number of the share.
            window: The window.
            halfway: A share out of order: the window has to prove that it is not that far out any more.
            level: Error level of that proof.
        """
        ...


class OpenFinding(BaseModel):
    """A finding that is open, and what ends it.

    Attributes:
        finding: The finding.
        cell: Number of the share that changed.
        after: Number of the first block after it was found.
        halfway: The share halfway between the limit of what is in order and what was found.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    finding: Finding
    cell: int
    after: Count
    halfway: Fraction

    def ended_by(self, test: Test, windows: Sequence[Window]) -> Window | None:
        """The window that shows the share in order again; None while there is none.

        It holds nothing from before the finding, is itself in order, and proves that less than half of what was found
        is left. Its levels add up like those of the tests: the chance that a finding ever ends although more than half
        is left is at most 5%.
        """
        for window in windows:
            if window.first >= self.after:
                level = _END_LEVEL * window.part(self.after)
                if test.settled(self.cell, window, self.halfway, level):
                    return window
        return None
