"""Where a training runs, what is done to the model on the way, and how it went."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from leanglot.results.training import Epoch
from leanglot.train.tracking import Tracking


class Hook(Protocol):
    """What a technique does to a model while it is trained, such as a rising sparsity."""

    def __call__(self, step: int, steps: int) -> None:
        """Called before each optimizer step, the steps counted from 0."""
        ...


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where and how a training runs, none of which changes its result.

    Attributes:
        folder: Where its checkpoints are kept.
        key: Digest of all that shapes the training.
        isa: Instruction-set extensions of this machine.
        tell: Called after each step with the steps done, all steps, and the moving average of the loss.
        tracking: Where losses are logged; None logs them in the record alone.
        seconds: Least time between two checkpoints.
    """

    folder: Path
    key: str
    isa: tuple[str, ...] = ()
    tell: Callable[[int, int, float], None] | None = None
    tracking: Tracking | None = None
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Trained:
    """How a training went.

    Attributes:
        steps: Optimizer steps that were planned.
        stopped_at: The step after which it ended early; None where it did not.
        kept_step: The step whose weights were taken.
        processes: Processes that trained together.
        epochs: What was noted at each validation.
        is_main: Whether this is the one process that writes the result.
    """

    steps: int
    stopped_at: int | None
    kept_step: int
    processes: int
    epochs: tuple[Epoch, ...]
    is_main: bool
