"""The budget of a search: how much of it is spent, and how long one more candidate may be expected to take."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from leanglot.results.searching import Levels, Tried

RESERVE_SHARE: Final = 0.05
MOST_RESERVE_S: Final = 30.0
_CAUTION: Final = 1.25
_OF_BASELINE: Final = 0.6  # a candidate answers faster than the baseline, and is timed in turns with it
_FORWARD_AND_BACKWARD: Final = 6.0
_BESIDES_LAYERS: Final = 0.5


@dataclass(slots=True)
class Clock:
    """Counts the seconds of a search over all its starts.

    Attributes:
        budget_s: All seconds there are.
        before_s: Seconds spent by earlier starts.
        now: Seconds of a clock that never goes back.
        started: Its reading at the start of this process's search.
    """

    budget_s: float
    before_s: float = 0.0
    now: Callable[[], float] = time.monotonic
    started: float = field(default=-1.0)

    def __post_init__(self) -> None:
        if self.started < 0:
            self.started = self.now()

    @property
    def spent(self) -> float:
        """Seconds spent, over all starts."""
        return self.before_s + self.now() - self.started

    @property
    def left(self) -> float:
        """Seconds that candidates may still take; a little is kept for writing the report."""
        return self.budget_s - min(RESERVE_SHARE * self.budget_s, MOST_RESERVE_S) - self.spent


def expected_seconds(levels: Levels, tried: Sequence[Tried], baseline_s: float) -> float:
    """How long a candidate without training will take, from what earlier ones took.

    Args:
        levels: What is to be tried.
        tried: What was tried.
        baseline_s: Seconds that measuring the baseline took, which stand in while there is nothing else.

    Returns:
        The median of the last ones that are alike in what has to be measured first, or of all, with some caution.
    """
    done = [each for each in tried if each.state == "measured" and not each.levels.student]
    alike = [each.seconds for each in done if _preparation(each.levels) == _preparation(levels)][-5:]
    known = alike or [each.seconds for each in done][-5:]
    return _CAUTION * median(known) if known else _OF_BASELINE * baseline_s


def _preparation(levels: Levels) -> tuple[bool, bool, bool]:
    """What takes time before a candidate can be measured."""
    return bool(levels.layers), bool(levels.heads or levels.ffn), levels.scheme.endswith("static")


def training_seconds(
    levels: Levels, depth: int, examples: int, per_second: float, tried: Sequence[Tried] = ()
) -> float:
    """How long a training will take, roughly.

    A step costs about six answers of as many layers as the student has, and half of the model's own for what is no
    layer; every example is answered by the model once. Earlier trainings correct that by what they really took.

    Args:
        levels: The student and its epochs.
        depth: Layers of the model.
        examples: Training examples.
        per_second: Examples that the model answers in a second.
        tried: What was tried.
    """
    guessed = _guess(levels, depth, examples, per_second)
    earlier = [
        each.seconds / _guess(each.levels, depth, examples, per_second)
        for each in tried
        if each.state == "measured" and each.levels.student
    ]
    return guessed * (median(earlier) if earlier else _CAUTION)


def _guess(levels: Levels, depth: int, examples: int, per_second: float) -> float:
    share = levels.student / depth * (1 - levels.ffn / 200)
    once = examples / per_second
    return once + levels.epochs * once * (_BESIDES_LAYERS + _FORWARD_AND_BACKWARD * share)
