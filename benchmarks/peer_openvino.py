"""OpenVINO with NNCF as a peer: post-training quantization and weight compression with their defaults."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from leanglot.extras import require
from leanglot.runtimes.base import Logits, TokenIds

_GRAPH = "openvino_model.xml"


@dataclass(frozen=True, slots=True)
class PeerRequest:
    """An inference request of a compiled model."""

    request: Any

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Logits:
        """Run one batch."""
        outputs = self.request.infer({"input_ids": input_ids, "attention_mask": attention_mask}, share_inputs=True)
        result: Logits = np.asarray(outputs[0])
        return result


def prepare(source: Path, folder: Path, variant: str, calibration: Path) -> None:
    """Convert from PyTorch, quantize, save."""
    openvino, nncf = require("openvino", "openvino"), require("nncf", "openvino")
    from peer_tracing import sample_inputs, traceable

    ids, mask = sample_inputs()
    inputs = {"input_ids": ids, "attention_mask": mask}
    model = openvino.convert_model(traceable(source, "sdpa"), example_input=inputs)
    if variant == "weights":
        model = nncf.compress_weights(model)
    else:
        rows = [np.asarray([row], dtype=np.int64) for row in json.loads(calibration.read_text(encoding="utf-8"))]
        data = nncf.Dataset([{"input_ids": row, "attention_mask": np.ones_like(row)} for row in rows])
        model = nncf.quantize(model, data, model_type=nncf.ModelType.TRANSFORMER)
    openvino.save_model(model, str(folder / _GRAPH))


def open_predictor(folder: Path, threads: int, variant: str) -> PeerRequest:  # noqa: ARG001 - one signature for all
    """Compile the model for the processor with the hint for single requests."""
    openvino = require("openvino", "openvino")
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    compiled = openvino.Core().compile_model(str(folder / _GRAPH), "CPU", settings)
    return PeerRequest(compiled.create_infer_request())
