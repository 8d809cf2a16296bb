"""Exports a translation model to two OpenVINO graphs: the encoder, and the decoder with its cache."""

import tempfile
from pathlib import Path
from typing import Final

from leanglot.errors import ModelError
from leanglot.export.seq2seq_onnx import export_seq2seq_onnx
from leanglot.models.translation_model import TranslationModel
from leanglot.runtimes.openvino import import_openvino
from leanglot.runtimes.openvino_seq2seq import DECODER_GRAPH, ENCODER_GRAPH
from leanglot.runtimes.seq2seq_graphs import DECODER_NAME, ENCODER_NAME

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
                openvino.save_model(graph, str(folder / target), compress_to_fp16=False)
            except Exception as error:  # OpenVINO raises RuntimeError and types of its own
                raise ModelError(
                    f"OpenVINO {openvino.__version__} cannot take the graph {source}: {str(error)[:400]}",
                    "Use another engine: onnxruntime or ctranslate2.",
                ) from error
    return folder / DECODER_GRAPH
