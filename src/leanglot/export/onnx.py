"""Exports a text classifier to an ONNX graph with its weights beside it, whatever their size."""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import onnx
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import PreTrainedModel

from leanglot.export.tracing import INPUTS, LogitsOnly, quiet_tracing
from leanglot.models.graph import GRAPH_NAME, Arrays, save_graph
from leanglot.models.text_classifier import TextClassifier, sharing_copy

OPSET: Final = 17


def export_onnx(model: TextClassifier, folder: Path) -> Path:
    """Write ``model.onnx`` and its weights into the folder.

    The exporter traces the model with eager attention at opset 17, which is the form that ONNX Runtime's fusions
    recognize. It traces without the weights, which then join the graph under the names that PyTorch gives them:
    the exporter would carry them through each of its passes. They go to a file of their own, so that a graph over
    2 GB works like a small one.

    Args:
        model: Left as it is.
        folder: An existing folder.

    Returns:
        The graph's path.
    """
    module = sharing_copy(model.module)
    module.set_attn_implementation("eager")
    traced = _traced(LogitsOnly(_with_few_rows(module, model.pad_id)).eval(), model.pad_id, folder / GRAPH_NAME)
    # A tied weight may have been traced under any of its names.
    original = model.module
    weights = [*original.named_parameters(remove_duplicate=False), *original.named_buffers(remove_duplicate=False)]
    arrays = _name_weights(traced.graph, {name: weight.detach().numpy() for name, weight in weights})
    return save_graph(traced, folder, arrays)


def _with_few_rows(module: PreTrainedModel, last_id: int) -> PreTrainedModel:
    """The module with its word table cut behind the ids that are traced, so that tracing carries no gigabytes."""
    table = module.get_input_embeddings()
    if isinstance(table, nn.Embedding):
        rows = max(last_id, table.padding_idx or 0) + 1
        table.weight = nn.Parameter(table.weight.detach()[:rows])
    return module


def _traced(wrapper: nn.Module, pad_id: int, path: Path) -> onnx.ModelProto:
    """The graph, with each weight as one more input; the exporter needs a path to write it to."""
    ids = torch.full((2, 8), pad_id, dtype=torch.int64)
    ids[:, 0] = 0
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    dynamic = {0: "batch", 1: "length"}
    with _quiet(), torch.inference_mode():
        torch.onnx.export(
            wrapper,
            (ids, mask),
            str(path),
            input_names=list(INPUTS),
            output_names=["logits"],
            dynamic_axes={**dict.fromkeys(INPUTS, dynamic), "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
            export_params=False,
            do_constant_folding=False,
        )
    return onnx.load(str(path))


def _name_weights(graph: onnx.GraphProto, weights: Arrays) -> dict[str, NDArray[Any]]:
    """Take the inputs that stand for weights out of the graph, which then uses these by PyTorch's names.

    A linear layer's weights are stored transposed, as ``weight.T``, in place of a ``Transpose`` in the graph: that is
    what quantization recognizes as a constant.

    Returns:
        The weights that the graph uses.
    """
    names = {f"module.{name}": name for name in weights}
    turned = {node.output[0]: f"{names[node.input[0]]}.T" for node in graph.node if _turns(node, names)}
    nodes = [node for node in graph.node if node.output[0] not in turned]
    names |= turned
    for node in nodes:
        _replace(node.input, [names.get(name, name) for name in node.input])
    _replace(graph.node, nodes)
    _replace(graph.input, [item for item in graph.input if item.name in INPUTS])
    _replace(graph.value_info, [item for item in graph.value_info if item.name not in names])
    stored = {**weights, **{name: weights[name.removesuffix(".T")].T for name in turned.values()}}
    return {name: stored[name] for name in sorted({name for node in nodes for name in node.input} & stored.keys())}


def _replace(field: Any, items: Sequence[object]) -> None:  # noqa: ANN401 - protobuf's repeated fields have no type
    del field[:]
    field.extend(items)


def _turns(node: onnx.NodeProto, weights: Collection[str]) -> bool:
    """Whether a node transposes a weight matrix."""
    orders = [list(attribute.ints) for attribute in node.attribute if attribute.name == "perm"]
    return node.op_type == "Transpose" and node.input[0] in weights and orders == [[1, 0]]


@contextmanager
def _quiet() -> Iterator[None]:
    """The tracing exporter warns about itself and about shapes that stay dynamic here."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with quiet_tracing():
            yield
    finally:
        logger.setLevel(level)
