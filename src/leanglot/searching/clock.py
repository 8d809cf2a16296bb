"""The budget of a search: how much of it is spent, and how long one more candidate may be expected to take."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from leanglot.results.searching import STATIC, Levels, Tried

RESERVE_SHARE: Final = 0.05
MOST_RESERVE_S: Final = 30.0
_CAUTION: Final = 1.25
_LAST: Final = 5
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
        The median of the last ones that needed the same preparation (of several kinds the one that took longest), or of
        all, with some caution.
    """
    done = [each for each in tried if each.state == "measured" and not each.levels.student]
    needs = _preparation(levels)
    alike = [[each.seconds for each in done if need in _preparation(each.levels)][-_LAST:] for need in needs]
    plain = [each.seconds for each in done if not _preparation(each.levels)][-_LAST:]
    known = [median(seconds) for seconds in (alike if needs else [plain]) if seconds]
    if known:
        return _CAUTION * max(known)
    return _CAUTION * median(each.seconds for each in done) if done else _OF_BASELINE * baseline_s


def _preparation(levels: Levels) -> tuple[str, ...]:
    """What takes time before a candidate can be measured."""
    needs = {"layers": levels.layers, "units": levels.heads or levels.ffn, "static": levels.scheme in STATIC}
    return tuple(need for need, is_needed in needs.items() if is_needed)


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
