"""The weights of an OpenVINO graph in fewer bits: 8 or 4 through NNCF, tables as INT8 rows, FP16 by hand."""

from collections.abc import Collection
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Final

import numpy as np

from leanglot.compress.embedding_rows import quantize_rows
from leanglot.compress.nncf import quiet_nncf
from leanglot.errors import RecipeError
from leanglot.models.openvino_graph import module_of
from leanglot.techniques import HalfPrecision, WeightOnly
from leanglot.techniques.patterns import kept, matches

if TYPE_CHECKING:
    from openvino import Model, Node

_LINEAR: Final = "MatMul"
_LOOKUP: Final = "Gather"
_FP16_MAX: Final = float(np.finfo(np.float16).max)


@dataclass(frozen=True, slots=True)
class Weight:
    """A matrix of weights.

    Attributes:
        module: The PyTorch module it belongs to.
        operator: The graph's operator that uses it.
        width: Its size along the dimension that a product sums over, or of one row of a table.
    """

    module: str
    operator: "Node"
    width: int

    @property
    def is_table(self) -> bool:
        """Whether rows of it are looked up."""
        return str(self.operator.get_type_name()) == _LOOKUP


@dataclass(frozen=True, slots=True)
class Plan:
    """Who does what.

    Attributes:
        layers: Linear layers that NNCF quantizes.
        tables: Modules whose tables are stored as INT8 rows.
        ignored: Names of the operators that NNCF leaves alone.
    """

    layers: tuple[Weight, ...]
    tables: frozenset[str]
    ignored: list[str]


def to_low_bit_weights(graph: "Model", config: WeightOnly, openvino: ModuleType) -> "Model":
    """Weights in 8 or 4 bits, which the runtime widens before it multiplies; tables as INT8 rows.

    Args:
        graph: May be changed.
        config: How many bits, and what stays.
        openvino: The library.

    Returns:
        The new graph.

    Raises:
        RecipeError: Nothing is left to quantize, or blocks do not divide a layer's inputs.
        MissingExtraError: NNCF is not installed.
    """
    plan = plan_weights(graph, embeddings=config.embeddings, keep=config.keep)
    if config.bits == 4:
        _check_blocks(plan.layers, config.block)
    kind = "SYM" if config.symmetric else "ASYM"
    if plan.layers:
        with quiet_nncf() as nncf:
            backup = getattr(nncf.BackupMode, f"INT8_{kind}")
            in_blocks = {"group_size": config.block, "ratio": 1.0, "backup_mode": backup}
            graph = nncf.compress_weights(
                graph,
                mode=getattr(nncf.CompressWeightsMode, f"INT{config.bits}_{kind}"),
                ignored_scope=nncf.IgnoredScope(names=plan.ignored),
                **(in_blocks if config.bits == 4 else {}),
            )
    store_as_rows(graph, plan.tables, openvino)
    return graph


def _check_blocks(layers: Collection[Weight], block: int) -> None:
    uneven = [layer for layer in layers if layer.width % block]
    if uneven:
        fitting = [size for size in (32, 64, 128) if all(layer.width % size == 0 for layer in uneven)]
        change = f"Set block: {' or '.join(map(str, fitting))}, or keep" if fitting else "Keep"
        raise RecipeError(
            f"Blocks of {block} do not divide the {uneven[0].width} inputs of {uneven[0].module}"
            + (f" and {len(uneven) - 1} more." if len(uneven) > 1 else "."),
            f"{change} these layers in FP32.",
        )


def store_as_rows(graph: "Model", tables: Collection[str], openvino: ModuleType) -> None:
    """Have the graph look up INT8 rows and their scales in place of the rows of these modules' tables.

    NNCF would leave the lookup behind the widening of the table, which the plugin then does for all of it when it loads
    a graph with quantized activations: the table would take more memory than in FP32.
    """
    ops = openvino.opset13
    for table in [weight for weight in _weights_of(graph) if weight.module in tables]:
        constant, ids, axis = (table.operator.input_value(port) for port in range(3))
        name = constant.get_node().get_friendly_name()
        rows, scales = quantize_rows(constant.get_node().get_data())
        looked_up = ops.gather(ops.constant(rows, name=name), ids, axis)
        scale = ops.gather(ops.constant(scales, name=f"{name}/scale"), ids, axis)
        row = ops.multiply(ops.convert(looked_up, "f32"), scale, name=table.operator.get_friendly_name())
        table.operator.output(0).replace(row.output(0))


