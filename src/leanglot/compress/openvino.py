"""Quantization of an exported OpenVINO graph: INT8 and weight-only through NNCF; INT8 rows and FP16 by hand."""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leanglot.compress.embedding_rows import quantize_rows
from leanglot.errors import RecipeError
from leanglot.extras import require
from leanglot.models.openvino_graph import GRAPH_NAME, module_of
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.openvino import EXTRA, import_openvino, without_telemetry
from leanglot.techniques import Calibration, HalfPrecision, Int8, PostTraining, WeightOnly
from leanglot.techniques.patterns import kept, matches

if TYPE_CHECKING:
    from openvino import Model, Node

_LINEAR: Final = "MatMul"
_LOOKUP: Final = "Gather"
_FP16_MAX: Final = float(np.finfo(np.float16).max)


@dataclass(frozen=True, slots=True)
class _Weight:
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
        return str(self.operator.get_type_name()) == _LOOKUP


@dataclass(frozen=True, slots=True)
class _Plan:
    """Who does what.

    Attributes:
        layers: Linear layers that NNCF quantizes.
        tables: Modules whose tables are stored as INT8 rows.
        ignored: Names of the operators that NNCF leaves alone.
    """

    layers: tuple[_Weight, ...]
    tables: frozenset[str]
    ignored: list[str]


def quantize(
    source: Path, target: Path, config: PostTraining, rows: Sequence[TokenIds] | None = None, pad_id: int = 0
) -> Path:
    """Quantize the graph of one folder into another.

    Static INT8 is NNCF's post-training quantization for transformers, with its smoothing and bias correction.
    Weight-only 4 bits go in blocks along the input dimension, but the last layer's weights get 8 bits. NNCF's 8 bits
    have one scale per output channel, whatever `WeightOnly.block` says. Embedding tables become symmetric INT8 rows.

    Args:
        source: Folder with ``model.xml``, as exported in FP32; left as it is.
        target: Another existing folder, for the quantized graph.
        config: What to do. Where ``reduce_range`` is undecided, weights get the 7 bits that saturate nowhere.
        rows: Token ids of the calibration texts, each of shape (length,); only static INT8 uses them. They go through
            the model one by one, so that no padding enters the ranges.
        pad_id: Token id of the padding, which is therefore not needed here; one signature for all engines.

    Returns:
        The new graph's path.

    Raises:
        RecipeError: OpenVINO lacks the option, calibration texts are missing, ``keep`` names nothing, or the graph has
            nothing to quantize.
        MissingExtraError: OpenVINO or NNCF is not installed.
    """
    del pad_id
    openvino = import_openvino()
    graph = openvino.Core().read_model(str(source / GRAPH_NAME))
    match config:
        case Int8():
            graph = _to_int8(graph, config, rows, openvino)
        case WeightOnly():
            graph = _to_low_bit_weights(graph, config, openvino)
        case HalfPrecision():
            _to_half(graph, config, openvino)
    path = target / GRAPH_NAME
    openvino.save_model(graph, str(path), compress_to_fp16=False)
    return path


def _to_int8(graph: "Model", config: Int8, rows: Sequence[TokenIds] | None, openvino: ModuleType) -> "Model":
    """Post-training quantization of weights and activations."""
    calibration = config.calibration or Calibration()
    _refuse(config, calibration)
    if not rows:
        raise RecipeError(
            "Static INT8 has no calibration data.", "Give texts to calibrate on, in the languages that will be used."
        )
    plan = _plan(graph, embeddings=config.embeddings, keep=config.keep)
    texts = [{"input_ids": row[None], "attention_mask": np.ones_like(row[None])} for row in rows]
    if plan.layers:
        with _quiet_nncf() as nncf:
            graph = nncf.quantize(
                graph,
                nncf.Dataset(texts),
                model_type=nncf.ModelType.TRANSFORMER,
                subset_size=len(texts),
                ignored_scope=nncf.IgnoredScope(names=plan.ignored),
                advanced_parameters=_parameters(config, calibration),
            )
    _store_as_rows(graph, plan.tables, openvino)
    return graph


