"""Rows of a profile: every millisecond and every byte is counted once, for the right module and part."""

import numpy as np
import pytest

from leanglot.measure.profile_rows import (
    Executed,
    Holding,
    ModuleNames,
    TimedCall,
    adopted_share,
    fastest_calls,
    fp32_by_part,
    kind_of,
    module_of_weight,
    place_of,
    placed,
    rows_by_place,
    share_error,
    tally,
)

LAYER = "bert.encoder.layer.3"
NAMES = ModuleNames([f"{LAYER}.attention.self.query.weight.T_quantized", "bert.embeddings.LayerNorm.bias"])


def call(total, *executed):
    return TimedCall(total, tuple(Executed(kind, module, ms) for kind, module, ms in executed))


@pytest.mark.parametrize(
    ("operator", "module"),
    [
        ("/module/bert/encoder/layer.3/attention/self/query/MatMul", f"{LAYER}.attention.self.query"),
        ("/module/bert/encoder/layer.3/attention/self/MatMul/MatMulScaleFusion/", f"{LAYER}.attention.self"),
        ("/module/bert/encoder/layer.3/attention/self/Reshape_3_output_0_Attention_quant", f"{LAYER}.attention.self"),
        ("fused /module/bert/embeddings/LayerNorm/Gemm", "bert.embeddings.LayerNorm"),
        (f"{LAYER}.attention.self.query/aten::linear/MatMul", f"{LAYER}.attention.self.query"),
        ("bert/aten::arange/Range", "bert"),
        ("BiasGelu_token_103", ""),
        ("Gather_3", ""),
        ("", ""),
    ],
)
def test_the_module_of_an_operator_is_the_longest_known_one_in_its_name(operator, module):
    assert NAMES.of(operator) == module


@pytest.mark.parametrize(
    ("weight", "module"),
    [
        ("a.dense.weight", "a.dense"),
        ("a.dense.weight.T_quantized", "a.dense"),
        ("a.word_embeddings.weight_rows", "a.word_embeddings"),
        ("a.dense.bias", "a.dense"),
        ("a.weights_of.x", "a.weights_of.x"),
    ],
)
def test_the_module_of_a_weight_is_its_name_without_the_parameter(weight, module):
    assert module_of_weight(weight) == module


@pytest.mark.parametrize(
    ("module", "place", "kind"),
    [
        (f"{LAYER}.attention.self", "layer 3 attention", "bert.encoder.layer.*.attention.self"),
        ("distilbert.transformer.layer.11.ffn.lin1", "layer 11 ffn", "distilbert.transformer.layer.*.ffn.lin1"),
        ("h.0.mlp", "layer 0 ffn", "h.*.mlp"),
        ("bert.embeddings.LayerNorm", "embeddings", "bert.embeddings.LayerNorm"),
        ("bert.pooler.dense", "head", "bert.pooler.dense"),
        ("", "other", ""),
    ],
)
def test_places_and_kinds(module, place, kind):
    assert (place_of(module), kind_of(module)) == (place, kind)


def test_an_operator_whose_name_tells_nothing_belongs_where_the_one_before_does():
    found = placed(
        [
            Executed("Cast", "", 1.0, "Cast_0"),
            Executed("MatMul", "", 2.0, "/module/bert/encoder/layer.3/attention/self/query/MatMul"),
            Executed("Gelu", "", 3.0, "Gelu_1"),
        ],
        NAMES,
    )
    assert [each.module for each in found] == ["", f"{LAYER}.attention.self.query", f"{LAYER}.attention.self.query"]
    assert [each.adopted for each in found] == [False, False, True]
    assert adopted_share([TimedCall(12.0, found)]) == 3 / 12


def test_a_tally_sums_time_and_bytes_and_ranks_by_time():
    calls = [call(10, ("A", "x", 2), ("B", "y", 5), ("A", "x", 1)), call(20, ("A", "x", 9), ("B", "y", 5))]
    rows = tally(calls, lambda each: each.operator, {"B": 75, "C": 25}, 100)
    assert [(row.name, row.runs, row.time_ms, row.share, row.size_bytes, row.size_share) for row in rows] == [
        ("A", 1.5, 6.0, 12 / 30, 0, 0.0),
        ("B", 1.0, 5.0, 10 / 30, 75, 0.75),
        ("C", 0.0, 0.0, 0.0, 25, 0.25),
    ]
    assert calls[0].outside_ms == 2.0
    assert call(1, ("A", "x", 2)).outside_ms == 0.0


def test_without_weights_there_is_no_share_of_bytes():
    (row,) = tally([call(10, ("A", "x", 2))], lambda each: each.operator, {}, 0)
    assert row.size_share is None
    assert row.share_error is None


def test_the_error_of_a_share_covers_what_other_calls_would_give():
    rng = np.random.default_rng(5)
    shares, errors = [], []
    for _ in range(400):
        totals = rng.uniform(5, 15, 32)
        times = totals * rng.normal(0.4, 0.05, 32)
        shares.append(times.sum() / totals.sum())
        errors.append(share_error(times, totals))
    assert np.mean(errors) == pytest.approx(np.std(shares), rel=0.15)


def test_of_the_rounds_of_a_call_the_fastest_counts():
    rounds = [[call(5), call(3)], [call(90), call(2)], [call(6), call(1)]]
    assert [each.total_ms for each in fastest_calls(rounds)] == [5, 1]


def test_layers_stand_in_order_between_the_embeddings_and_the_head():
    modules = [
        "bert.pooler",
        f"{LAYER}.output",
        f"{LAYER}.attention.self",
        "bert.embeddings",
        "bert.encoder.layer.10.output",
    ]
    held = [
        Holding("bert.embeddings.word_embeddings.weight", "float32", 60, "Gather", "bert.embeddings"),
        Holding(f"{LAYER}.output.dense.weight", "int8", 40, "MatMul", f"{LAYER}.attention.self"),
    ]
    places, parts = rows_by_place([call(10, *(("X", module, 1.0) for module in modules))], held, 100)
    names = ["embeddings", "layer 3 attention", "layer 3 ffn", "layer 10 ffn", "head"]
    assert [row.name for row in places] == names
    assert [(row.name, row.size_bytes) for row in parts] == [
        ("embeddings", 60),
        ("attention", 0),
        ("ffn", 40),
        ("head", 0),
    ]
    assert fp32_by_part(held) == {"embeddings": 60}