def to_half(graph: "Model", config: HalfPrecision, openvino: ModuleType) -> None:
    """Store every weight, bias and scale of a graph in FP16, widened when the graph is loaded or used.

    Raises:
        RecipeError: Another type is asked for, a weight does not fit into FP16, or nothing is left to store in it.
    """
    if config.dtype != "fp16":
        raise RecipeError(f"OpenVINO stores no {config.dtype} weights.", "Set dtype: fp16, or runtime: pytorch.")
    constants = {constant: _user_of(constant) for constant in _float_constants(graph)}
    modules = {constant: module_of(user.get_friendly_name()) for constant, user in constants.items()}
    if not modules:
        raise RecipeError("The graph has no weights to store in FP16.")
    stay = leaving_some(set(modules.values()), config.keep)
    for constant, module in modules.items():
        if module not in stay:
            _narrow(constant, module, openvino)


def _narrow(constant: "Node", module: str, openvino: ModuleType) -> None:
    values = constant.get_data()
    if np.abs(values).max() > _FP16_MAX:
        raise RecipeError(
            f"Weights of {module} lie beyond FP16's largest number, {_FP16_MAX:.0f}.", f"Add to keep: {module}"
        )
    name = constant.get_friendly_name()
    stored = openvino.op.Constant(values.astype(np.float16))
    stored.set_friendly_name(f"{name}_compressed")
    widened = openvino.opset13.convert(stored, "f32", name=name)
    constant.output(0).replace(widened.output(0))


def plan_weights(graph: "Model", *, embeddings: bool, keep: Collection[str]) -> Plan:
    """Share the graph out.

    Raises:
        RecipeError: Nothing is left to quantize, or a pattern means nothing.
    """
    weights = _weights_of(graph)
    meant = {weight.module for weight in weights if embeddings or not weight.is_table}
    if not meant:
        raise RecipeError("The graph has no matrix product with constant weights to quantize.")
    left = meant - leaving_some(meant, keep)
    # All of a kept module, so that its products of activations stay in FP32 too.
    within = [op for op in graph.get_ops() if matches(module_of(op.get_friendly_name()), keep)]
    tables = [weight.operator for weight in weights if weight.is_table]
    ignored = {op.get_friendly_name() for op in (*tables, *within) if op.get_type_name() != "Constant"}
    return Plan(
        layers=tuple(weight for weight in weights if weight.module in left and not weight.is_table),
        tables=frozenset(weight.module for weight in weights if weight.module in left and weight.is_table),
        ignored=sorted(ignored),
    )


def leaving_some(modules: set[str], keep: Collection[str]) -> set[str]:
    """The modules that are kept, when these are not all.

    Raises:
        RecipeError: They are all, or a pattern means none.
    """
    stay = kept(modules, keep)
    if stay == modules:
        raise RecipeError("keep names every layer, so that nothing is left to quantize.", "Leave some of it out.")
    return stay


def _weights_of(graph: "Model") -> list[Weight]:
    """The weight matrices that a graph multiplies with or looks rows up in."""
    found = []
    for constant in _float_constants(graph):
        user, shape = _user_of(constant), constant.get_output_shape(0)
        if user.get_type_name() in {_LINEAR, _LOOKUP} and len(shape) == 2:
            found.append(Weight(module_of(user.get_friendly_name()), user, shape[-1]))
    return found


def _float_constants(graph: "Model") -> list["Node"]:
    """The FP32 constants that are no mere numbers."""
    constants = [op for op in graph.get_ordered_ops() if op.get_type_name() == "Constant"]
    return [op for op in constants if op.get_element_type().get_type_name() == "f32" and np.prod(op.shape) > 1]


def _user_of(constant: "Node") -> "Node":
    (first, *_) = constant.output(0).get_target_inputs()
    return first.get_node()
