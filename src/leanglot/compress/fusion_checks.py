"""Tries fused attention out: what its mask hides, and whether the fused graph answers like the one it came from."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from leanglot.compress.products import Products

Feed = Mapping[str, NDArray[np.int64]]

_MASK_LENGTHS: Final = (512, 256, 128, 64, 32, 16, 8)  # the longest that a model takes: it shows wide windows
_ANSWER_LENGTHS: Final = (64, 32, 16, 8)
_SHORT: Final = 5
_MASKED: Final = -1e4  # what is added to the scores of padding is this, or less
_INLINE_BYTES: Final = 1024  # smaller weights travel inside the graph
_TOLERANCE: Final = 1e-3  # of a value's largest magnitude; the order of sums alone makes about 1e-6


def live_nodes(nodes: Sequence[onnx.NodeProto], outputs: Collection[str]) -> list[onnx.NodeProto]:
    """The nodes that some values depend on, in their order."""
    return list(_live_backwards(nodes, set(outputs)))[::-1]


def masks_padding_alone(products: Products, mask: str) -> bool:
    """Whether a mask hides padding and nothing else, as the fused operator would.

    It is computed, with the graph's own weights, for padding anywhere and for random tokens: a mask that depends on
    hidden states or on learned weights, or hides more than padding, has values other than 0 at the real tokens.

    Args:
        products: The graph; left as it is.
        mask: Name of the value that is added to the scores.
    """
    part = _open(products, [mask])
    if part is None:
        return False
    rng = np.random.default_rng(0)
    tried = 0
    for length in (_SHORT, *_MASK_LENGTHS):
        feed = _tokens(products, rng, _padding_anywhere(rng, length))
        values = _run(part, feed, [mask])
        if values is None:
            continue
        if not _hides(values[0], feed["attention_mask"]):
            return False
        tried += 1
        if length != _SHORT:
            break
    return tried > 1


def same_answers(before: Products, after: Products, also: Collection[str]) -> bool:
    """Whether two graphs compute the same for random texts with padding on the right.

    Their large weights are read where they are, never copied. Neither graph is optimized: each computes what it says.

    Args:
        before: One graph; left as it is.
        after: The other; left as it is.
        also: Values that both have, besides their outputs.

    Returns:
        Also False where one of them cannot be computed.
    """
    names = [*(item.name for item in before.model.graph.output), *also]
    one, other = _open(before, names), _open(after, names)
    if one is None or other is None:
        return False
    rng = np.random.default_rng(0)
    alike = []
    for length in (_SHORT, *_ANSWER_LENGTHS):
        feed = _tokens(before, rng, _padding_right(length))
        expected = _run(one, feed, names)
        if expected is None:
            continue
        found = _run(other, feed, names)
        alike.append(found is not None and all(map(_close, expected, found)))
        if length != _SHORT:
            break
    return len(alike) > 1 and all(alike)


def _close(expected: NDArray[Any], found: NDArray[Any]) -> bool:
    if expected.shape != found.shape:
        return False
    return bool(np.abs(expected - found).max() <= _TOLERANCE * np.abs(expected).max())


def _hides(added: NDArray[Any], attention_mask: NDArray[np.int64]) -> bool:
    """Whether what is added to the scores is nothing for tokens, and enough to hide for padding."""
    real = attention_mask.astype(bool)[:, None, None, :]
    if added.ndim != real.ndim:
        return False
    return bool(((added == 0) == real).all() and ((added <= _MASKED) == ~real).all())


def _padding_anywhere(rng: np.random.Generator, length: int) -> NDArray[np.int64]:
    """Masks of shape ``(4, length)``: none, right, left, anywhere; each has a token."""
    places = np.arange(length)
    anywhere = rng.integers(0, 2, size=length) | (places == length // 2)
    return np.asarray([places >= 0, places < (length + 1) // 2, places >= length // 2, anywhere]).astype(np.int64)


def _padding_right(length: int) -> NDArray[np.int64]:
    """Masks of shape ``(3, length)``, the last of a single token."""
    return (np.arange(length) < np.asarray([[length], [(length + 1) // 2], [1]])).astype(np.int64)


def _tokens(products: Products, rng: np.random.Generator, mask: NDArray[np.int64]) -> Feed:
    """Random tokens of the vocabulary under a mask."""
    stored = products.weights | products.tables
    looked_up = [node.input[0] for node in products.model.graph.node if [*node.input[1:]] == ["input_ids"]]
    rows = [stored[name].shape[0] for name in looked_up if name in stored]
    return {"input_ids": rng.integers(0, min(rows, default=2), size=mask.shape), "attention_mask": mask}


@dataclass(frozen=True, slots=True)
class _Part:
    """The part of a graph that computes some values.

    Attributes:
        session: It takes the large weights as inputs: as constants, it would copy them.
        weights: These weights.
    """

    session: ort.InferenceSession
    weights: Mapping[str, NDArray[Any]]


def _open(products: Products, outputs: Sequence[str]) -> _Part | None:
    """The part of a graph that computes some values; None where ONNX Runtime cannot."""
    graph = products.model.graph
    nodes = live_nodes(graph.node, outputs)
    read = {name for node in nodes for name in node.input}
    stored = {name: values for name, values in (products.weights | products.tables).items() if name in read}
    large = {name: np.ascontiguousarray(values) for name, values in stored.items() if values.nbytes >= _INLINE_BYTES}
    inputs = [item for item in graph.input if item.name in read]
    inputs += [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(values.dtype), values.shape)
        for name, values in large.items()
    ]
    given = [numpy_helper.from_array(np.asarray(stored[name]), name) for name in stored.keys() - large.keys()]
    wanted = [helper.make_empty_tensor_value_info(name) for name in outputs]
    part = helper.make_model(
        helper.make_graph(nodes, "part", inputs, wanted, given),
        opset_imports=products.model.opset_import,
        ir_version=products.model.ir_version,
    )
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = ort.InferenceSession(part.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception:  # noqa: BLE001 - ONNX Runtime raises types of its own; what it cannot load is not recognized
        return None
    return _Part(session, large)


def _run(part: _Part, feed: Feed, outputs: Sequence[str]) -> list[NDArray[Any]] | None:
    """The values for one batch; None where they cannot be computed, as for texts longer than the model takes."""
    wanted = {item.name for item in part.session.get_inputs()}
    given = {name: values for name, values in {**part.weights, **feed}.items() if name in wanted}
    try:
        return [np.asarray(values) for values in part.session.run(list(outputs), given)]
    except Exception:  # noqa: BLE001 - ONNX Runtime raises types of its own
        return None


def _live_backwards(nodes: Sequence[onnx.NodeProto], needed: set[str]) -> Iterator[onnx.NodeProto]:
    for node in reversed(nodes):
        if not needed.isdisjoint(node.output):
            needed.update(node.input)
            yield node
