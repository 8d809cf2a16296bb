"""Counts, by language, where the baseline model answered real traffic otherwise than the served one, and judges it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict

from leanglot.monitor.events import Floats
from leanglot.monitor.shares import share_of
from leanglot.monitor.stored import Count
from leanglot.results.monitoring import ShadowFlips

MARGIN: Final = 0.01
ALPHA: Final = 0.05
_STAKES: Final = 32
"""Stakes that are bet at once: each costs the evidence no more than a factor of 32."""


class ShadowCounts(BaseModel):
    """What was counted in one language.

    Attributes:
        n: Predictions that both models answered.
        flips: Those that they answered differently.
        labelled: Those whose right answer is known.
        lost: Of the labelled, those that the baseline alone answered rightly.
        won: Of the labelled, those that the served model alone answered rightly.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: Count = 0
    flips: Count = 0
    labelled: Count = 0
    lost: Count = 0
    won: Count = 0


@dataclass(slots=True)
class ShadowTally:
    """Counts of one language that go on; see `ShadowCounts`."""

    n: int = 0
    flips: int = 0
    labelled: int = 0
    lost: int = 0
    won: int = 0

    def answered(self, served: str, shadow: str) -> None:
        """Both models answered a text."""
        self.n += 1
        self.flips += served != shadow

    def became_known(self, label: str, served: str, shadow: str) -> None:
        """The right answer to a text that both models answered became known."""
        self.labelled += 1
        self.lost += shadow == label != served
        self.won += served == label != shadow

    def state(self) -> ShadowCounts:
        """What was counted."""
        return ShadowCounts(n=self.n, flips=self.flips, labelled=self.labelled, lost=self.lost, won=self.won)

    @classmethod
    def restored(cls, counts: ShadowCounts) -> Self:
        """The tally that goes on from there."""
        return cls(**counts.model_dump())


def shadow_flips(tallies: Mapping[str, ShadowTally]) -> dict[str, ShadowFlips]:
    """What the shadowed traffic shows, by language.

    A language is ``safe`` when its drop is proven to lie below one point, and ``harmed`` when it is not and a drop is
    proven. Both may be asked for after each prediction: the chance that a language which lost a point or more is ever
    called safe is at most 5%, and so is the chance that any language which lost nothing is ever called harmed.

    Args:
        tallies: By language; those without shadowed predictions are left out.
    """
    counted = {language: tally for language, tally in tallies.items() if tally.n}
    judged = sum(tally.labelled > 0 for tally in counted.values())
    return {language: _flips(tally, judged) for language, tally in counted.items()}


def _flips(tally: ShadowTally, judged: int) -> ShadowFlips:
    return ShadowFlips(
        n=tally.n,
        flips=tally.flips,
        share=share_of(tally.flips, tally.n),
        labelled=tally.labelled,
        lost=tally.lost,
        won=tally.won,
        verdict=_verdict(tally, judged) if tally.labelled else None,
    )


def _verdict(tally: ShadowTally, judged: int) -> Literal["safe", "harmed", "inconclusive"]:
    if log_evidence(tally.won, tally.labelled, tally.lost, margin=MARGIN) >= -math.log(ALPHA):
        return "safe"
    if log_evidence(tally.lost, tally.labelled, tally.won, margin=0.0) >= -math.log(ALPHA / judged):
        return "harmed"
    return "inconclusive"


def log_evidence(up: ArrayLike, n: ArrayLike, down: ArrayLike, margin: float) -> Floats:
    """Logarithm of the evidence that steps of 1, 0 and -1 have a mean above ``-margin``.

    It is what a gambler has won who bets, at each step, fixed stakes on the step plus the margin, with an equal part of
    the money on each of 32 stakes. Where the mean is at most ``-margin``, whatever came before, that is a nonnegative
    supermartingale, and by Ville's inequality (1939) it ever reaches ``1 / alpha`` with a chance of at most ``alpha``:
    it may be looked at after each step.

    Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", Journal of the Royal
    Statistical Society B 86 (2024), with constant stakes, so that it depends on the counts alone.

    Args:
        up: Steps of 1, any shape.
        n: All steps.
        down: Steps of -1.
        margin: From 0 on, below 1.
    """
    gained, lost = np.asarray(up, dtype=np.float64), np.asarray(down, dtype=np.float64)
    same = np.asarray(n, dtype=np.float64) - gained - lost
    # A step of -1 loses the stake times 1 - margin, which must stay below all the money.
    stakes = np.geomspace(1e-3, 0.999, _STAKES) / (1 - margin)
    money = (
        np.multiply.outer(np.log1p(stakes * (1 + margin)), gained)
        + np.multiply.outer(np.log1p(stakes * margin), same)
        + np.multiply.outer(np.log1p(-stakes * (1 - margin)), lost)
    )
    found: Floats = np.logaddexp.reduce(money, axis=0) - math.log(_STAKES)
    return found
