from typing import get_args

import pytest

from leanglot.errors import ConfigError
from leanglot.techniques import (
    Calibration,
    FfnPruning,
    HalfPrecision,
    HeadPruning,
    Int8,
    LayerPruning,
    MagnitudePruning,
    Runtime,
    TrimVocabulary,
    WeightOnly,
)
from leanglot.techniques.support import known_runtime, learns_from_texts, recipe_fault, runtimes_of

STATIC = Int8(activations="static")
ON_THE_MODEL = [
    MagnitudePruning(sparsity=0.5),
    HeadPruning(sparsity=0.5),
    FfnPruning(sparsity=0.5),
    LayerPruning(sparsity=0.5),
    TrimVocabulary(),
]
STEPS = [Int8(), STATIC, WeightOnly(), HalfPrecision(), HalfPrecision(dtype="bf16"), *ON_THE_MODEL]


@pytest.mark.parametrize("step", STEPS, ids=repr)
def test_each_step_runs_where_it_says_and_nowhere_else(step):
    for runtime in get_args(Runtime):
        fault = recipe_fault((step,), runtime)
        assert (fault is None) == (runtime in runtimes_of(step))
        if fault is not None:
            assert all(able in fault for able in runtimes_of(step) if able != "ctranslate2")
            assert f"not on {runtime}" in fault


def test_a_scheme_that_the_engine_cannot_do_says_which_can():
    fault = recipe_fault((MagnitudePruning(sparsity=0.1), HalfPrecision(dtype="bf16")), "onnxruntime")
    assert fault == "half precision bf16 runs on pytorch, not on onnxruntime"
    assert recipe_fault((Int8(weights="unsigned"),), "pytorch") == (
        "int8 with unsigned weights runs on onnxruntime, not on pytorch"
    )


def test_openvino_calibrates_by_extremes_and_percentiles():
    for method, possible in (("minmax", True), ("percentile", True), ("entropy", False)):
        step = Int8(activations="static", calibration=Calibration(method=method))
        assert (recipe_fault((step,), "openvino") is None) == possible
        assert recipe_fault((step,), "onnxruntime") is None


@pytest.mark.parametrize("after", [MagnitudePruning(sparsity=0.5), Int8(), WeightOnly()])
def test_nothing_follows_a_quantization(after):
    assert "weight-only must be the last step, once" in str(recipe_fault((WeightOnly(), after), "onnxruntime"))
    assert recipe_fault((MagnitudePruning(sparsity=0.5), WeightOnly()), "onnxruntime") is None


def test_engines_by_name():
    assert known_runtime("openvino") == "openvino"
    with pytest.raises(ConfigError, match="--runtime tensorrt is not known") as caught:
        known_runtime("tensorrt")
    assert "pytorch, onnxruntime, openvino" in str(caught.value)


@pytest.mark.parametrize("step", ON_THE_MODEL, ids=repr)
def test_steps_on_the_model_come_before_the_quantization_in_any_order(step):
    assert recipe_fault((step, *ON_THE_MODEL, Int8()), "onnxruntime") is None
    assert "must be the last step" in str(recipe_fault((Int8(), step), "onnxruntime"))


@pytest.mark.parametrize(
    ("step", "learns"),
    [
        (STATIC, True),
        (Int8(), False),
        (HeadPruning(sparsity=0.5), True),
        (HeadPruning(remove={0: (0,)}), False),
        (FfnPruning(sparsity=0.5), True),
        (LayerPruning(sparsity=0.5), True),
        (LayerPruning(remove=(0,)), False),
        (MagnitudePruning(sparsity=0.5), False),
        (TrimVocabulary(), False),
    ],
    ids=repr,
)
def test_what_takes_ranges_or_importance_from_texts(step, learns):
    assert learns_from_texts(step) is learns