def _refuse(config: Int8, calibration: Calibration) -> None:
    """Raise for what NNCF's post-training quantization lacks."""
    if config.activations != "static":
        raise RecipeError(
            "OpenVINO has no INT8 with dynamic activations.", "Set activations: static, or runtime: onnxruntime."
        )
    if config.weights != "signed":
        raise RecipeError(
            "OpenVINO has no INT8 with unsigned weights.", "Set weights: signed, or runtime: onnxruntime."
        )
    if calibration.method == "entropy":
        raise RecipeError(
            "OpenVINO's calibration has no method entropy.",
            "Allowed are minmax and percentile, or runtime: onnxruntime.",
        )


def _parameters(config: Int8, calibration: Calibration) -> object:
    """NNCF's finer settings: how activation ranges are found, and the form of the weights."""
    advanced = _nncf("nncf.quantization.advanced_parameters")
    ranges = _nncf("nncf.quantization.range_estimator")
    if calibration.method == "minmax":
        estimator = ranges.RangeEstimatorParametersSet.MINMAX
    else:
        # The mean over the texts of each text's own percentiles: what lies outside, half of it on either side.
        bound = ranges.StatisticsCollectorParameters(
            statistics_type=ranges.StatisticsType.QUANTILE,
            aggregator_type=ranges.AggregatorType.MEAN,
            quantile_outlier_prob=(100 - calibration.percentile) / 200,
        )
        estimator = ranges.RangeEstimatorParameters(min=bound, max=bound)
    return advanced.AdvancedQuantizationParameters(
        # Undecided takes what is right on every machine.
        overflow_fix=advanced.OverflowFix.DISABLE if config.reduce_range is False else advanced.OverflowFix.ENABLE,
        weights_quantization_params=advanced.QuantizationParameters(per_channel=config.per_channel),
        activations_range_estimator_params=estimator,
    )


def _to_low_bit_weights(graph: "Model", config: WeightOnly, openvino: ModuleType) -> "Model":
    """Weights in 8 or 4 bits, which the runtime widens before it multiplies."""
    plan = _plan(graph, embeddings=config.embeddings, keep=config.keep)
    if config.bits == 4:
        _check_blocks(plan.layers, config.block)
    kind = "SYM" if config.symmetric else "ASYM"
    if plan.layers:
        with _quiet_nncf() as nncf:
            backup = getattr(nncf.BackupMode, f"INT8_{kind}")
            in_blocks = {"group_size": config.block, "ratio": 1.0, "backup_mode": backup}
            graph = nncf.compress_weights(
                graph,
                mode=getattr(nncf.CompressWeightsMode, f"INT{config.bits}_{kind}"),
                ignored_scope=nncf.IgnoredScope(names=plan.ignored),
                **(in_blocks if config.bits == 4 else {}),
            )
    _store_as_rows(graph, plan.tables, openvino)
    return graph


def _check_blocks(layers: Collection[_Weight], block: int) -> None:
    uneven = [layer for layer in layers if layer.width % block]
    if uneven:
        fitting = [size for size in (32, 64, 128) if all(layer.width % size == 0 for layer in uneven)]
        change = f"Set block: {' or '.join(map(str, fitting))}, or keep" if fitting else "Keep"
        raise RecipeError(
            f"Blocks of {block} do not divide the {uneven[0].width} inputs of {uneven[0].module}"
            + (f" and {len(uneven) - 1} more." if len(uneven) > 1 else "."),
            f"{change} these layers in FP32.",
        )


def _store_as_rows(graph: "Model", tables: Collection[str], openvino: ModuleType) -> None:
    """Have the graph look up INT8 rows and their scales in place of the rows of these modules' tables.

    NNCF would leave the lookup behind the widening of the table, which the plugin then does for all of it when it loads
    a graph with quantized activations: the table would take more memory than in FP32.
    """
    ops = openvino.opset13
    for table in [weight for weight in _weights(graph) if weight.module in tables]:
        constant, ids, axis = (table.operator.input_value(port) for port in range(3))
        name = constant.get_node().get_friendly_name()
        rows, scales = quantize_rows(constant.get_node().get_data())
        looked_up = ops.gather(ops.constant(rows, name=name), ids, axis)
        scale = ops.gather(ops.constant(scales, name=f"{name}/scale"), ids, axis)
        row = ops.multiply(ops.convert(looked_up, "f32"), scale, name=table.operator.get_friendly_name())
        table.operator.output(0).replace(row.output(0))


