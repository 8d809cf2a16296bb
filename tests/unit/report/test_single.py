"""The tables and sentences of single steps."""

import io

import pytest
from rich.console import Console
from shaped_runs import HALF, HEADS

from leanglot.report.single import artifact_summary, benchmark_table
from leanglot.results.manifest import Manifest
from leanglot.results.measures import ColdStart, Speed, Weight
from leanglot.results.records import Latency, LedgerRow
from leanglot.results.shaping import VocabularyFacts
from leanglot.techniques import Int8

SPEED = Speed(
    latency_ms=Latency(n=100, mean=13.0, std=1.0, p50=12.5, p95=None, p99=None, missing={"p95": "100 calls"}),
    tokenization_p50_ms=0.2,
    languages_p50_ms={"de": 12.4, "sw": None},
    throughput_per_s=190.0,
)
LEDGER = (
    LedgerRow(part="embeddings", dtype="int8", size_bytes=96_000_000),
    LedgerRow(part="embeddings", dtype="float32", size_bytes=1_800_000),
    LedgerRow(part="ffn", dtype="int8", size_bytes=14_000_000),
)


@pytest.fixture
def artifact(tmp_path):
    (tmp_path / "model.onnx").write_bytes(bytes(2_500_000))
    plain = Manifest(
        name="int8", runtime="onnxruntime", model_file="model.onnx", labels=("a", "b"), max_length=8, pad_id=0,
        source="s", files={"model.onnx": "0" * 64},
    )  # fmt: skip
    return tmp_path, plain


def shown(speed, weight):
    stream = io.StringIO()
    Console(file=stream, width=100).print(
        benchmark_table(speed, ColdStart(seconds=1.2, peak_rss_bytes=1, repetitions=1), weight)
    )
    return {line[:40].strip(): line[40:].strip() for line in stream.getvalue().splitlines()}


def test_a_benchmark_says_where_the_bytes_are():
    rows = shown(SPEED, Weight(size_bytes=120_000_000, sparsity=None, ledger=LEDGER))
    assert rows["weights, embeddings, MB"] == "96.0 INT8 + 1.8 FP32"
    assert rows["weights, feed-forward, MB"] == "14.0 INT8"
    assert "weights, head, MB" not in rows
    assert rows["latency p95"] == "n/a: 100 calls"


def test_a_benchmark_without_a_ledger_has_no_such_rows():
    rows = shown(SPEED, Weight(size_bytes=120_000_000, sparsity=0.5))
    assert not [name for name in rows if name.startswith("weights")]


def test_what_gzip_makes_of_the_weights_is_told_where_it_was_measured():
    weight = Weight(size_bytes=120_000_000, sparsity=0.5)
    assert "weights after gzip" not in shown(SPEED, weight)
    assert shown(SPEED, weight.model_copy(update={"compressed_bytes": 55_000_000}))["weights after gzip"] == "55.0 MB"


def test_a_plain_artifact_is_two_lines(artifact):
    folder, manifest = artifact
    assert artifact_summary(manifest, folder).splitlines() == [
        f"Wrote {folder}: 2.5 MB for onnxruntime (no compression).",
        f'Use it: leanglot.load("{folder}").predict(["…"])',
    ]


def test_what_was_chosen_and_noticed_is_told(artifact):
    folder, manifest = artifact
    full = manifest.model_copy(
        update={
            "recipe": (Int8(),),
            "target_isa": ("avx2", "fma"),
            "calibration": {"de": 3, "en": 2},
            "threads": 1,
            "threads_p50_ms": {1: 12.5, 2: 13.75},
            "notes": ("The pooler stayed FP32.", "Calibration lacks\x1b[31m Thai."),
        }
    )
    assert artifact_summary(full, folder).splitlines()[1:-1] == [
        "Made for: avx2, fma.",
        "Calibrated on 5 texts in 2 languages.",
        "Threads: 1 (median by number: 1: 12.5 ms, 2: 13.8 ms).",
        "Note: The pooler stayed FP32.",
        "Note: Calibration lacks [31m Thai.",
    ]


def test_threads_without_a_search_are_told_alone(artifact):
    folder, manifest = artifact
    assert "Threads: 4.\n" in artifact_summary(manifest.model_copy(update={"threads": 4}), folder)


def test_what_was_pruned_and_trimmed_is_told(artifact):
    folder, manifest = artifact
    vocabulary = VocabularyFacts(
        languages=("de", "sw\x1b[31m"), pieces_before=1000, pieces_after=250, texts={"de": 900, "sw\x1b[31m": 10},
        expected_missing={"de": 0.001, "sw\x1b[31m": 0.04},
    )  # fmt: skip
    full = manifest.model_copy(update={"pruning": (HALF, HEADS), "vocabulary": vocabulary})
    assert artifact_summary(full, folder).splitlines()[1:-1] == [
        "Pruned by magnitude: 50.0% of 21,397,248 weights are zero, 50.0% asked for.",
        "Pruned by heads: 50.0% of 144 heads are cut out, 50.0% asked for; heads 12 → 8 6 7 … (4 to 8) per layer.",
        "Vocabulary: 1,000 → 250 pieces, 75.0% fewer, cut for 2 languages: German (de), sw [31m, on 910 texts.",
        "Over 1% of the tokens of further texts lose their piece: sw [31m 4.0%.",
        "Under 100 texts: sw [31m 10.",
    ]
