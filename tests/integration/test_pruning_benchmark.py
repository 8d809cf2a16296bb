"""The pruning benchmark on the tiny model, through the functions that the benchmark itself runs."""

import dataclasses
import sys
from pathlib import Path

import pytest

from leanglot.data.examples import Examples
from leanglot.data.pool import text_pool
from leanglot.models.text_classifier import TextClassifier

_BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
_LENGTHS = (8, 12)


@pytest.fixture(autouse=True)
def _benchmarks_leave_no_modules(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.syspath_prepend(str(_BENCHMARKS))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("peer", "pruning")):
            del sys.modules[name]


def test_variants_need_the_flops_and_weights_that_their_shapes_say(
    tiny_classifier: TextClassifier, tiny_rows: list[dict[str, str]]
) -> None:
    import pruning_measuring
    import pruning_variants

    sources = pruning_measuring.make_sources(tiny_classifier, text_pool(_examples(tiny_rows), "tiny"))
    models = {one.name: one.make(sources) for one in pruning_variants.VARIANTS if not one.int8}
    flops = {name: pruning_variants.count_flops(model, [10])[10] for name, model in models.items()}

    hidden, neurons, layers, labels, length = 32, 64, 2, 3, 10
    projections, attention, ffn = 4 * hidden**2, 2 * length * hidden, 2 * hidden * neurons
    head = 2 * hidden**2 + 2 * hidden * labels
    per_layer = {name: 2 * length * part for name, part in (("a", projections + attention), ("f", ffn))}
    whole = layers * (per_layer["a"] + per_layer["f"]) + head
    assert flops["baseline"] == flops["heads-masked"] == flops["ffn-masked"] == flops["vocabulary"] == whole
    assert flops["heads"] == flops["heads-uneven"] == whole - layers * per_layer["a"] // 2
    assert flops["ffn"] == flops["ffn-uneven"] == whole - layers * per_layer["f"] // 2
    assert flops["layers"] == (whole + head) // 2
    assert flops["all"] == (layers // 2) * (per_layer["a"] + per_layer["f"]) // 2 + head
    assert pruning_variants.weights_of(models["heads"]) < pruning_variants.weights_of(models["heads-masked"])
    rows = models["vocabulary"].module.get_input_embeddings().weight.shape[0]
    lost = tiny_classifier.module.get_input_embeddings().weight.shape[0] - rows
    assert lost > 0
    assert pruning_variants.weights_of(models["vocabulary"]) == pruning_variants.weights_of(models["baseline"]) - (
        lost * hidden
    )


@pytest.mark.parametrize(("whole", "layers"), [(12, 12), (1536, 12), (4, 2), (3, 5), (2, 2)])
def test_uneven_counts_keep_the_total_and_leave_every_layer_some(whole: int, layers: int) -> None:
    import pruning_variants

    counts = pruning_variants.uneven(whole, layers)

    assert len(counts) == layers
    assert sum(counts) == layers * (whole // 2)
    assert min(counts) >= 1
    assert max(counts) <= whole
    assert (len(set(counts)) > 1) == (whole > 3)


@pytest.mark.slow
def test_every_variant_is_measured_against_the_baseline(
    tiny_classifier: TextClassifier, tiny_rows: list[dict[str, str]], tmp_path: Path
) -> None:
    import pruning_measuring
    import pruning_records
    import pruning_tables
    import pruning_variants

    examples = _examples(tiny_rows)
    sources = pruning_measuring.make_sources(tiny_classifier, text_pool(examples, "tiny"))
    work = pruning_measuring.make_inputs(tiny_classifier, examples, _LENGTHS)
    named = {one.name: one for one in pruning_variants.VARIANTS}
    variants = [
        dataclasses.replace(named[name], weighed=name == "all-int8")
        for name in ("baseline", "heads", "vocabulary", "all", "int8", "all-int8")
    ]
    told: list[str] = []
    plan = pruning_measuring.Plan(pruning_records.ENGINES, pruning_measuring.QUICK, 1, told.append, 1, variants)

    torch, onnx = pruning_measuring.measure_shape(sources, work, tmp_path, plan)

    compared = [(one.variant, one.against) for one in torch.comparisons]
    assert compared == [(name, "baseline") for name in ("heads", "vocabulary", "all")]
    compared = [(one.variant, one.against) for one in onnx.comparisons]
    assert compared[-3:] == [("int8", "baseline"), ("all-int8", "baseline"), ("all-int8", "int8")]
    for ledger in (torch, onnx):
        assert not list(tmp_path.rglob("*.onnx"))
        for one in ledger.comparisons:
            assert set(one.latency) == set(_LENGTHS)
            assert all(pace.against_reference.median > 0 for pace in one.latency.values())
        facts = ledger.facts
        assert facts["all"].size_bytes < facts["vocabulary"].size_bytes < facts["baseline"].size_bytes
        memory = {name: one.peak_rss_bytes for name, one in facts.items()}
        assert all((taken is not None) == (name == "all-int8") for name, taken in memory.items())
        assert all(one.split.products_ms > 0 and one.split.other_ms > 0 for one in facts.values())
    assert onnx.facts["baseline"].split.fused.keys() & {"SkipLayerNormalization", "BiasGelu"}
    last = onnx.comparisons[-1]
    assert last.judged
    assert last.promised[12] == onnx.facts["int8"].flops[12] / onnx.facts["all-int8"].flops[12] > 1.5
    assert last.reached(12) == last.latency[12].against_reference.median / last.promised[12]
    assert not onnx.comparisons[-2].judged
    assert onnx.comparisons[-2].reached(12) is None
    text = pruning_tables.render_shape(pruning_records.ShapeResults("tiny", "a tiny model", (torch, onnx)))
    assert "| all-int8" in text
    assert "### pytorch" in text
    missed = dataclasses.replace(last, promised={8: 1000.0, 12: 1000.0})
    text = pruning_tables.render_shape(
        pruning_records.ShapeResults("tiny", "a tiny model", (dataclasses.replace(onnx, comparisons=(missed,)),))
    )
    assert "MISSED by" in text
    assert "- all-int8 against int8 reaches" in text


def _examples(rows: list[dict[str, str]]) -> Examples:
    texts, labels, languages = (tuple(row[key] for row in rows) for key in ("text", "label", "language"))
    return Examples(texts, labels, languages)