def _to_half(graph: "Model", config: HalfPrecision, openvino: ModuleType) -> None:
    """Every weight, bias and scale in FP16, widened when the graph is loaded or used."""
    if config.dtype != "fp16":
        raise RecipeError(f"OpenVINO stores no {config.dtype} weights.", "Set dtype: fp16, or runtime: pytorch.")
    constants = {constant: _user(constant) for constant in _float_constants(graph)}
    modules = {constant: module_of(user.get_friendly_name()) for constant, user in constants.items()}
    if not modules:
        raise RecipeError("The graph has no weights to store in FP16.")
    stay = _leaving_some(set(modules.values()), config.keep)
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


def _plan(graph: "Model", *, embeddings: bool, keep: Collection[str]) -> _Plan:
    """Share the graph out.

    Raises:
        RecipeError: Nothing is left to quantize, or a pattern means nothing.
    """
    weights = _weights(graph)
    meant = {weight.module for weight in weights if embeddings or not weight.is_table}
    if not meant:
        raise RecipeError("The graph has no matrix product with constant weights to quantize.")
    left = meant - _leaving_some(meant, keep)
    # All of a kept module, so that its products of activations stay in FP32 too.
    within = [op for op in graph.get_ops() if matches(module_of(op.get_friendly_name()), keep)]
    tables = [weight.operator for weight in weights if weight.is_table]
    ignored = {op.get_friendly_name() for op in (*tables, *within) if op.get_type_name() != "Constant"}
    return _Plan(
        layers=tuple(weight for weight in weights if weight.module in left and not weight.is_table),
        tables=frozenset(weight.module for weight in weights if weight.module in left and weight.is_table),
        ignored=sorted(ignored),
    )


def _leaving_some(modules: set[str], keep: Collection[str]) -> set[str]:
    """The modules that are kept, when these are not all."""
    stay = kept(modules, keep)
    if stay == modules:
        raise RecipeError("keep names every layer, so that nothing is left to quantize.", "Leave some of it out.")
    return stay


def _weights(graph: "Model") -> list[_Weight]:
    """The weight matrices that a graph multiplies with or looks rows up in."""
    found = []
    for constant in _float_constants(graph):
        user, shape = _user(constant), constant.get_output_shape(0)
        if user.get_type_name() in {_LINEAR, _LOOKUP} and len(shape) == 2:
            found.append(_Weight(module_of(user.get_friendly_name()), user, shape[-1]))
    return found


def _float_constants(graph: "Model") -> list["Node"]:
    """The FP32 constants that are no mere numbers."""
    constants = [op for op in graph.get_ordered_ops() if op.get_type_name() == "Constant"]
    return [op for op in constants if op.get_element_type().get_type_name() == "f32" and np.prod(op.shape) > 1]


def _user(constant: "Node") -> "Node":
    (first, *_) = constant.output(0).get_target_inputs()
    return first.get_node()


def _nncf(module: str = "nncf") -> Any:  # noqa: ANN401 - NNCF's functions and classes, found at run time
    with without_telemetry():
        return require(module, EXTRA)


@contextmanager
def _quiet_nncf() -> Iterator[Any]:
    """NNCF without its progress bars and tables, which it writes to the terminal itself."""
    nncf = _nncf()
    tracking = _nncf("nncf.common.logging.track_progress")
    logger = logging.getLogger("nncf")
    level, shown = logger.level, tracking.track.__init__

    def hidden(self: object, *args: object, **kwargs: object) -> None:
        shown(self, *args, **{**kwargs, "disable": True})

    logger.setLevel(logging.ERROR)
    tracking.track.__init__ = hidden
    try:
        yield nncf
    finally:
        tracking.track.__init__ = shown
        logger.setLevel(level)
