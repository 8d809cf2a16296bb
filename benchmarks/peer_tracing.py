"""What exporters trace: two inputs in, logits out."""

from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from leanglot.export.tracing import LogitsOnly
from leanglot.quiet import quiet_transformers


def traceable(source: Path, attention: str) -> LogitsOnly:
    """The model of a folder in evaluation mode.

    Args:
        source: A transformers model folder.
        attention: ``eager`` or ``sdpa``.
    """
    with quiet_transformers():
        module = AutoModelForSequenceClassification.from_pretrained(
            str(source), attn_implementation=attention, dtype=torch.float32, local_files_only=True
        )
    wrapper = LogitsOnly(module)
    wrapper.eval()
    return wrapper


def sample_inputs() -> tuple[Tensor, Tensor]:
    """Ids and mask of two texts, one of them padded, each of shape (2, 8)."""
    ids = torch.ones((2, 8), dtype=torch.int64)
    ids[:, :5] = torch.tensor([0, 3, 3, 3, 2])
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    return ids, mask
