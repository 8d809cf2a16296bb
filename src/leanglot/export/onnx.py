"""Exports a text classifier to an ONNX graph with its weights beside it, whatever their size."""

import copy
import logging
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

from leanglot.models.graph import GRAPH_NAME, load_graph, save_graph
from leanglot.models.text_classifier import TextClassifier

OPSET: Final = 17


class _LogitsOnly(nn.Module):
    """Positional inputs in, logits out: the form that the exporter traces."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        logits: Tensor = self.module(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def export_onnx(model: TextClassifier, folder: Path) -> Path:
    """Write ``model.onnx`` and its weights into the folder.

    The exporter traces the model with eager attention at opset 17, which is the form that ONNX Runtime's fusions
    recognize. Weights go to a file of their own, so that a graph over 2 GB works like a small one.

    Args:
        model: Left as it is.
        folder: An existing folder.

    Returns:
        The graph's path.
    """
    module = copy.deepcopy(model.module)
    module.set_attn_implementation("eager")
    wrapper = _LogitsOnly(module).eval()
    ids = torch.full((2, 8), model.pad_id, dtype=torch.int64)
    ids[:, 0] = 0
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    dynamic = {0: "batch", 1: "length"}
    traced = folder / "traced"
    traced.mkdir()
    with _quiet(), torch.inference_mode():
        torch.onnx.export(
            wrapper,
            (ids, mask),
            str(traced / GRAPH_NAME),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": dynamic, "attention_mask": dynamic, "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    path = save_graph(load_graph(traced), folder)
    shutil.rmtree(traced)
    return path


@contextmanager
def _quiet() -> Iterator[None]:
    """The tracing exporter warns about itself and about shapes that stay dynamic here."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TracerWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        logger.setLevel(level)
