"""Answers held-out examples and counts, by language, how many are right."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leanglot.results.training import LanguageCheck
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS, token_batches
from leanglot.train.loss import supervised
from leanglot.train.rows import Rows


def check(model: nn.Module, held_out: Rows, device: torch.device, rank: int = 0, world: int = 1) -> NDArray[np.float64]:
    """Examples, right answers and loss by language, of the part that one of several processes answers.

    Args:
        model: The classifier; in evaluation mode during the check, then as it was.
        held_out: Labelled examples.
        device: Where the model is.
        rank: Place of this process.
        world: Number of processes.

    Returns:
        Sums, shape (languages, 3), the languages in alphabetical order: examples, right answers, loss in nats.
    """
    tags = languages_of(held_out)
    sums = np.zeros((len(tags), 3))
    mine = np.arange(len(held_out))[rank::world]
    training, _ = model.training, model.eval()
    batches = token_batches([held_out.ids[place] for place in mine], held_out.pad_id, DEFAULT_BATCH_TOKENS)
    try:
        for batch in batches if len(mine) else ():
            labels = torch.from_numpy(held_out.labels[mine[batch.positions]]).to(device)
            with torch.inference_mode():
                logits = model(
                    input_ids=torch.from_numpy(batch.input_ids).to(device),
                    attention_mask=torch.from_numpy(batch.attention_mask).to(device),
                ).logits
            right = (logits.argmax(dim=1) == labels).cpu().numpy()
            loss = supervised(logits, labels).cpu().numpy()
            for place, position in enumerate(mine[batch.positions]):
                sums[tags.index(held_out.languages[position])] += (1.0, right[place], loss[place])
    finally:
        model.train(training)
    return sums


def languages_of(rows: Rows) -> list[str]:
    """The languages, in alphabetical order."""
    return sorted(set(rows.languages))


def checks(tags: list[str], sums: NDArray[np.float64]) -> Mapping[str, LanguageCheck]:
    """The record of summed checks, see `check`."""
    return {
        tag: LanguageCheck(n=int(n), right=int(right), loss=float(loss / n))
        for tag, (n, right, loss) in zip(tags, sums, strict=True)
    }
