"""CTranslate2 as a peer: the encoder in INT8, the classification head beside it in NumPy."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leanglot.extras import require
from leanglot.runtimes.base import Logits, TokenIds

_HEAD = "head.npz"
_SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PeerEncoder:
    """An encoder, and the layers of the head by name."""

    encoder: Any
    head: dict[str, Floats]

    def logits(self, input_ids: TokenIds, attention_mask: TokenIds) -> Logits:
        """Run one batch; the rows go in without padding, which the engine drops anyway."""
        rows = [ids[: int(length)].tolist() for ids, length in zip(input_ids, attention_mask.sum(axis=1), strict=True)]
        output = self.encoder.forward_batch(rows)
        if "dense.weight" in self.head:  # XLM-R: a layer of its own on the first token
            first = np.asarray(output.last_hidden_state)[:, 0]
            pooled = np.tanh(first @ self.head["dense.weight"].T + self.head["dense.bias"])
        else:  # BERT: the encoder's pooler, which CTranslate2 runs
            pooled = np.asarray(output.pooler_output)
        result: Logits = pooled @ self.head["weight"].T + self.head["bias"]
        return result


def prepare(source: Path, folder: Path, variant: str, calibration: Path) -> None:  # noqa: ARG001 - one signature for all
    """Convert the encoder and keep the head."""
    converters = require("ctranslate2.converters", "bench")
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        stage = _stage(source, Path(inside) / "stage")
        converters.TransformersConverter(str(stage)).convert(str(folder), quantization=variant, force=True)
    np.savez(folder / _HEAD, allow_pickle=False, **_head(source))


def open_predictor(folder: Path, threads: int, variant: str) -> PeerEncoder:
    """Load the encoder and the head."""
    ctranslate2 = require("ctranslate2", "bench")
    encoder = ctranslate2.Encoder(str(folder), device="cpu", compute_type=variant, intra_threads=threads)
    with np.load(folder / _HEAD, allow_pickle=False) as stored:
        return PeerEncoder(encoder, dict(stored))


def _stage(source: Path, stage: Path) -> Path:
    """The model as the converter wants it.

    It asks for ``position_embedding_type``, which transformers 5 no longer writes, and for the special tokens.
    """
    stage.mkdir()
    for path in source.iterdir():
        if path.name not in {"config.json", "tokenizer_config.json"}:
            (stage / path.name).symlink_to(path.resolve())
    for name, more in (
        ("config.json", {"position_embedding_type": "absolute"}),
        ("tokenizer_config.json", _SPECIAL),
    ):
        settings = json.loads((source / name).read_text(encoding="utf-8"))
        (stage / name).write_text(json.dumps({**settings, **more}), encoding="utf-8")
    return stage


def _head(source: Path) -> dict[str, Floats]:
    from safetensors import safe_open

    with safe_open(str(source / "model.safetensors"), framework="np") as stored:
        layers = {key.removeprefix("classifier."): key for key in stored.keys() if key.startswith("classifier.")}  # noqa: SIM118 - no mapping
        return {name.removeprefix("out_proj."): stored.get_tensor(key) for name, key in layers.items()}
