"""Activation ranges of an exported graph, observed on calibration texts in bounded memory."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from math import ceil
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper

from leanglot.errors import ModelError, RecipeError
from leanglot.models.graph import GRAPH_NAME
from leanglot.results.environment import available_cores
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS, Batch, token_batches
from leanglot.stats.histograms import Histogram, Range, empty, entropy, minmax, percentile
from leanglot.techniques import Calibration

_WEIGHTS_FOLDER: Final = "session.model_external_initializers_file_folder_path"
_MIB: Final = 2**20
_FLOAT_BYTES: Final = 4
# Two shapes (texts, tokens) whose ratios tell the powers of either; short enough for any model.
_PROBES: Final = ((5, 2), (7, 3))


@dataclass(frozen=True, slots=True)
class _Size:
    """Bytes of a tensor, as ``scale * texts**by_text * length**by_length``."""

    scale: float
    by_text: int
    by_length: int

    def bytes(self, texts: int, length: int) -> int:
        return round(self.scale * float(texts) ** self.by_text * float(length) ** self.by_length)


def activation_ranges(
    folder: Path,
    tensors: Collection[str],
    rows: Sequence[TokenIds],
    pad_id: int,
    config: Calibration,
    advance: Callable[[int], None] | None = None,
) -> dict[str, Range]:
    """Run a graph over texts and find the range of each of some tensors.

    Texts of one length make a batch, so that there is no padding at all: none can enter a range, whatever the tensor's
    shape, and neither can batch mates. The tensors are outputs of each run, which together never take more than
    ``config.memory_mb``: batches are made smaller, down to one text, and then the tensors are observed in several
    passes. The cap is on these outputs alone; what the engine needs for the weights and for its own work comes on top.

    Args:
        folder: Folder with the FP32 graph; left as it is.
        tensors: Names of floating-point tensors in it.
        rows: Token ids per text, already cut at the model's maximum length; at least one.
        pad_id: Token id of the padding.
        config: How ranges are found, and the cap.
        advance: Called after each batch with the number of texts done since the last call, ``len(rows)`` in all.

    Returns:
        The range by tensor.

    Raises:
        ModelError: The graph cannot be run, lacks a tensor, or gives NaN or infinity.
        RecipeError: There are no texts, or one tensor of one text exceeds the cap.
    """
    if not rows:
        raise RecipeError("There is no text to calibrate on.", "Give at least one; some hundreds are usual.")
    names = sorted(set(tensors))
    sizes = _sizes(folder, names, rows[0])
    passes = _passes(sizes, rows, config.memory_mb * _MIB)
    session = _session(folder, names)
    histograms = {name: empty() for name in names}
    done = told = 0
    for observed in passes:
        for batch in _batches(rows, pad_id, {name: sizes[name] for name in observed}, config.memory_mb * _MIB):
            _observe(histograms, session, observed, batch.input_ids)
            done += len(batch.positions)
            if advance is not None:
                advance(done // len(passes) - told)
            told = done // len(passes)
    return {name: _range(histogram, config) for name, histogram in histograms.items()}


def _observe(
    histograms: dict[str, Histogram], session: ort.InferenceSession, names: Sequence[str], input_ids: TokenIds
) -> None:
    """Add a batch's activations, all of which are gone before the next batch is run."""
    for name, values in _run(session, names, input_ids).items():
        histograms[name] = _with_values(histograms[name], name, values)


def _range(histogram: Histogram, config: Calibration) -> Range:
    match config.method:
        case "minmax":
            return minmax(histogram)
        case "percentile":
            return percentile(histogram, config.percentile)
        case "entropy":
            return entropy(histogram)


def _with_values(histogram: Histogram, name: str, values: NDArray[Any]) -> Histogram:
    try:
        return histogram.with_values(values)
    except ValueError as error:
        raise ModelError(
            f"The activations {name} are NaN or infinite on a calibration text.",
            "The model itself fails there: check its weights and its answers.",
        ) from error


