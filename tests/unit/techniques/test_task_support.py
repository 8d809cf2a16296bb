"""Which steps suit translation models, and on which engines."""

from typing import get_args

import pytest

from leanglot.techniques import (
    Distillation,
    HalfPrecision,
    Int8,
    LayerPruning,
    MagnitudePruning,
    MixedInt8,
    QuantizationAware,
    Runtime,
    SequenceDistillation,
    SideLayers,
    WeightOnly,
)
from leanglot.techniques.support import runtimes_of, task_fault

ABLE = [
    (Int8(), ["onnxruntime", "ctranslate2"]),
    (HalfPrecision(), ["ctranslate2", "openvino"]),
    (HalfPrecision(dtype="bf16"), ["ctranslate2"]),
    (MixedInt8(), ["ctranslate2"]),
    (SideLayers(decoder=2), list(get_args(Runtime))),
    (SequenceDistillation(decoder=2), list(get_args(Runtime))),
    (MagnitudePruning(sparsity=0.3), list(get_args(Runtime))),
    (WeightOnly(), ["openvino"]),
    (Int8(activations="static"), []),
    (QuantizationAware(), []),
]


@pytest.mark.parametrize(("step", "able"), ABLE, ids=lambda value: getattr(value, "technique", ""))
@pytest.mark.parametrize("runtime", get_args(Runtime))
def test_translation_models_are_quantized_where_an_engine_can(step, able, runtime):
    fault = task_fault((step,), runtime, "translation")
    assert (fault is None) == (runtime in able)
    if fault is not None and able:
        assert f"not on {runtime}" in fault
        assert all(name in fault for name in able)


def test_what_no_engine_does_to_them_names_what_is_done_instead():
    assert "is for classifiers, not for translation models: use int8" in str(
        task_fault((Int8(activations="static"),), "onnxruntime", "translation")
    )


def test_the_best_engine_for_a_step_hangs_on_the_task():
    assert runtimes_of(HalfPrecision(), "translation") == ("ctranslate2", "openvino")
    assert runtimes_of(WeightOnly(), "translation") == ("openvino",)
    assert runtimes_of(WeightOnly())[0] == "onnxruntime"
    assert runtimes_of(SideLayers(decoder=2), "translation") == get_args(Runtime)
    assert runtimes_of(QuantizationAware(), "translation") == ("onnxruntime",)  # not for it, but known there


@pytest.mark.parametrize(
    ("step", "instead"),
    [(Distillation(), "use distil-sequence"), (LayerPruning(sparsity=0.5), "use side-layers")],
    ids=["distil", "layers"],
)
def test_steps_of_classifiers_name_their_counterpart(step, instead):
    assert instead in str(task_fault((step,), "onnxruntime", "translation"))


def test_the_first_fault_of_a_recipe_is_told():
    recipe = (SideLayers(decoder=1), WeightOnly())
    assert "weight-only" in str(task_fault(recipe, "onnxruntime", "translation"))
