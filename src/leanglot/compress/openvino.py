"""Quantization of an exported OpenVINO graph: static INT8 through NNCF, or its weights alone."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from leanglot.compress.nncf import nncf_module, quiet_nncf
from leanglot.compress.openvino_weights import plan_weights, store_as_rows, to_half, to_low_bit_weights
from leanglot.errors import RecipeError
from leanglot.models.openvino_graph import GRAPH_NAME
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.openvino import import_openvino
from leanglot.techniques import Calibration, HalfPrecision, Int8, PostTraining, WeightOnly

if TYPE_CHECKING:
    from openvino import Model


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
            graph = to_low_bit_weights(graph, config, openvino)
        case HalfPrecision():
            to_half(graph, config, openvino)
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
    plan = plan_weights(graph, embeddings=config.embeddings, keep=config.keep)
    texts = [{"input_ids": row[None], "attention_mask": np.ones_like(row[None])} for row in rows]
    if plan.layers:
        with quiet_nncf() as nncf:
            graph = nncf.quantize(
                graph,
                nncf.Dataset(texts),
                model_type=nncf.ModelType.TRANSFORMER,
                subset_size=len(texts),
                ignored_scope=nncf.IgnoredScope(names=plan.ignored),
                advanced_parameters=_parameters(config, calibration),
            )
    store_as_rows(graph, plan.tables, openvino)
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
    advanced = nncf_module("nncf.quantization.advanced_parameters")
    ranges = nncf_module("nncf.quantization.range_estimator")
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
