"""Static INT8 quantization (QDQ) of an exported graph: activation ranges are constants, found on calibration texts."""

from collections.abc import Collection, Mapping, Sequence
from math import isfinite
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
from leanglot.compress.products import Products, Quantized, layer_name, nothing_to_quantize, read_products
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
    _check_resolved(config)
    products = read_products(source)
    kept = products.kept(config.keep)
    tables = products.large_tables(kept) if config.embeddings else {}
    chosen = {node for node, layer in products.layers().items() if layer not in kept | products.heads}
    if not chosen and not tables:
        raise nothing_to_quantize(config.keep)
    inputs = {node.input[0] for node in products.model.graph.node if node.name in chosen}
    ranges = activation_ranges(source, inputs, rows, pad_id, config.calibration or Calibration()) if chosen else {}
    return _saved(products, target, chosen, ranges, tables, config)


def quantize_within(source: Path, target: Path, config: Int8, ranges: Mapping[str, Range]) -> Quantized:
    """Quantize the graph of one folder into another with ranges that are known already, such as trained ones.

    All is as `quantize` does it, but that the layers with a range are quantized, and no others.

    Args:
        source: Folder with ``model.onnx``; left as it is.
        target: Existing folder for the quantized graph.
        config: Static, and resolved: ``reduce_range`` is decided. Its calibration plays no part.
        ranges: The range of what a linear layer reads, by the layer's name. Layers that read the same tensor have the
            same range.

    Returns:
        The new graph.

    Raises:
        RecipeError: The config is not resolved, ``keep`` names no layer or one with a range, a range is of no layer,
            not finite, upside down, or another than that of a layer that reads the same tensor, or there is nothing to
            quantize.
        ModelError: A weight is NaN or infinite.
    """
    _check_resolved(config)
    products = read_products(source)
    kept = products.kept(config.keep)
    tables = products.large_tables(kept) if config.embeddings else {}
    layers = products.layers()
    _check_ranges(ranges, {*layers.values()}, kept)
    chosen = {node for node, layer in layers.items() if layer in ranges}
    if not chosen and not tables:
        raise nothing_to_quantize(config.keep)
    by_node = {node: ranges[layers[node]] for node in chosen}
    return _saved(products, target, chosen, _by_tensor(products, by_node), tables, config)


def _by_tensor(products: Products, by_node: Mapping[str, Range]) -> dict[str, Range]:
    """The range of each tensor that some nodes multiply, which they must agree on."""
    found: dict[str, Range] = {}
    for node in products.model.graph.node:
        if node.name not in by_node:
            continue
        own, other = by_node[node.name], found.setdefault(node.input[0], by_node[node.name])
        if own != other:
            raise RecipeError(
                f"The range of what {layer_name(node.input[1])} reads is {own[0]:g} to {own[1]:g}, and another layer "
                f"that reads the same has {other[0]:g} to {other[1]:g}.",
                "Give all layers that read one tensor the same range.",
            )
    return found


def _check_resolved(config: Int8) -> None:
    if config.reduce_range is None:
        raise RecipeError("reduce_range is undecided.", "Call resolve(config, isa) first, or set it.")


def _check_ranges(ranges: Mapping[str, Range], layers: Collection[str], kept: Collection[str]) -> None:
    """Refuse ranges of layers that are not there or stay in FP32, and those that span nothing."""
    if unknown := sorted(ranges.keys() - set(layers)):
        raise RecipeError(
            f"There are ranges for {', '.join(unknown[:3])}, and the graph has no such linear layers.",
            f"Its layers have names such as {', '.join(sorted(layers)[:3])}.",
        )
    if both := sorted(ranges.keys() & set(kept)):
        raise RecipeError(f"keep: {', '.join(both[:3])} have ranges too.", "Keep a layer, or give it a range.")
    for layer, (low, high) in ranges.items():
        if not (isfinite(low) and isfinite(high) and low <= high):
            raise RecipeError(
                f"The range of what {layer} reads is {low:g} to {high:g}.",
                "A range goes from one number up to another.",
            )


def _saved(
    products: Products,
    target: Path,
    chosen: Collection[str],
    ranges: Mapping[str, Range],
    tables: Collection[str],
    config: Int8,
) -> Quantized:
    """Quantize the chosen products, by their nodes' names, and write the graph."""
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
