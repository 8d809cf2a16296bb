"""Dynamic INT8 quantization of an exported graph through ONNX Runtime."""

import logging
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from leanglot.compress.embedding_rows import lookup_tables, store_as_rows
from leanglot.errors import RecipeError
from leanglot.models.graph import GRAPH_NAME, Arrays, load_graph, load_skeleton, save_graph
from leanglot.techniques import Int8
from leanglot.techniques.targets import saturates


def resolve(config: Int8, isa: Collection[str]) -> Int8:
    """The config with ``reduce_range`` decided by the target's instruction set.

    Signed 8-bit weights saturate 16-bit accumulators on x86 processors without VNNI; 7 bits cannot.
    """
    if config.reduce_range is not None:
        return config
    return config.model_copy(update={"reduce_range": saturates(isa)})


def quantize(source: Path, target: Path, config: Int8) -> Path:
    """Quantize the graph of one folder into another.

    Args:
        source: Folder with ``model.onnx``; left as it is.
        target: Existing folder for the quantized graph.
        config: Resolved: ``reduce_range`` is decided.

    Returns:
        The new graph's path.

    Raises:
        RecipeError: The config is not resolved, or the graph has nothing to quantize.
    """
    if config.reduce_range is None:
        raise RecipeError("reduce_range is undecided.", "Call resolve(config, isa) first, or set it.")
    model, weights = load_skeleton(source)
    # The quantizer would copy the tables and write them several times over, only to leave them as they are.
    tables = {name: weights.pop(name) for name in sorted(lookup_tables(model.graph) & weights.keys())}
    with tempfile.TemporaryDirectory(dir=target, prefix="quantizing-") as folder:
        model = _quantize_products(model, weights, tables, config, Path(folder))
    if not any(node.op_type == "MatMulInteger" for node in model.graph.node):
        raise RecipeError("The graph has no matrix product with constant weights to quantize.")
    return save_graph(model, target, store_as_rows(model.graph, tables) if config.embeddings else tables)


def _quantize_products(
    model: onnx.ModelProto, weights: Arrays, tables: Arrays, config: Int8, folder: Path
) -> onnx.ModelProto:
    """The graph with INT8 matrix products; it uses the tables by name, and holds all other weights."""
    graph = model.graph
    graph.initializer.extend(numpy_helper.from_array(np.asarray(values), name) for name, values in weights.items())
    graph.input.extend(
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(table.dtype), table.shape)
        for name, table in tables.items()
    )
    with _quiet():
        quantize_dynamic(
            model_input=model,
            model_output=str(folder / GRAPH_NAME),
            op_types_to_quantize=["MatMul"],
            per_channel=config.per_channel,
            reduce_range=config.reduce_range,
            weight_type=QuantType.QInt8,
            use_external_data_format=True,
            extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT},
        )
    quantized = load_graph(folder)
    for item in [item for item in quantized.graph.input if item.name in tables]:
        quantized.graph.input.remove(item)
    return quantized


@contextmanager
def _quiet() -> Iterator[None]:
    """ONNX Runtime advises on pre-processing through the root logger; nothing in it applies here."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)
