"""Weight-only INT4 and INT8 quantization of an exported graph into ONNX Runtime's ``MatMulNBits``."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from onnxruntime.capi._pybind_state import quantize_matmul_4bits, quantize_matmul_8bits

from leanglot.compress.products import Products, Quantized, nothing_to_quantize, read_products
from leanglot.techniques import WeightOnly

_DOMAIN: Final = "com.microsoft"
# ONNX Runtime's levels: 1 multiplies in FP32, 4 rounds the activations to INT8 by blocks and multiplies in integers.
# With VNNI 4 is 2 to 6 times as fast for 8-bit weights and 1.1 to 1.5 times for 4-bit ones, and these no more wrong.
_ACCURACY_LEVEL: Final = 4


def quantize(source: Path, target: Path, config: WeightOnly) -> Quantized:
    """Quantize the graph of one folder into another.

    A linear layer's matrix ``<layer>.weight.T`` becomes ``<layer>.weight.T_Q4`` (or ``_Q8``) with its ``_scales`` and,
    where the config is not symmetric, ``_zero_points``: the names and the kernels of ONNX Runtime's own quantizer,
    whose module wants a package more and sets logging up when it is imported. Products in integers were compared with
    those in FP32 on processors with VNNI only: whether the 8-bit kernel can saturate on x86 without it is not known.

    Args:
        source: Folder with ``model.onnx``; left as it is.
        target: Existing folder for the quantized graph.
        config: Bits, blocks, and what is kept.

    Returns:
        The new graph.

    Raises:
        RecipeError: ``keep`` names no layer, or there is nothing to quantize.
        ModelError: A weight is NaN or infinite.
    """
    products = read_products(source)
    kept = products.kept(config.keep)
    rows = products.large_tables(kept) if config.embeddings else {}
    chosen = {node for node, layer in products.layers().items() if layer not in kept}
    if not chosen and not rows:
        raise nothing_to_quantize(config.keep)
    graph = products.model.graph
    nodes = [_product(node, products, config) if node.name in chosen else node for node in graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    products.drop_unused()
    if all(opset.domain != _DOMAIN for opset in products.model.opset_import):
        products.model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    return Quantized(products.save(products.with_weights(), target, rows))


def _product(node: onnx.NodeProto, products: Products, config: WeightOnly) -> onnx.NodeProto:
    """The product with a matrix in blocks, which takes the matrix's place among the weights."""
    values, weight = node.input
    inputs, width = _blocks_of(weight, products, config), products.weights[weight].shape
    return helper.make_node(
        "MatMulNBits",
        [values, *inputs],
        list(node.output),
        f"{node.name}_Q{config.bits}",
        domain=_DOMAIN,
        K=width[0],
        N=width[1],
        bits=config.bits,
        block_size=config.block,
        accuracy_level=_ACCURACY_LEVEL,
    )


def _blocks_of(weight: str, products: Products, config: WeightOnly) -> list[str]:
    packed, scales, zero_points = quantize_blocks(products.weights[weight], config)
    made: dict[str, NDArray[Any]] = {f"{weight}_Q{config.bits}": packed, f"{weight}_scales": scales}
    if not config.symmetric:
        made[f"{weight}_zero_points"] = zero_points
    products.weights.update(made)
    return list(made)


def quantize_blocks(
    matrix: NDArray[np.float32], config: WeightOnly
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8]]:
    """Round a matrix to blocks of ``config.block`` weights, by ONNX Runtime's own kernel.

    Args:
        matrix: Shape ``(inputs, outputs)``.
        config: Bits, block and symmetry.

    Returns:
        The packed blocks, shape ``(outputs, blocks, bytes per block)``; their scales, shape ``(outputs, blocks)``;
        their zero points, packed like the weights, which only an asymmetric config uses.
    """
    inputs, outputs = matrix.shape
    per_byte, blocks = 8 // config.bits, -(-inputs // config.block)
    padded = np.zeros((blocks * config.block, outputs), dtype=np.float32)
    padded[:inputs] = matrix
    packed = np.zeros((outputs, blocks, config.block // per_byte), dtype=np.uint8)
    scales = np.zeros((outputs, blocks), dtype=np.float32)
    zero_points = np.zeros((outputs, -(-blocks // per_byte)), dtype=np.uint8)
    kernel: Any = quantize_matmul_4bits if config.bits == 4 else quantize_matmul_8bits
    kernel(packed, padded, scales, zero_points, config.block, outputs, inputs, config.symmetric)
    return packed, scales, zero_points
