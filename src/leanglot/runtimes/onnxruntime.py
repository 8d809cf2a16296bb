"""Executes ONNX artifacts with ONNX Runtime on the CPU."""

from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort

from leanglot.errors import ModelError
from leanglot.results.manifest import Manifest
from leanglot.runtimes.base import Logits, TokenIds


@dataclass(frozen=True, slots=True)
class OnnxPredictor:
    """A session of ONNX Runtime."""

    session: ort.InferenceSession

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Logits:
        """Run one batch; see `Predictor`."""
        feed = {"input_ids": input_ids, "attention_mask": attention_mask}
        result: Logits = self.session.run(["logits"], feed)[0]
        return result


def open_predictor(folder: Path, manifest: Manifest, threads: int, trace: Path | None = None) -> OnnxPredictor:
    """Load the artifact's graph.

    Args:
        folder: The artifact.
        manifest: Its manifest.
        threads: Threads within one operator.
        trace: Start of the name of a file that the time of every operator is written to, once the session's
            ``end_profiling()`` is called; None times nothing.

    Raises:
        ModelError: The graph is damaged or needs what this version of ONNX Runtime lacks.
    """
    path, options = folder / manifest.model_file, session_options(threads)
    if trace is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(trace)
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises types of its own, without a common base class
        raise ModelError(
            f"ONNX Runtime {ort.__version__} cannot load {path}: {str(error)[:400]}",
            "The file may be damaged: make the artifact again.",
        ) from error
    return OnnxPredictor(session)


def session_options(threads: int) -> ort.SessionOptions:
    """How every artifact's graph is executed: so many threads within one operator, and errors alone told."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options
