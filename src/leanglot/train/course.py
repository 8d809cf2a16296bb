"""How a training goes: the learning rate by step, the best validation so far, and when to stop."""

import math
from dataclasses import dataclass, field
from statistics import mean, median
from typing import Final

import torch
from torch import nn

from leanglot.errors import TrainingError
from leanglot.results.training import Epoch
from leanglot.techniques.training import Training

_REMEDY: Final = "Lower the learning rate, raise warmup or clip the gradient; training starts anew with other settings."
_FIRST_LOSSES = 20
_EXPLODED = 10.0


def learning_rate(config: Training, step: int, steps: int) -> float:
    """The learning rate of one optimizer step.

    Args:
        config: The schedule.
        step: From 0 on.
        steps: All steps.
    """
    rising = math.ceil(config.warmup * steps)
    if step < rising:
        return config.learning_rate * (step + 1) / rising
    if config.schedule == "constant":
        return config.learning_rate
    left = (steps - step) / max(steps - rising, 1)  # from 1 down to one step's share
    share = left if config.schedule == "linear" else (1 - math.cos(math.pi * left)) / 2
    return config.learning_rate * share


def watched(config: Training, epoch: Epoch) -> float | None:
    """What must get better; None where nothing is held out."""
    if config.watch == "mean":
        return epoch.mean
    return None if epoch.worst is None else epoch.worst[1]


def best_of(config: Training, epochs: tuple[Epoch, ...]) -> int | None:
    """Place of the best validation; None where nothing is held out.

    Of few examples the worst language answers as many right again and again: of equals the one with the better mean is
    best, then that with the smaller loss, then the first.
    """
    found = [
        (value, epoch.mean or 0.0, -_held_out_loss(epoch), -place)
        for place, epoch in enumerate(epochs)
        if (value := watched(config, epoch)) is not None
    ]
    return -max(found)[-1] if found else None


def _held_out_loss(epoch: Epoch) -> float:
    """Mean over the languages."""
    return mean(check.loss for check in epoch.held_out.values())


def should_stop(config: Training, epochs: tuple[Epoch, ...]) -> bool:
    """Whether the last `patience` validations brought nothing better."""
    best = best_of(config, epochs)
    return config.patience is not None and best is not None and len(epochs) - 1 - best >= config.patience


@dataclass
class LossWatch:
    """Notices a loss that is no number any more, or that explodes.

    A loss explodes where its moving average (over about 10 steps) is more than ten times the median of the first 20
    steps, and above 10.

    Attributes:
        first: Losses of the first steps.
        average: The moving average; None before the first step.
    """

    first: list[float] = field(default_factory=list)
    average: float | None = None

    def see(self, step: int, loss: float, languages: dict[str, int], rate: float) -> None:
        """Take note of a step.

        Args:
            step: From 0 on.
            loss: Its mean loss.
            languages: Examples of its batch by language.
            rate: Its learning rate.

        Raises:
            TrainingError: The loss is not finite, or explodes.
        """
        if not math.isfinite(loss):
            raise _diverged("is not finite (NaN or infinity)", step, languages, rate)
        if len(self.first) < _FIRST_LOSSES:
            self.first.append(loss)
        self.average = loss if self.average is None else 0.9 * self.average + 0.1 * loss
        if self.average > _EXPLODED * max(median(self.first), 1.0):
            raise _diverged(
                f"explodes: it averages {self.average:.3g}, at first {self.first[0]:.3g}", step, languages, rate
            )

    def see_gradient(self, step: int, norm: float, languages: dict[str, int], rate: float) -> None:
        """Take note of the gradient's norm, before it is clipped.

        Raises:
            TrainingError: It is not finite.
        """
        if not math.isfinite(norm):
            raise _diverged("has a gradient that is not finite (NaN or infinity)", step, languages, rate)

    def see_held_out(self, step: int, losses: dict[str, float]) -> None:
        """Take note of the losses on held-out examples after so many steps.

        Raises:
            TrainingError: One is not finite.
        """
        if wrong := sorted(tag for tag, loss in losses.items() if not math.isfinite(loss)):
            told = ", ".join(wrong)
            raise TrainingError(
                f"After step {step:,} the loss on held-out examples is not finite (NaN or infinity) in {told}.", _REMEDY
            )


def check_finite(module: nn.Module) -> None:
    """Refuses weights that the last step spoiled.

    Raises:
        TrainingError: One is NaN or infinite.
    """
    for name, weight in module.named_parameters():
        if not bool(torch.isfinite(weight).all()):
            raise TrainingError(f"After the last step the weights {name} hold NaN or infinity.", _REMEDY)


def _diverged(what: str, step: int, languages: dict[str, int], rate: float) -> TrainingError:
    batch = ", ".join(f"{tag} {count}" for tag, count in sorted(languages.items()))
    return TrainingError(
        f"The loss {what} at step {step + 1:,}. Examples of that batch by language: {batch}. Learning rate {rate:.3g}.",
        _REMEDY,
    )
