"""Exports a text classifier to an OpenVINO graph with its weights beside it, through OpenVINO's PyTorch front end."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch

from leanglot.export.tracing import INPUTS, LogitsOnly, quiet_tracing
from leanglot.models.openvino_graph import GRAPH_NAME
from leanglot.models.text_classifier import TextClassifier, sharing_copy
from leanglot.quiet import quiet_transformers
from leanglot.runtimes.openvino import import_openvino

if TYPE_CHECKING:
    from openvino import Model

_ATTENTION: Final = "sdpa"


def export_openvino(model: TextClassifier, folder: Path) -> Path:
    """Write ``model.xml`` and ``model.bin`` into the folder, the weights in FP32.

    Args:
        model: Left as it is.
        folder: An existing folder.

    Returns:
        The graph's path.
    """
    path = folder / GRAPH_NAME
    import_openvino().save_model(openvino_graph(model), str(path), compress_to_fp16=False)
    return path


def openvino_graph(model: TextClassifier) -> "Model":
    """The model as an OpenVINO graph in memory, which uses the model's own FP32 weights: keep the model while it lives.

    Its inputs ``input_ids`` and ``attention_mask`` are INT64 of any (batch, length), its output ``logits`` FP32 of
    (batch, labels). Weights have the names PyTorch gives them, such as ``bert.pooler.dense.weight``; operators are
    called by their module and what they do, such as ``bert.pooler.dense/aten::linear/MatMul``.

    Args:
        model: Left as it is.
    """
    openvino = import_openvino()
    module = sharing_copy(model.module)
    module.set_attn_implementation(_ATTENTION)
    ids = torch.full((2, 8), model.pad_id, dtype=torch.int64)
    ids[:, 0] = 0
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    anything = openvino.PartialShape([-1, -1])
    with quiet_transformers(), quiet_tracing(), torch.inference_mode():
        graph: Model = openvino.convert_model(
            LogitsOnly(module).eval(),
            example_input=(ids, mask),
            input=[(name, anything, openvino.Type.i64) for name in INPUTS],
        )
    graph.outputs[0].get_tensor().set_names({"logits"})
    _name_by_module(graph)
    return graph


def _name_by_module(graph: "Model") -> None:
    """Take away what the front end and the wrapper put before the names of the model's modules."""
    for operator in graph.get_ops():
        name = operator.get_friendly_name()
        for prefix in ("self.module.", "__module.module."):
            if name.startswith(prefix):
                operator.set_friendly_name(name.removeprefix(prefix))
