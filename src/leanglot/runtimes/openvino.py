"""Executes OpenVINO artifacts with OpenVINO's CPU plugin."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Final

from leanglot.errors import ModelError
from leanglot.extras import require
from leanglot.results.manifest import Manifest
from leanglot.runtimes.base import Logits, TokenIds

if TYPE_CHECKING:
    from openvino import InferRequest

EXTRA: Final = "openvino"
_TELEMETRY: Final = "openvino_telemetry"


@dataclass(frozen=True, slots=True)
class OpenVinoPredictor:
    """A compiled model's inference request; threads that share it take turns."""

    request: "InferRequest"
    turn: Lock = field(default_factory=Lock, repr=False)

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Logits:
        """Run one batch; see `Predictor`. The result is a copy that later calls leave alone."""
        feed = {"input_ids": input_ids, "attention_mask": attention_mask}
        with self.turn:
            result: Logits = self.request.infer(feed, share_inputs=True, share_outputs=False)["logits"]
        return result

    def counters(self) -> list[tuple[str, str, float]]:
        """Name and type of each operator that ran, and its mean milliseconds in all inferences since the first.

        Only of a predictor opened with ``counting``.
        """
        return [
            (str(info.node_name), str(info.node_type), info.real_time.total_seconds() * 1e3)
            for info in self.request.get_profiling_info()
            if info.status.name == "EXECUTED"
        ]


def open_predictor(folder: Path, manifest: Manifest, threads: int, *, counting: bool = False) -> OpenVinoPredictor:
    """Load the artifact's graph and compile it for this machine, keeping nothing of that on disk.

    What the plugin would choose by machine is fixed here. Left alone, it computes FP32 and FP16 graphs in BF16 wherever
    the processor has it, which moved logits by up to 0.5 where it was measured: here it computes them in FP32. In
    graphs with 8-bit or 4-bit weights it quantizes each token's activations to 8 bits in groups of 32, its own default:
    that doubled the speed there and added a hundredth to the error. Threads are not bound to cores, which they might
    share with another process.

    Args:
        folder: The artifact.
        manifest: Its manifest.
        threads: Threads within one operator; one inference runs at a time.
        counting: Also time every operator of an inference, for the request's ``get_profiling_info()``.

    Raises:
        ModelError: The graph is damaged or needs what this version of OpenVINO lacks.
        MissingExtraError: OpenVINO is not installed.
    """
    openvino = import_openvino()
    settings = cpu_settings(threads) | {"PERF_COUNT": counting}
    path = folder / manifest.model_file
    try:
        compiled = openvino.Core().compile_model(str(path), "CPU", settings)
    except Exception as error:  # OpenVINO raises RuntimeError and types of its own
        raise ModelError(
            f"OpenVINO {openvino.__version__} cannot load {path}: {str(error)[:400]}",
            "The file may be damaged: make the artifact again.",
        ) from error
    return OpenVinoPredictor(compiled.create_infer_request())


def cpu_settings(threads: int) -> dict[str, object]:
    """How every artifact's graph is compiled; `open_predictor` tells why."""
    return {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 32,
        "ENABLE_CPU_PINNING": False,
        "CACHE_DIR": "",
    }


def import_openvino() -> ModuleType:
    """The module ``openvino``, which reports nothing to its makers when it is first imported here.

    Raises:
        MissingExtraError: It is not installed.
    """
    with without_telemetry():
        return require("openvino", EXTRA)


@contextmanager
def without_telemetry() -> Iterator[None]:
    """Import OpenVINO's packages as if their telemetry were not installed.

    They send an event at import unless the user opted out in a file beforehand, and write an identifier into the home
    folder. Both fall back to a stub where the package ``openvino_telemetry`` is missing. NNCF also replaces the class
    of all later loggers.
    """
    loaded = sys.modules.get(_TELEMETRY)
    logger_class = logging.getLoggerClass()
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment] # what the import system takes for "not there"
    try:
        yield
    finally:
        logging.setLoggerClass(logger_class)
        del sys.modules[_TELEMETRY]
        if loaded is not None:
            sys.modules[_TELEMETRY] = loaded
