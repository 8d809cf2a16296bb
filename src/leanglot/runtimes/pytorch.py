"""Executes transformers models with PyTorch."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from leanglot.errors import ModelError
from leanglot.models.sliced import is_sliced, load_sliced
from leanglot.models.torch_quantized import load_quantized
from leanglot.quiet import quiet_transformers
from leanglot.results.manifest import Manifest
from leanglot.runtimes.base import Logits, TokenIds
from leanglot.runtimes.torch_threads import torch_threads
from leanglot.techniques import PostTraining


@dataclass(frozen=True, slots=True)
class TorchPredictor:
    """A PyTorch module in evaluation mode, run with its own number of threads."""

    module: PreTrainedModel
    threads: int

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Logits:
        """Run one batch; see `Predictor`."""
        with torch_threads(self.threads), torch.inference_mode():
            inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
            output = self.module(**{name: torch.from_numpy(value) for name, value in inputs.items()})
            result: Logits = output.logits.float().numpy()
        return result


def open_predictor(folder: Path, manifest: Manifest, threads: int) -> TorchPredictor:
    """Load the artifact's weights; see the same function of the other engines.

    Raises:
        ModelError: The weights or their config are damaged.
    """
    step = manifest.recipe[-1] if manifest.recipe else None
    if isinstance(step, PostTraining):
        return TorchPredictor(load_quantized(folder, step), threads)
    if is_sliced(folder):
        return TorchPredictor(load_sliced(folder), threads)
    try:
        with quiet_transformers():
            module = AutoModelForSequenceClassification.from_pretrained(
                str(folder), use_safetensors=True, trust_remote_code=False, local_files_only=True
            )
    except Exception as error:  # transformers raises many types for a folder it cannot read
        raise ModelError(
            f"transformers cannot load {folder}: {type(error).__name__}: {str(error)[:400]}",
            "The files may be damaged: make the artifact again.",
        ) from error
    return TorchPredictor(module.eval(), threads)
