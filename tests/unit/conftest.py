"""A run with the steps of a candidate, for charts and reports."""

from pathlib import Path

import pytest

from leanglot.results.records import RunReport
from leanglot.results.shaping import VocabularyFacts
from leanglot.techniques import HeadPruning, Int8, TrimVocabulary

TRIM, HEADS, INT8 = TrimVocabulary(), HeadPruning(sparsity=0.25), Int8(embeddings=True)
CHAIN = ("original", "small.0-export", "small.1-trim-vocabulary", "small.2-heads", "small")


def _step(source, name, recipe, megabytes, p50, **changes):
    latency = source.latency_ms.model_copy(update={"p50": p50})
    updates = {"name": name, "recipe": recipe, "size_bytes": round(megabytes * 1e6), "latency_ms": latency}
    updates |= {"speedup": 41.2 / p50, "size_reduction": 1 - megabytes / 471.3}
    return source.model_copy(update=updates | changes)


@pytest.fixture(scope="session")
def chained():
    """24 languages; the trimmed step is slower, heads harm eleven languages, INT8 one more."""
    stored = Path(__file__).parents[1] / "golden" / "report-v1.json"
    golden = RunReport.model_validate_json(stored.read_text(encoding="utf-8"))
    baseline, onnx, trimmed, pruned = (
        golden.candidate(name) for name in ("original", "onnx", "magnitude-30", "magnitude-70")
    )
    cut = VocabularyFacts(
        languages=tuple(golden.data.examples), pieces_before=250_037, pieces_after=24_102, texts={}, expected_missing={}
    )
    korean = pruned.languages["ko"]
    worse = korean.model_copy(update={"candidate": korean.candidate - 0.05, "drop": 0.0625, "verdict": "harmed"})
    candidates = (
        baseline,
        _step(onnx, CHAIN[1], (), 470.8, 28.9),
        _step(trimmed, CHAIN[2], (TRIM,), 126.4, 29.3, vocabulary=cut),
        _step(pruned, CHAIN[3], (TRIM, HEADS), 119.9, 25.1, vocabulary=cut),
        _step(pruned, CHAIN[4], (TRIM, HEADS, INT8), 33.9, 8.4, languages={**pruned.languages, "ko": worse}),
    )
    return golden.model_copy(update={"candidates": candidates, "recommendations": {}, "chains": {"small": CHAIN}})


@pytest.fixture(scope="session")
def broken(chained):
    """The same, but heads failed and the size of the trimmed step was not measured."""
    _, _, trimmed, pruned, _ = chained.candidates
    failed = type(pruned)(
        name=pruned.name, recipe=pruned.recipe, runtime=pruned.runtime, status="failed", reason="RecipeError: no heads"
    )
    swaps = {trimmed.name: trimmed.model_copy(update={"size_bytes": None, "speedup": None}), pruned.name: failed}
    return chained.model_copy(update={"candidates": tuple(swaps.get(each.name, each) for each in chained.candidates)})
