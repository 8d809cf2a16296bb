"""Static INT8 quantization (QDQ) of an exported graph: activation ranges are constants, found on calibration texts."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorData, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from leanglot.compress.activation_ranges import activation_ranges
from leanglot.compress.int8 import quiet_quantizer
from leanglot.compress.products import Quantized, nothing_to_quantize, read_products
from leanglot.errors import RecipeError
from leanglot.runtimes.base import TokenIds
from leanglot.stats.histograms import Range
from leanglot.techniques import Calibration, Int8

# The quantizer would write a graph without this mark to disk and read it again, to infer what is told it here.
_INFERRED: Final = ("onnx.infer", "onnxruntime.quant")


def quantize(source: Path, target: Path, config: Int8, rows: Sequence[TokenIds], pad_id: int) -> Quantized:
    """Quantize the graph of one folder into another.

    The inputs of matrix products with constant weights are quantized, the products' outputs are not: ONNX Runtime
    executes each as one integer product that gives FP32. What else reads these inputs, such as residual connections,
    keeps reading them in FP32. Two kinds of product stay in FP32: attention's, of two activations; and the head's, over
    one row per text, which ONNX Runtime would execute in FP32 all the same, on rounded values.

    Args:
        source: Folder with ``model.onnx``; left as it is.
        target: Existing folder for the quantized graph.
        config: Static, and resolved: ``reduce_range`` is decided.
        rows: Token ids of the calibration texts, already cut at the model's maximum length.
        pad_id: Token id of the padding.

    Returns:
        The new graph.

    Raises:
        RecipeError: The config is not resolved, ``keep`` names no layer, there is nothing to quantize, there are no
            texts, or the memory cap is too small.
        ModelError: A weight or an activation is NaN or infinite.
    """
    if config.reduce_range is None:
        raise RecipeError("reduce_range is undecided.", "Call resolve(config, isa) first, or set it.")
    products = read_products(source)
    kept = products.kept(config.keep)
    tables = products.large_tables(kept) if config.embeddings else {}
    chosen = {node for node, layer in products.layers().items() if layer not in kept | products.heads}
    if not chosen and not tables:
        raise nothing_to_quantize(config.keep)
    inputs = {node.input[0] for node in products.model.graph.node if node.name in chosen}
    ranges = activation_ranges(source, inputs, rows, pad_id, config.calibration or Calibration()) if chosen else {}
    model = products.with_weights()
    return Quantized(products.save(_with_pairs(model, chosen, ranges, config) if chosen else model, target, tables))


def _with_pairs(
    model: onnx.ModelProto, chosen: Collection[str], ranges: Mapping[str, Range], config: Int8
) -> onnx.ModelProto:
    """The graph with weights in INT8 and a quantize-dequantize pair before the chosen products."""
    # Under a name of its own, an activation is quantized for the products and stays in FP32 for all others.
    apart = {name: f"{name}_to_multiply" for name in ranges}
    for node in model.graph.node:
        if node.name in chosen:
            node.input[0] = apart[node.input[0]]
    described = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in apart.values()]
    model.graph.value_info.extend(described)
    mark = onnx.StringStringEntryProto(key=_INFERRED[0], value=_INFERRED[1])
    model.metadata_props.append(mark)
    with quiet_quantizer():
        quantizer = QDQQuantizer(
            model=model,
            per_channel=config.per_channel,
            reduce_range=config.reduce_range,
            weight_qType=QuantType.QInt8 if config.weights == "signed" else QuantType.QUInt8,
            # Unsigned: x86's instructions, with VNNI or without, multiply unsigned activations with signed weights, and
            # ONNX Runtime turns signed activations into unsigned ones when it loads a graph there.
            activation_qType=QuantType.QUInt8,
            tensors_range=_tensors_data({apart[name]: found for name, found in ranges.items()}),
            nodes_to_quantize=sorted(chosen),
            nodes_to_exclude=[],
            op_types_to_quantize=["MatMul"],
            extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul"]},
        )
        quantizer.quantize_model()
    together = {other: name for name, other in apart.items()}
    for node in quantizer.model.nodes():
        node.input[:] = [together.get(name, name) for name in node.input]
    quantizer.model.topological_sort()
    quantized: onnx.ModelProto = quantizer.model.model
    quantized.metadata_props.remove(mark)
    for item in described:
        quantized.graph.value_info.remove(item)
    return quantized


def _tensors_data(ranges: Mapping[str, Range]) -> TensorsData:
    """The ranges in the quantizer's terms; how they were found makes no difference to it."""
    limits = {name: (np.asarray(low, np.float32), np.asarray(high, np.float32)) for name, (low, high) in ranges.items()}
    data = {name: TensorData(lowest=low, highest=high) for name, (low, high) in limits.items()}
    return TensorsData(CalibrationMethod.MinMax, data)
