"""ONNX Runtime's dynamic quantization as a peer: its own defaults, without any of leanglot's code."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leanglot.runtimes.base import Logits, TokenIds

_GRAPH = "model_quantized.onnx"


@dataclass(frozen=True, slots=True)
class PeerSession:
    """A session of ONNX Runtime."""

    session: Any

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Logits:
        """Run one batch."""
        feed = {"input_ids": input_ids, "attention_mask": attention_mask}
        result: Logits = self.session.run(["logits"], feed)[0]
        return result


def prepare(source: Path, folder: Path, variant: str, calibration: Path) -> None:  # noqa: ARG001 - one signature for all
    """Export once for all variants, then quantize."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    exported = folder.parent / "exported-onnx" / "model.onnx"
    if not exported.is_file():
        exported.parent.mkdir(exist_ok=True)
        _export(source, exported)
    types = ["MatMul"] if variant == "matmul" else None
    quantize_dynamic(exported, folder / _GRAPH, weight_type=QuantType.QInt8, op_types_to_quantize=types)


def open_predictor(folder: Path, threads: int, variant: str) -> PeerSession:  # noqa: ARG001 - one signature for all
    """Load the graph, with all of the runtime's own optimizations."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return PeerSession(ort.InferenceSession(str(folder / _GRAPH), options, providers=["CPUExecutionProvider"]))


def _export(source: Path, path: Path) -> None:
    """The tracing exporter and eager attention: the form that Optimum writes and that the runtime's fusions know.

    Graphs of the newer exporter (``dynamo=True``) carry shapes that ``quantize_dynamic`` stumbles over.
    """
    import torch
    from peer_tracing import sample_inputs, traceable

    dynamic = {0: "batch", 1: "length"}
    with torch.inference_mode():
        torch.onnx.export(
            traceable(source, "eager"),
            sample_inputs(),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": dynamic, "attention_mask": dynamic, "logits": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
