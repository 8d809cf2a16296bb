"""PyTorch and torchao as peers, both through transformers, as its documentation shows."""

import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, TorchAoConfig

from leanglot.extras import require
from leanglot.quiet import quiet_transformers
from leanglot.runtimes.base import Logits, TokenIds


@dataclass(frozen=True, slots=True)
class PeerModule:
    """A module, compiled or not, with its number of threads."""

    module: Any
    threads: int

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Logits:
        """Run one batch.

        PyTorch has one number of threads for the whole process. It changes in the first call of a burst, which is not
        timed.
        """
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        with torch.inference_mode():
            output = self.module(input_ids=torch.from_numpy(input_ids), attention_mask=torch.from_numpy(attention_mask))
        result: Logits = output.logits.float().numpy()
        return result


def prepare(source: Path, folder: Path, variant: str, calibration: Path) -> None:  # noqa: ARG001 - one signature for all
    """Copy the model, or quantize it and save it as safetensors."""
    if variant == "fp32":
        shutil.copytree(source, folder, dirs_exist_ok=True)
        return
    api, helpers = require("torchao.quantization", "torchao"), require("torchao.utils", "torchao")
    reduced = helpers.should_reduce_range(torch.device("cpu"))
    scheme = TorchAoConfig(api.Int8DynamicActivationInt8WeightConfig(reduce_range=reduced))
    _read(source, quantization_config=scheme, dtype=torch.float32).save_pretrained(str(folder))


def open_predictor(folder: Path, threads: int, variant: str) -> PeerModule:
    """Load the model; `variant` says whether it is compiled at its first call."""
    if variant != "fp32":
        require("torchao", "torchao")
    module = _read(folder).eval()
    return PeerModule(torch.compile(module, dynamic=True) if variant.endswith("compiled") else module, threads)


def _read(folder: Path, **settings: object) -> Any:  # noqa: ANN401 - transformers' classes differ by model
    with quiet_transformers(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return AutoModelForSequenceClassification.from_pretrained(str(folder), local_files_only=True, **settings)
