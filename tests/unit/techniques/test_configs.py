import pytest
from pydantic import TypeAdapter, ValidationError

from leanglot.techniques import (
    Calibration,
    FfnPruning,
    HalfPrecision,
    HeadPruning,
    Importance,
    Int8,
    LayerPruning,
    MagnitudePruning,
    Recipe,
    TrimVocabulary,
    WeightOnly,
)

RECIPE = TypeAdapter(Recipe)


@pytest.mark.parametrize(
    "step",
    [
        Int8(keep=("embeddings",), weights="unsigned"),
        Int8(activations="static", calibration=Calibration(balance="traffic", traffic={"de": 0.7, "th": 0.3})),
        WeightOnly(bits=8, block=128, symmetric=False),
        HalfPrecision(dtype="bf16", keep=("classifier",)),
        MagnitudePruning(pattern="2:4"),
        HeadPruning(remove={0: (1, 3), 11: (0,)}),
        HeadPruning(sparsity=0.25, importance=Importance(combine="traffic", traffic={"de": 0.7, "th": 0.3})),
        FfnPruning(sparsity=0.5, scope="layer", multiple=1),
        LayerPruning(remove=(1, 3)),
        TrimVocabulary(languages=("de", "th"), coverage=0.999, neighbours=True),
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
        ({"technique": "magnitude", "sparsity": 1}, "less than 1"),
        ({"technique": "magnitude", "sparsity": -0.1}, "greater than or equal to 0"),
        ({"technique": "magnitude"}, "give either sparsity"),
        ({"technique": "magnitude", "sparsity": 0.5, "pattern": "2:4"}, "give either sparsity"),
        ({"technique": "magnitude", "pattern": "4:2"}, "no N:M pattern"),
        ({"technique": "magnitude", "pattern": "half"}, "no N:M pattern"),
        ({"technique": "heads", "sparsity": 1.0}, "less than 1"),
        ({"technique": "heads"}, "give either sparsity"),
        ({"technique": "heads", "remove": {}}, "at least 1"),
        ({"technique": "heads", "remove": {"0": [-1]}}, "greater than or equal to 0"),
        ({"technique": "heads", "sparsity": 0.5, "importance": {"combine": "traffic"}}, "need each other"),
        ({"technique": "heads", "sparsity": 0.5, "importance": {"traffic": {"de": 1}}}, "need each other"),
        ({"technique": "ffn", "sparsity": 2}, "less than 1"),
        ({"technique": "ffn", "sparsity": 0.5, "multiple": 0}, "greater than or equal to 1"),
        ({"technique": "layers"}, "give either sparsity"),
        ({"technique": "layers", "sparsity": 0.5, "remove": [1]}, "give either sparsity"),
        ({"technique": "trim-vocabulary", "coverage": 0}, "greater than 0"),
        ({"technique": "trim-vocabulary", "languages": []}, "at least 1"),
    ],
)
def test_wrong_values_say_what_is_allowed(values, fault):
    with pytest.raises(ValidationError, match=fault):
        RECIPE.validate_python([values])


def test_the_target_of_a_pattern_is_its_share_of_zeros():
    assert MagnitudePruning(pattern="2:4").target == 0.5
    assert MagnitudePruning(pattern="1:8").kept_of == (1, 8)
    assert MagnitudePruning(sparsity=0.3).target == 0.3
    assert MagnitudePruning(sparsity=0.3).kept_of is None
