import pytest
from pydantic import TypeAdapter, ValidationError

from leanglot.techniques import Calibration, HalfPrecision, Int8, Recipe, WeightOnly

RECIPE = TypeAdapter(Recipe)


@pytest.mark.parametrize(
    "step",
    [
        Int8(keep=("embeddings",), weights="unsigned"),
        Int8(activations="static", calibration=Calibration(balance="traffic", traffic={"de": 0.7, "th": 0.3})),
        WeightOnly(bits=8, block=128, symmetric=False),
        HalfPrecision(dtype="bf16", keep=("classifier",)),
    ],
)
def test_a_step_comes_back_from_json_as_it_was(step):
    assert RECIPE.validate_json(RECIPE.dump_json((step,))) == (step,)


def test_steps_written_before_there_were_options_still_read():
    old = '[{"technique":"int8","activations":"dynamic","embeddings":true,"per_channel":true,"reduce_range":false}]'
    assert RECIPE.validate_json(old) == (Int8(embeddings=True, reduce_range=False),)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"technique": "weight-only", "bits": 3}, "8 or 4"),
        ({"technique": "weight-only", "block": 16}, "32, 64 or 128"),
        ({"technique": "half", "dtype": "fp8"}, "'fp16' or 'bf16'"),
        ({"technique": "int8", "calibration": {}}, "dynamic activations need no calibration"),
        ({"technique": "int8", "keep": ["."]}, "an empty pattern names no layer"),
        ({"technique": "int8", "activations": "static", "calibration": {"percentile": 40}}, "greater than 50"),
        ({"technique": "int8", "activations": "static", "calibration": {"balance": "traffic"}}, "need each other"),
        ({"technique": "int8", "activations": "static", "calibration": {"traffic": {"de": 1}}}, "need each other"),
        ({"technique": "int8", "activations": "static", "calibration": {"languages": []}}, "at least 1"),
        ({"technique": "int8", "activations": "static", "calibration": {"memory_mb": 0}}, "greater than or equal to 1"),
    ],
)
def test_wrong_values_say_what_is_allowed(values, fault):
    with pytest.raises(ValidationError, match=fault):
        RECIPE.validate_python([values])
