"""Makes and loads the variants of the pruning benchmark, and finds where the time of one call goes."""

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from pruning_records import TimeSplit
from tokenizers import Tokenizer

from leanglot.artifacts import make_artifact
from leanglot.config import CandidateConfig
from leanglot.models.graph import GRAPH_NAME
from leanglot.models.text_classifier import TextClassifier
from leanglot.quantizers import Making
from leanglot.results.environment import read_environment
from leanglot.runtimes.base import Logits, Predictor, TokenIds
from leanglot.runtimes.loading import load
from leanglot.runtimes.onnxruntime import session_options
from leanglot.techniques import Int8, Runtime

_SPLIT_CALLS: Final = 6
_ATTENTION: Final = "aten::_scaled_dot_product_flash_attention_for_cpu"
_PRODUCTS: Final[Mapping[Runtime, frozenset[str]]] = {
    "pytorch": frozenset({"aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", _ATTENTION}),
    "onnxruntime": frozenset(
        {
            *("MatMul", "FusedMatMul", "Gemm", "FusedGemm", "Attention", "QAttention", "MultiHeadAttention"),
            *("MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"),
        }
    ),
}
_FUSED: Final = frozenset(
    {
        *("Attention", "QAttention", "MultiHeadAttention", "SkipLayerNormalization", "EmbedLayerNormalization"),
        *("Gelu", "BiasGelu", "FastGelu", "FusedMatMul", "FusedGemm", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"),
        _ATTENTION,
    }
)


@dataclass(frozen=True, slots=True)
class Renumbered:
    """An engine whose pieces have other ids than the baseline's.

    Attributes:
        predictor: The engine.
        ids: Its id by the baseline's, shape (pieces,).
    """

    predictor: Predictor
    ids: TokenIds

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Logits:
        """Run one batch of the baseline's ids."""
        return self.predictor.logits(self.ids[input_ids], attention_mask)


@dataclass(frozen=True, slots=True)
class _Spent:
    """What one kind of operator takes in one call: milliseconds, and how often it runs."""

    milliseconds: float
    count: int


_Call = dict[str, _Spent]


def make_variant(model: TextClassifier, engine: Runtime, folder: Path, *, int8: bool) -> None:
    """Write an artifact as any user's run does.

    Args:
        model: The variant's.
        engine: Executes it.
        folder: Does not exist yet.
        int8: Whether to quantize it for this machine.
    """
    folder.mkdir(parents=True)
    recipe = (Int8(embeddings=True),) if int8 else ()
    candidate = CandidateConfig(name=folder.name, runtime=engine, recipe=recipe)
    make_artifact(model, candidate, folder, Making(isa=read_environment().isa))


def open_variant(folder: Path, threads: int, before: Tokenizer) -> Predictor:
    """Load an artifact.

    Args:
        folder: From `make_variant`.
        threads: Its number of threads.
        before: The baseline's tokenizer, whose ids it will be given.
    """
    classifier = load(folder, threads)
    if (ids := _new_ids(before, classifier.tokenizer)) is None:
        return classifier.predictor
    return Renumbered(classifier.predictor, ids)


def _new_ids(before: Tokenizer, after: Tokenizer) -> TokenIds | None:
    """Each piece's new id, the unknown token's where it is gone; None where nothing changed."""
    old, new = (tokenizer.get_vocab(with_added_tokens=True) for tokenizer in (before, after))
    if old == new:
        return None
    ids = np.full(max(old.values()) + 1, new["<unk>"], dtype=np.int64)
    for piece, number in old.items():
        ids[number] = new.get(piece, new["<unk>"])
    return ids


def split_time(folder: Path, engine: Runtime, threads: int, length: int) -> TimeSplit:
    """Profile an artifact on one text of random tokens: the calmest of some calls.

    Args:
        folder: From `make_variant`.
        engine: Executes it.
        threads: Its number of threads.
        length: Of the text in tokens.
    """
    ids = np.random.default_rng(length).integers(4, 30, size=(1, length))  # pieces that every variant has
    calls = (_torch_calls if engine == "pytorch" else _onnx_calls)(folder, threads, ids)
    spent = min(calls, key=lambda call: sum(own.milliseconds for own in call.values()))
    products = sum(own.milliseconds for name, own in spent.items() if name in _PRODUCTS[engine])
    return TimeSplit(
        products_ms=products,
        other_ms=sum(own.milliseconds for own in spent.values()) - products,
        fused={name: own.count for name, own in sorted(spent.items()) if name in _FUSED},
    )


def _torch_calls(folder: Path, threads: int, ids: TokenIds) -> list[_Call]:
    from torch.profiler import ProfilerActivity, profile

    predictor, mask = load(folder, threads).predictor, np.ones_like(ids)
    predictor.logits(ids, mask)
    calls = []
    for _ in range(_SPLIT_CALLS):
        with _silent_stderr(), profile(activities=[ProfilerActivity.CPU]) as profiler:
            predictor.logits(ids, mask)
        averages = profiler.key_averages()
        calls.append({event.key: _Spent(event.self_cpu_time_total / 1e3, event.count) for event in averages})
    return calls


def _onnx_calls(folder: Path, threads: int, ids: TokenIds) -> list[_Call]:
    import onnxruntime as ort

    options = session_options(threads)
    options.enable_profiling, options.profile_file_prefix = True, str(folder / "profile")
    session = ort.InferenceSession(str(folder / GRAPH_NAME), options, providers=["CPUExecutionProvider"])
    for _ in range(_SPLIT_CALLS + 1):
        session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
    path = Path(session.end_profiling())
    events = [event for event in json.loads(path.read_text(encoding="utf-8")) if event.get("cat") == "Node"]
    path.unlink()
    done = sorted((event for event in events if event["name"].endswith("_kernel_time")), key=lambda event: event["ts"])
    nodes = len(done) // (_SPLIT_CALLS + 1)
    calls = []
    for start in range(nodes, len(done), nodes):  # the first call warms up
        times = defaultdict(list)
        for event in done[start : start + nodes]:
            times[event["args"]["op_name"]].append(event["dur"] / 1e3)
        calls.append({name: _Spent(sum(own), len(own)) for name, own in times.items()})
    return calls


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """PyTorch's profiler reports its start and its end from C++, whatever its log level is."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
