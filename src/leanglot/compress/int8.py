"""Dynamic INT8 quantization of an exported graph through ONNX Runtime."""

import logging
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
from onnx import TensorProto
from onnxruntime.quantization import QuantType, quantize_dynamic

from leanglot.compress.fusion import find_attention, fuse
from leanglot.compress.products import Products, Quantized, nothing_to_quantize, read_products
from leanglot.errors import RecipeError
from leanglot.models.graph import GRAPH_NAME, load_graph
from leanglot.techniques import Int8
from leanglot.techniques.targets import saturates


def resolve(config: Int8, isa: Collection[str]) -> Int8:
    """The config with ``reduce_range`` decided by the target's instruction set.

    Products of full 8-bit weights are added up in pairs in 16 bits on x86 processors without VNNI, and can saturate
    there: on AVX2, one layer's signed 8-bit weights gave a relative error of 0.114. Safe there are 7 bits (0.012), or
    unsigned weights, whose kernel there did not saturate (0.010); with VNNI unsigned weights are slower than signed.
    """
    if config.reduce_range is not None:
        return config
    return config.model_copy(update={"reduce_range": saturates(isa)})


def quantize(source: Path, target: Path, config: Int8) -> Quantized:
    """Quantize the graph of one folder into another, its attention fused where its form allows.

    The matrices of a fused attention's queries, keys and values become one, ``<...>.qkv.weight.T``. Keeping one of the
    three leaves that attention in pieces, with the other two quantized; keeping ``qkv`` keeps all three. A
    classification head that reads one row per text stays in FP32, whatever the config; one that reads all tokens, like
    the ``score`` of GPT-2 and BLOOM, is quantized like any other layer.

    Args:
        source: Folder with ``model.onnx``; left as it is.
        target: Existing folder for the quantized graph.
        config: Resolved: ``reduce_range`` is decided.

    Returns:
        The new graph.

    Raises:
        RecipeError: The config is not resolved, ``keep`` names no layer, or there is nothing to quantize.
        ModelError: A weight is NaN or infinite.
    """
    if config.reduce_range is None:
        raise RecipeError("reduce_range is undecided.", "Call resolve(config, isa) first, or set it.")
    products = read_products(source)
    # Merged, the queries', keys' and values' matrices would share one scale where there is one per matrix.
    attention = find_attention(products) if config.per_channel else []
    kept = products.kept(config.keep, [one.merged for one in attention])
    kept |= {layer for one in attention if one.merged in kept for layer in one.layers}
    rows = products.large_tables(kept) if config.embeddings else {}
    kept |= _spared_heads(products)
    if not {*products.layers().values()} - kept and not rows:
        raise nothing_to_quantize(config.keep)
    fused = fuse(products, attention, kept)
    excluded = [node for node, layer in products.layers().items() if layer in kept]
    with tempfile.TemporaryDirectory(dir=target, prefix="quantizing-") as folder:
        model = _quantize_products(products, excluded, config, Path(folder))
    return Quantized(products.save(model, target, rows), fused.notes() if config.per_channel else ())


def _spared_heads(products: Products) -> set[str]:
    """The layers of the head, which read one row per text: in FP32 they cost no time, in INT8 the most accuracy."""
    layers = {*products.layers().values()}
    return products.heads if layers > products.heads else set()


def _quantize_products(products: Products, excluded: list[str], config: Int8, folder: Path) -> onnx.ModelProto:
    """The graph with INT8 matrix products; it uses the tables by name, and holds all other weights."""
    with quiet_quantizer():
        quantize_dynamic(
            model_input=products.with_weights(),
            model_output=str(folder / GRAPH_NAME),
            op_types_to_quantize=["MatMul", "Attention"],
            nodes_to_exclude=excluded,
            per_channel=config.per_channel,
            reduce_range=config.reduce_range,
            weight_type=QuantType.QInt8 if config.weights == "signed" else QuantType.QUInt8,
            use_external_data_format=True,
            extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT},
        )
    return load_graph(folder)


@contextmanager
def quiet_quantizer() -> Iterator[None]:
    """ONNX Runtime advises on pre-processing through the root logger; nothing in it applies here."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)
