"""Answers held-out examples and counts, by language, how many are right."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leanglot.results.training import LanguageCheck
from leanglot.train.rows import LearnedRows


def check(
    model: nn.Module, held_out: LearnedRows, device: torch.device, rank: int = 0, world: int = 1
) -> NDArray[np.float64]:
    """Examples, right answers and loss by language, of the part that one of several processes answers.

    Args:
        model: The model; in evaluation mode during the check, then as it was.
        held_out: Labelled examples.
        device: Where the model is.
        rank: Place of this process.
        world: Number of processes.

    Returns:
        Sums, shape (languages, 3), the languages in alphabetical order: answers, right ones, loss in nats. A
        classifier answers once per example, a translator once per token of the right translation.
    """
    tags = languages_of(held_out)
    sums = np.zeros((len(tags), 3))
    mine = np.arange(len(held_out))[rank::world]
    training, _ = model.training, model.eval()
    try:
        for positions, values in held_out.answers_of(model, mine, device) if len(mine) else ():
            for position, value in zip(positions, values, strict=True):
                sums[tags.index(held_out.languages[position])] += value
    finally:
        model.train(training)
    return sums


def languages_of(rows: LearnedRows) -> list[str]:
    """The languages, in alphabetical order."""
    return sorted(set(rows.languages))


def checks(tags: list[str], sums: NDArray[np.float64]) -> Mapping[str, LanguageCheck]:
    """The record of summed checks, see `check`."""
    return {
        tag: LanguageCheck(n=int(n), right=int(right), loss=float(loss / n))
        for tag, (n, right, loss) in zip(tags, sums, strict=True)
    }
