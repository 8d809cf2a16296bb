"""Ways of making INT8 graphs for ONNX Runtime: their speed in turns, their size, and how far their answers are off.

Run it with ``python benchmarks/int8_variants.py``, on the demo model, or with ``--graph FOLDER`` on an exported graph
(``model.onnx``; its answers are then compared on random tokens). Speed is quoted as the ratio to the first variant's.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.quantization import quantize_dynamic

from leanglot.compress import int8, weight_only
from leanglot.compress.fusion import save_fused
from leanglot.compress.int8 import quiet_quantizer
from leanglot.data.demo import demo_data
from leanglot.demo import demo_model
from leanglot.export.onnx import export_onnx
from leanglot.measure.neighbours import NeighbourWatch
from leanglot.models.graph import GRAPH_NAME
from leanglot.models.text_classifier import load_text_classifier
from leanglot.results.environment import read_environment
from leanglot.runtimes.batching import pad
from leanglot.techniques import Int8, WeightOnly

Rows = Sequence[NDArray[np.int64]]
Feed = dict[str, NDArray[np.int64]]

WIDE = Int8(reduce_range=False, embeddings=True)


def onnxruntime_default(source: Path, target: Path) -> None:
    """What ``quantize_dynamic`` does to the matrix products without being told more."""
    with quiet_quantizer():
        quantize_dynamic(
            source / GRAPH_NAME, target / GRAPH_NAME, op_types_to_quantize=["MatMul"], use_external_data_format=True
        )


def whole(source: Path, target: Path) -> None:
    """The same on the fused graph, head included: ours without what `int8.quantize` adds."""
    with tempfile.TemporaryDirectory() as folder:
        save_fused(source, Path(folder))
        with quiet_quantizer():
            quantize_dynamic(
                Path(folder) / GRAPH_NAME,
                target / GRAPH_NAME,
                op_types_to_quantize=["MatMul", "Attention"],
                per_channel=True,
                use_external_data_format=True,
                extra_options={"MatMulConstBOnly": True, "DefaultTensorType": 1},
            )


def ours(config: Int8 | WeightOnly) -> Callable[[Path, Path], None]:
    """One of our handlers."""

    def make(source: Path, target: Path) -> None:
        if isinstance(config, Int8):
            int8.quantize(source, target, config)
        else:
            weight_only.quantize(source, target, config)

    return make


VARIANTS: Mapping[str, Callable[[Path, Path], None]] = {
    "onnxruntime default": onnxruntime_default,
    "fused, head too": whole,
    "leanglot int8": ours(WIDE),
    "per tensor": ours(WIDE.model_copy(update={"per_channel": False})),
    "unsigned": ours(WIDE.model_copy(update={"weights": "unsigned"})),
    "7 bits": ours(WIDE.model_copy(update={"reduce_range": True})),
    "blocks of 32, 8 bits": ours(WeightOnly(bits=8, block=32, embeddings=True)),
    "blocks of 128, 8 bits": ours(WeightOnly(bits=8, block=128, embeddings=True)),
    "blocks of 32, 4 bits": ours(WeightOnly(bits=4, symmetric=False, embeddings=True)),
}


def main() -> None:
    """Make, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graph", type=Path, help="folder of an exported graph; default: the demo model")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, texts = _subject(options.graph, Path(folder))
        made = {name: _make(name, source, Path(folder)) for name in options.variants}
        print(f"{read_environment(max(options.threads)).cpu}, ONNX Runtime {ort.__version__}")
        _compare_answers(source, made, texts)
        for threads in options.threads:
            _compare_speed(made, threads, options.rounds)


def _subject(graph: Path | None, folder: Path) -> tuple[Path, Rows]:
    """The FP32 graph and the token ids to compare answers on."""
    rng = np.random.default_rng(0)
    if graph is not None:
        return graph, [rng.integers(4, 250_000, size=length) for length in rng.integers(8, 65, size=100)]
    model = load_text_classifier(demo_model())
    export = folder / "export"
    export.mkdir()
    export_onnx(model, export)
    texts = random.Random(0).sample(demo_data().test.texts, 500)
    return export, [np.asarray(one.ids) for one in model.tokenizer.encode_batch(texts)]


def _make(name: str, source: Path, folder: Path) -> Path:
    target = folder / name.replace(" ", "-")
    target.mkdir()
    started = time.perf_counter()
    VARIANTS[name](source, target)
    size = sum(path.stat().st_size for path in target.iterdir())
    print(f"{name:24} made in {time.perf_counter() - started:5.1f} s, {size / 1e6:7.1f} MB", flush=True)
    return target


def _session(folder: Path, threads: int) -> ort.InferenceSession:
    settings = ort.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads, settings.log_severity_level = threads, 1, 3
    return ort.InferenceSession(str(folder / GRAPH_NAME), settings, providers=["CPUExecutionProvider"])


def _logits(session: ort.InferenceSession, rows: Rows) -> NDArray[np.float32]:
    ids, mask = pad(rows, 1)
    given: NDArray[np.float32] = session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]
    return given


def _compare_answers(source: Path, made: Mapping[str, Path], rows: Rows) -> None:
    """Relative error and agreement with FP32, one text at a time; and how far padding to one batch moves them."""
    exact = _alone(source, rows)
    for name, folder in made.items():
        alone = _alone(folder, rows)
        batch = _logits(_session(folder, 1), rows[:64])
        error = np.linalg.norm(alone - exact) / np.linalg.norm(exact)
        moved = np.linalg.norm(batch - alone[:64]) / np.linalg.norm(alone[:64])
        same = float(np.mean(alone.argmax(axis=1) == exact.argmax(axis=1)))
        print(f"{name:24} error {error:6.4f}  same answer {same:6.1%}  moved by padding {moved:6.4f}", flush=True)


def _alone(folder: Path, rows: Rows) -> NDArray[np.float32]:
    session = _session(folder, 1)
    return np.concatenate([_logits(session, [row]) for row in rows])


def _compare_speed(made: Mapping[str, Path], threads: int, rounds: int) -> None:
    sessions = {name: _session(folder, threads) for name, folder in made.items()}
    with NeighbourWatch() as watch:
        for case, feed in _cases().items():
            times = _in_turns(sessions, feed, rounds if case.isdigit() else max(rounds // 4, 3))
            first = median(next(iter(times.values())))
            told = ", ".join(f"{name} {first / median(taken):.2f}" for name, taken in times.items())
            print(f"{threads} threads, {case:>5}: {told}", flush=True)
    for warning in watch.warnings():
        print(warning)


def _cases() -> dict[str, Feed]:
    rng = np.random.default_rng(1)
    lengths = {"16": [16], "32": [32], "128": [128], "mixed": [int(n) for n in rng.integers(8, 65, size=16)]}
    cases = {}
    for name, chosen in lengths.items():
        ids, mask = pad([rng.integers(4, 250_000, size=length) for length in chosen], 1)
        cases[name] = {"input_ids": ids, "attention_mask": mask}
    return cases


def _in_turns(sessions: Mapping[str, ort.InferenceSession], feed: Feed, rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for number in range(rounds + 2):
        for name, session in sessions.items():
            started = time.perf_counter()
            session.run(["logits"], feed)
            if number >= 2:  # the first ones warm up
                times[name].append(time.perf_counter() - started)
    return times


if __name__ == "__main__":
    main()
