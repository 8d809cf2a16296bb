"""The form of a classifier that exporters trace, and silence about how they do it."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from torch import Tensor, nn
from torch.jit._trace import TracerWarning

INPUTS: Final = ("input_ids", "attention_mask")


class LogitsOnly(nn.Module):
    """Positional inputs in, logits out. Its weights are called ``module.`` and the name that PyTorch gives them."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits of one batch, shape (batch, labels)."""
        logits: Tensor = self.module(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


@contextmanager
def quiet_tracing() -> Iterator[None]:
    """Tracing warns of what PyTorch deprecates, and of shapes that stay dynamic here."""
    with warnings.catch_warnings():
        for category in (TracerWarning, DeprecationWarning, FutureWarning, UserWarning):
            warnings.simplefilter("ignore", category)
        yield
