"""Builds the golden report with alarms, size ledgers and threads: run as a script, it writes it beside itself.

It is the first golden report with what later versions measure besides: ``report-v1-quantized.json`` and ``.md``.
"""

from collections.abc import Mapping

from build_report import FOLDER, LONG_NAME, build

from leanglot.results.records import Alarm, Candidate, Latency, LedgerRow, RunReport
from leanglot.techniques import HalfPrecision, Int8, WeightOnly

NAME = "report-v1-quantized"
TABLE = 250_037 * 384  # the word embeddings of multilingual-e5-small
OTHER_TABLES = 514 * 384
ATTENTION = 12 * 4 * 384 * 384
FFN = 12 * 2 * 384 * 1536
HEAD = 384 * 384 + 384 * 35


def ledger(table: str, layers: str) -> tuple[LedgerRow, ...]:
    """Weights with the embedding table and the layers stored as named; biases and norms stay FP32."""
    bits = {"float32": 32, "bfloat16": 16, "int8": 8, "int4": 4}
    sizes: dict[tuple[str, str], int] = {}

    def add(part: str, dtype: str, values: int, width: int = 32) -> None:
        sizes[part, dtype] = sizes.get((part, dtype), 0) + values * width // 8

    add("embeddings", table, TABLE, bits[table])
    add("embeddings", "float32", OTHER_TABLES + (250_037 if table == "int8" else 0))
    for part, values in (("attention", ATTENTION), ("ffn", FFN), ("head", HEAD)):
        add(part, layers, values, bits[layers])
        add(part, "float32", values // 32 if layers == "int4" else values // 384)
    add("other", "int64", 7, 64)
    return tuple(LedgerRow(part=part, dtype=dtype, size_bytes=size) for (part, dtype), size in sizes.items())


def alarm(code: str, message: str) -> Alarm:
    """An alarm with its place in the documentation."""
    return Alarm(code=code, message=message, anchor=f"docs/alarms.md#{code}")


FP32_LEFT = alarm(
    "mostly-fp32",
    "94.8% of the weights' 406.5 MB are still FP32, most of them in the part embeddings (384.8 MB). "
    "Set embeddings: true to store the table as INT8 rows, or trim the vocabulary.",
)
BATCHES = alarm(
    "batch-dependent",
    "Answers depend on what else is in the batch: 1 of 24 texts changed their answer, and a probability changed by up "
    "to 0.083 with padding and 0.041 with other texts of the same length.",
)
ADDED: dict[str, dict[str, object]] = {
    "original": {"ledger": ledger("float32", "float32"), "threads": 4},
    "onnx": {
        "ledger": ledger("float32", "float32"),
        "threads": 4,
        "threads_p50_ms": {1: 61.4, 2: 38.8, 4: 28.1},
    },
    "int8": {
        "recipe": (Int8(reduce_range=False),),
        "ledger": ledger("float32", "int8"),
        "threads": 2,
        "threads_p50_ms": {1: 17.9, 2: 12.4, 4: 12.1},
        "alarms": (
            BATCHES,
            alarm(
                "saturation-likely",
                "16-bit saturation is likely: signed weights use all 8 bits, and the target (avx, avx2, fma, f16c) "
                "adds pairs of products up in 16 bits. Set reduce_range: true, or weights: unsigned.",
            ),
            FP32_LEFT,
        ),
    },
    "int8-embeddings": {
        "recipe": (Int8(reduce_range=True, embeddings=True),),
        "ledger": ledger("int8", "int8"),
        "threads": 2,
        "threads_p50_ms": {1: 18.2, 2: 12.6, 4: 12.5},
        "alarms": (BATCHES,),
    },
    "magnitude-30": {
        "name": "bf16",
        "recipe": (HalfPrecision(dtype="bf16"),),
        "runtime": "pytorch",
        "artifact": "artifacts/bf16",
        "size_bytes": 235_900_000,
        "size_reduction": 0.4995,
        "latency_ms": Latency(n=1000, mean=119.2, std=12.6, p50=114.4, p95=150.1, p99=186.3),
        "speedup": 0.3601,
        "throughput_gain": 0.19,
        "sparsity": 0.0,
        "pareto": False,
        "warnings": (),
        "ledger": ledger("bfloat16", "bfloat16"),
        "threads": 4,
        "alarms": (
            alarm(
                "slower-than-baseline",
                "Slower than the baseline: 0.36 times as fast, with a median of 114 ms, measured in turns.",
            ),
            alarm(
                "emulated-precision",
                "BF16 is emulated: this machine has no such arithmetic, and PyTorch is usually several times slower in "
                "it.",
            ),
        ),
    },
    "magnitude-70": {
        "ledger": ledger("float32", "float32"),
        "threads": 4,
        "alarms": (
            alarm(
                "chance-level",
                "Accuracy is at chance level in 1 language: th 24.7% of 150 examples, the commonest label alone 26.0%.",
            ),
        ),
    },
    LONG_NAME: {
        "ledger": ledger("int8", "int8"),
        "threads": 4,
        "threads_p50_ms": {1: 31.0, 2: 19.3, 4: 13.8},
        "alarms": (alarm("not-measured", "Not known: whether its answers depend on the batch."),),
    },
}
INT4: dict[str, object] = {
    "name": "int4",
    "recipe": (WeightOnly(keep=("layer.0",)),),
    "artifact": "artifacts/int4",
    "size_bytes": 398_400_000,
    "size_reduction": 0.1547,
    "latency_ms": Latency(n=1000, mean=20.9, std=2.1, p50=20.1, p95=26.3, p99=32.4),
    "speedup": 2.0498,
    "throughput_gain": 1.91,
    "ledger": ledger("float32", "int4"),
    "threads": 4,
    "threads_p50_ms": {1: 31.0, 2: 22.3, 4: 19.8},
    "alarms": (FP32_LEFT,),
}


def build_quantized() -> RunReport:
    """The golden report with what was added; the same on every machine."""
    report = build()
    candidates = [_with(each, ADDED.get(each.name, {})) for each in report.candidates]
    return report.model_copy(update={"candidates": (*candidates, _with(report.candidate("int8"), INT4))})


def _with(candidate: Candidate, added: Mapping[str, object]) -> Candidate:
    return Candidate.model_validate({**dict(candidate), **added})


def main() -> None:
    """Writes the golden files beside this script."""
    from leanglot.report.markdown import render_markdown

    report = build_quantized()
    (FOLDER / f"{NAME}.json").write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (FOLDER / f"{NAME}.md").write_text(render_markdown(report), encoding="utf-8")


if __name__ == "__main__":
    main()