def _passes(sizes: Mapping[str, _Size], rows: Sequence[TokenIds], cap: int) -> list[list[str]]:
    """The tensors in as few groups as fit the cap for one text of any length."""
    longest = max(map(len, rows))
    passes: list[list[str]] = []
    room = 0
    for name, size in sorted(sizes.items(), key=lambda item: -item[1].bytes(1, longest)):
        needed = size.bytes(1, longest)
        if needed > cap:
            raise RecipeError(
                f"memory_mb: {cap // _MIB} MiB cannot hold {name} for one text of {longest} tokens.",
                f"Allow at least {ceil(needed / _MIB)}, or calibrate on shorter texts.",
            )
        if needed > room:
            passes.append([])
            room = cap
        passes[-1].append(name)
        room -= needed
    return passes


def _batches(rows: Sequence[TokenIds], pad_id: int, sizes: Mapping[str, _Size], cap: int) -> Iterator[Batch]:
    """Batches of texts of one length, small enough for the tensors to fit the cap together."""
    for length, same in groupby(sorted(rows, key=len), key=len):
        texts = max(1, DEFAULT_BATCH_TOKENS // length)
        while texts > 1 and sum(size.bytes(texts, length) for size in sizes.values()) > cap:
            texts -= 1
        yield from token_batches(list(same), pad_id, texts * length)


def _sizes(folder: Path, names: Sequence[str], row: TokenIds) -> dict[str, _Size]:
    """The size of each tensor as a function of the batch: from the tensors' shapes alone, on two small batches."""
    outputs = {name: f"{name}_shape" for name in names}
    session = _session(folder, outputs.values(), [helper.make_node("Shape", [name], [outputs[name]]) for name in names])
    shapes = [_run(session, list(outputs.values()), np.resize(row, probe)) for probe in _PROBES]
    return {name: _size(*(float(np.prod(found[outputs[name]])) * _FLOAT_BYTES for found in shapes)) for name in names}


def _size(first: float, second: float) -> _Size:
    (texts, length), (more_texts, more_length) = _PROBES
    for by_text, by_length in product((0, 1), (0, 1, 2)):
        if np.isclose(second / first, (more_texts / texts) ** by_text * (more_length / length) ** by_length):
            return _Size(first / texts**by_text / length**by_length, by_text, by_length)
    raise ModelError("A tensor's size follows neither the number of texts nor their length.", "Export the model again.")


def _run(session: ort.InferenceSession, names: Sequence[str], input_ids: TokenIds) -> dict[str, NDArray[Any]]:
    feed = {"input_ids": input_ids, "attention_mask": np.ones_like(input_ids)}
    return dict(zip(names, session.run(list(names), feed), strict=True))


def _session(folder: Path, outputs: Collection[str], nodes: Sequence[onnx.NodeProto] = ()) -> ort.InferenceSession:
    """The graph with further nodes, and with some of its tensors as further outputs."""
    model = onnx.load(str(folder / GRAPH_NAME), load_external_data=False)
    graph = model.graph
    graph.node.extend(nodes)
    made = {name for node in graph.node for name in node.output}
    if missing := sorted({name for node in nodes for name in node.input}.union(outputs) - made):
        raise ModelError(f"The graph has no activations {', '.join(missing)[:200]}.", "Export the model again.")
    kind = TensorProto.INT64 if nodes else TensorProto.FLOAT
    there = {item.name for item in graph.output}
    graph.output.extend(helper.make_tensor_value_info(name, kind, None) for name in outputs if name not in there)
    options = ort.SessionOptions()
    options.intra_op_num_threads = available_cores()
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False  # an arena would keep the largest batch's memory
    options.add_session_config_entry(_WEIGHTS_FOLDER, str(folder.absolute()))
    try:
        return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises types of its own, without a common base class
        raise ModelError(f"ONNX Runtime cannot load {folder}: {str(error)[:400]}", "Export the model again.") from error
