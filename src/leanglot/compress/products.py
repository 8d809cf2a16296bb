"""What can be quantized in an exported graph: its linear layers' matrix products and its embedding tables, by name."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from leanglot.compress.embedding_rows import is_large, lookup_tables, store_as_rows
from leanglot.errors import ModelError, RecipeError
from leanglot.models.graph import load_skeleton, save_graph
from leanglot.techniques.patterns import kept

_SUFFIXES: Final = (".weight.T", ".weight", ".bias")
_PICKS: Final = ("Gather", "GatherND", "GatherElements", "Squeeze")  # of a text's tokens one, as `Reduce...` does
_FLATTENS: Final = ("Reshape", "Flatten")
_VALUES_AT_ONCE: Final = 1 << 20  # few enough to stay in the processor's cache


@dataclass(frozen=True, slots=True)
class Quantized:
    """A graph that was written.

    Attributes:
        path: The graph's file.
        notes: What went otherwise than asked or expected, one sentence each.
    """

    path: Path
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Products:
    """A graph in memory, its weights apart from it.

    Attributes:
        model: The graph; it holds none of its weights.
        weights: Its weights but for the tables, by name.
        tables: Tensors whose rows it only looks up, by name. They stay out of the quantizers, which would copy and
            write them several times over.
        heads: The layers that read one row per text, behind the encoder's tokens. What reads all tokens, as rows of one
            matrix or not, is none of them.
    """

    model: onnx.ModelProto
    weights: dict[str, NDArray[Any]]
    tables: dict[str, NDArray[Any]]
    heads: set[str] = field(default_factory=set)

    def layers(self) -> dict[str, str]:
        """Layer by the name of the node that multiplies with its matrix."""
        return {node.name: layer_name(node.input[1]) for node in self.model.graph.node if self._multiplies(node)}

    def kept(self, patterns: Collection[str], more: Collection[str] = ()) -> set[str]:
        """The names of the layers and tables that a step's ``keep`` patterns mean.

        Args:
            patterns: The patterns.
            more: Other names that they may mean.

        Raises:
            RecipeError: A pattern means none.
        """
        return kept({*self.layers().values(), *map(layer_name, self.tables), *more}, patterns)

    def large_tables(self, kept: Collection[str]) -> dict[str, NDArray[Any]]:
        """The tables worth storing as INT8 rows, but for those that are kept."""
        return {name: t for name, t in self.tables.items() if is_large(t) and layer_name(name) not in kept}

    def drop_unused(self) -> None:
        """Forget the weights that no node uses any more."""
        used = {name for node in self.model.graph.node for name in node.input}
        for name in self.weights.keys() - used:
            del self.weights[name]

    def with_weights(self) -> onnx.ModelProto:
        """The model, now holding its weights; the tables are inputs of it."""
        graph = self.model.graph
        graph.initializer.extend(numpy_helper.from_array(np.asarray(w), name) for name, w in self.weights.items())
        graph.input.extend(
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(table.dtype), table.shape)
            for name, table in self.tables.items()
        )
        return self.model

    def save(self, model: onnx.ModelProto, folder: Path, as_rows: Collection[str]) -> Path:
        """Write the model that a quantizer made of `with_weights`, together with the tables.

        Args:
            model: It holds all weights; the tables are inputs of it.
            folder: An existing folder.
            as_rows: Names of the tables that become INT8 rows.
        """
        for item in [item for item in model.graph.input if item.name in self.tables]:
            model.graph.input.remove(item)
        rows = store_as_rows(model.graph, {name: table for name, table in self.tables.items() if name in as_rows})
        others = {name: table for name, table in self.tables.items() if name not in as_rows}
        return save_graph(model, folder, rows | others)

    def _multiplies(self, node: onnx.NodeProto) -> bool:
        return node.op_type == "MatMul" and node.input[1] in self.weights and self.weights[node.input[1]].ndim == 2


def read_products(folder: Path) -> Products:
    """Read a folder's graph; each linear layer is a ``MatMul``, its bias added after it.

    Its matrix is ``<layer>.weight.T``, or ``<layer>.weight`` where PyTorch's own has the inputs first, like GPT-2's.

    Raises:
        ModelError: A weight is NaN or infinite.
    """
    model, weights = load_skeleton(folder)
    for name, values in weights.items():
        _check_finite(name, values)
    tables = {name: weights.pop(name) for name in sorted(lookup_tables(model.graph) & weights.keys())}
    products = Products(model, weights, tables)
    _split_gemms(products)
    return products


def layer_name(weight: str) -> str:
    """The module that a weight belongs to, by PyTorch's name for it."""
    for suffix in _SUFFIXES:
        if weight.endswith(suffix):
            return weight.removesuffix(suffix)
    return weight


def nothing_to_quantize(patterns: Collection[str]) -> RecipeError:
    """The error for a graph in which a step finds nothing to do."""
    if patterns:
        return RecipeError(f"keep: {', '.join(patterns)} leaves nothing to quantize.", "Keep less, or drop this step.")
    return RecipeError(
        "The graph has no matrix product with constant weights to quantize.", "Leave quantization out of the recipe."
    )


def _check_finite(name: str, values: NDArray[Any]) -> None:
    if not np.issubdtype(values.dtype, np.floating):
        return
    flat = values.reshape(-1)
    for start in range(0, flat.size, _VALUES_AT_ONCE):
        if not np.isfinite(flat[start : start + _VALUES_AT_ONCE]).all():
            raise ModelError(f"The weights {name} hold NaN or infinity.", "Train or export the model again.")


def _split_gemms(products: Products) -> None:
    """A linear layer over a matrix is exported as ``Gemm``: make it the product and the sum that all others are."""
    graph = products.model.graph
    linear = [node for node in graph.node if _is_linear(node, products.weights)]
    producers = {name: node for node in graph.node for name in node.output}
    products.heads |= {layer_name(node.input[1]) for node in linear if _reads_texts(node, producers)}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes += _product_and_sum(node, products.weights) if _is_linear(node, products.weights) else [node]
    del graph.node[:]
    graph.node.extend(nodes)
    products.drop_unused()


def _reads_texts(gemm: onnx.NodeProto, producers: Mapping[str, onnx.NodeProto]) -> bool:
    """Whether the rows of a layer's matrix are texts: something picks them, and no ``Reshape`` makes them of tokens."""
    waiting, seen = [gemm.input[0]], set[str]()
    while waiting:
        name = waiting.pop()
        node = producers.get(name)
        if node is None or name in seen or node.op_type in _PICKS or node.op_type.startswith("Reduce"):
            continue
        if node.op_type in _FLATTENS:
            return False
        seen.add(name)
        waiting += node.input
    return True


def _gemm_attributes(node: onnx.NodeProto) -> dict[str, Any]:
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0} | given


def _is_linear(node: onnx.NodeProto, weights: Collection[str]) -> bool:
    if node.op_type != "Gemm" or len(node.input) != 3 or node.input[1] not in weights:
        return False
    return _gemm_attributes(node) | {"transB": 1} == {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}


def _product_and_sum(node: onnx.NodeProto, weights: dict[str, NDArray[Any]]) -> list[onnx.NodeProto]:
    values, weight, bias = node.input
    product = f"{node.output[0]}_product"
    if _gemm_attributes(node)["transB"]:
        weights[f"{weight}.T"] = weights[weight].T
        weight = f"{weight}.T"
    return [
        helper.make_node("MatMul", [values, weight], [product], f"{node.name}_MatMul"),
        helper.make_node("Add", [product, bias], list(node.output), f"{node.name}_Add"),
    ]
