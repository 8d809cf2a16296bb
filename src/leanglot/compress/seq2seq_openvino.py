"""Quantization of an exported translation model's OpenVINO graphs: 8 or 4 bits, or FP16, for the weights alone."""

from collections.abc import Collection
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from leanglot.compress.embedding_rows import quantize_rows
from leanglot.compress.openvino_weights import leaving_some, plan_weights, to_half, to_low_bit_weights
from leanglot.models.openvino_graph import module_of
from leanglot.runtimes.openvino import import_openvino
from leanglot.runtimes.openvino_seq2seq import DECODER_GRAPH, ENCODER_GRAPH
from leanglot.techniques import HalfPrecision, WeightOnly
from leanglot.techniques.patterns import kept, matches

if TYPE_CHECKING:
    from openvino import Model, Node

_PROJECTION: Final = "lm_head"
_GRAPHS: Final = (ENCODER_GRAPH, DECODER_GRAPH)


def quantize_seq2seq_openvino(source: Path, target: Path, step: WeightOnly | HalfPrecision) -> None:
    """Quantize the graphs of one folder into another.

    Linear layers get 8 bits, or 4 in blocks, through NNCF, as in a classifier. The output projection always becomes
    INT8 with a scale per row. With ``embeddings`` the table of words is stored so too, and where both are one table
    the decoder's file holds it once; without, the table stays in FP32 beside the projection's rows.

    Args:
        source: Folder with both graphs, from `export_seq2seq_openvino`; left as it is.
        target: Existing folder for the quantized ones.
        step: What to do.

    Raises:
        RecipeError: ``keep`` names no layer or all of them, or blocks do not divide a layer's inputs.
        MissingExtraError: OpenVINO or NNCF is not installed.
    """
    openvino = import_openvino()
    graphs = {name: openvino.Core().read_model(str(source / name)) for name in _GRAPHS}
    shared = set().union(*(_part_from_projection(graph, openvino) for graph in graphs.values()))
    modules = {name: _modules(graph) for name, graph in graphs.items()}
    leaving_some(set().union(*modules.values()), step.keep)
    for name, graph in graphs.items():
        keep = tuple(pattern for pattern in step.keep if any(matches(module, [pattern]) for module in modules[name]))
        own, made = step.model_copy(update={"keep": keep}), graph
        if kept(modules[name], keep) != modules[name]:
            if isinstance(own, HalfPrecision):
                to_half(graph, own, openvino)
            else:
                made = _narrowed(graph, own, modules[name], shared, openvino)
        openvino.save_model(made, str(target / name), compress_to_fp16=False)


def _part_from_projection(graph: "Model", openvino: ModuleType) -> set[str]:
    """Give the output projection a copy of the table that it shares with lookups, so that each has a name of its own.

    Equal copies are stored once.

    Returns:
        The names of these lookups.
    """
    found = set[str]()
    for product in _projections(graph):
        table = product.input_value(1).get_node()
        users = [port.get_node() for port in table.output(0).get_target_inputs()]
        lookups = {str(user.get_friendly_name()) for user in users if user.get_type_name() == "Gather"}
        if lookups:
            copied = openvino.opset13.constant(table.get_data(), name=f"{_PROJECTION}.weight")
            product.input(1).replace_source_output(copied.output(0))
        found |= lookups
    return found


def _modules(graph: "Model") -> frozenset[str]:
    """The modules of the weights that a graph multiplies with or looks up."""
    plan = plan_weights(graph, embeddings=True, keep=())
    return frozenset({weight.module for weight in plan.layers} | plan.tables)


def _narrowed(
    graph: "Model", step: WeightOnly, modules: Collection[str], shared: Collection[str], openvino: ModuleType
) -> "Model":
    """A graph with fewer bits in all weights that are not kept; the projection's rows come last."""
    by_rows = bool(_projections(graph)) and not matches(_PROJECTION, step.keep)
    lookups = [name for name in shared if by_rows and step.embeddings and not matches(module_of(name), step.keep)]
    later = {*map(module_of, lookups), *((_PROJECTION,) if by_rows else ())}
    others = step.model_copy(update={"keep": (*step.keep, *sorted(later))})
    if kept(modules, others.keep) != set(modules):
        graph = to_low_bit_weights(graph, others, openvino)
    if by_rows:
        _use_rows(graph, lookups, openvino)
    return graph


def _use_rows(graph: "Model", lookups: Collection[str], openvino: ModuleType) -> None:
    """Have the output projection multiply with INT8 rows, and some lookups read them too.

    A row is widened where it is multiplied, or after it was looked up: NNCF would put the lookup behind the widening of
    the whole table, in each step of the decoder.
    """
    ops = openvino.opset13
    for product in _projections(graph):
        table = product.input_value(1).get_node()
        rows, scales = map(ops.constant, quantize_rows(table.get_data()))
        rows.set_friendly_name(table.get_friendly_name())
        scales.set_friendly_name(f"{table.get_friendly_name()}/scale")
        product.input(1).replace_source_output(ops.multiply(ops.convert(rows, "f32"), scales).output(0))
        for lookup in [op for op in graph.get_ops() if op.get_friendly_name() in lookups]:
            ids, axis = lookup.input_value(1), lookup.input_value(2)
            found = ops.multiply(ops.convert(ops.gather(rows, ids, axis), "f32"), ops.gather(scales, ids, axis))
            found.set_friendly_name(lookup.get_friendly_name())
            lookup.output(0).replace(found.output(0))


def _projections(graph: "Model") -> list["Node"]:
    """The operators that multiply with the rows of the output projection: one in a decoder, none in an encoder."""
    return [op for op in graph.get_ops() if _is_projection(op)]


def _is_projection(op: "Node") -> bool:
    """Whether an operator multiplies with the rows of the output projection."""
    return (
        op.get_type_name() == "MatMul"
        and module_of(op.get_friendly_name()) == _PROJECTION
        and op.input_value(1).get_node().get_type_name() == "Constant"
        and bool(op.get_attributes()["transpose_b"])
    )
