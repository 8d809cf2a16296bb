"""Exports a translation model to two OpenVINO graphs: the encoder, and the decoder with its cache."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leanglot.errors import ModelError
from leanglot.export.seq2seq_onnx import export_seq2seq_onnx
from leanglot.models.translation_model import TranslationModel
from leanglot.runtimes.openvino import import_openvino
from leanglot.runtimes.openvino_seq2seq import DECODER_GRAPH, ENCODER_GRAPH
from leanglot.runtimes.seq2seq_graphs import DECODER_NAME, ENCODER_NAME

if TYPE_CHECKING:
    from openvino import Model, Node

_WEIGHT: Final = ".weight"
_GRAPHS: Final = {ENCODER_NAME: ENCODER_GRAPH, DECODER_NAME: DECODER_GRAPH}


def export_seq2seq_openvino(model: TranslationModel, folder: Path) -> Path:
    """Write ``encoder.xml`` and ``decoder.xml`` with their weights in FP32.

    They are the graphs of `export_seq2seq_onnx`, read by OpenVINO's ONNX front end. Each has a file of weights of its
    own, so that a word table which both sides share is stored twice.

    Args:
        model: Left as it is.
        folder: An existing folder.

    Returns:
        The decoder's path.

    Raises:
        ModelError: The model is of a family that is not known, or OpenVINO cannot take its graphs.
        MissingExtraError: OpenVINO is not installed.
    """
    openvino = import_openvino()
    with tempfile.TemporaryDirectory(dir=folder, prefix="export-") as inside:
        export_seq2seq_onnx(model, Path(inside))
        for source, target in _GRAPHS.items():
            try:
                graph = openvino.convert_model(str(Path(inside) / source))
                _name(graph)
                openvino.save_model(graph, str(folder / target), compress_to_fp16=False)
            except Exception as error:  # OpenVINO raises RuntimeError and types of its own
                raise ModelError(
                    f"OpenVINO {openvino.__version__} cannot take the graph {source}: {str(error)[:400]}",
                    "Use another engine: onnxruntime or ctranslate2.",
                ) from error
    return folder / DECODER_GRAPH


def _name(graph: "Model") -> None:
    """Give weights and lookups the names of their modules, which the front end drops where it turns a matrix."""
    constants = [op for op in graph.get_ordered_ops() if op.get_type_name() == "Constant"]
    for constant in [op for op in constants if op.get_element_type().get_type_name() == "f32"]:
        name = constant.get_friendly_name()
        (first, *_) = constant.output(0).get_target_inputs()
        user = first.get_node()
        if "." not in name and (module := _module_behind(user)):
            part = "bias" if user.get_type_name() == "Add" else "weight"
            constant.set_friendly_name(f"{module}.{part}")
        for port in constant.output(0).get_target_inputs():
            if port.get_node().get_type_name() == "Gather" and name.endswith(_WEIGHT):
                port.get_node().set_friendly_name(f"{name.removesuffix(_WEIGHT)}/{port.get_node().get_friendly_name()}")


def _module_behind(user: "Node") -> str:
    """The module of an operator with a weight: by its own name, or by that of the one after it."""
    for port in (user.output(0), *user.output(0).get_target_inputs()):
        module, _, _ = port.get_node().get_friendly_name().partition("/")
        if "." in module:
            return str(module)
    return ""
