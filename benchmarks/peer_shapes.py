"""What the peers run on: the demo's model, an XLM-R-base shape with random weights, and real token sequences."""

import json
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from tokenizers import Tokenizer

from leanglot.data.examples import Examples
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS, Batch, token_batches

LENGTHS: Final = (16, 32, 128)
SHAPES: Final = ("demo", "xlmr-base")
_SEED: Final = 20261124
_MIXED_TEXTS: Final = 64
_SHORTEST: Final = 8
_CALIBRATION_TEXTS: Final = 300
_CALLS: Final = 16  # different inputs per length, used in turns


@dataclass(frozen=True, slots=True)
class Shape:
    """A model to compare on.

    Attributes:
        name: Name in the tables.
        about: What it is.
        folder: A transformers model folder.
        trained: Whether its answers mean anything; random weights only rank dangers.
    """

    name: str
    about: str
    folder: Path
    trained: bool


@dataclass(frozen=True, slots=True)
class Workload:
    """Token sequences, the same for all engines.

    Attributes:
        by_length: Inputs of shape (1, length), by length.
        mixed: Batches for throughput: texts of mixed lengths, sorted by length within a token budget.
        mixed_texts: Number of texts in them.
        judged: Batches whose logits are compared.
        judged_labels: Right class of each compared text; empty where there is none.
        calibration: Token ids of training texts.
        first_text: What a fresh process answers.
    """

    by_length: dict[int, list[TokenIds]]
    mixed: list[Batch]
    mixed_texts: int
    judged: list[Batch]
    judged_labels: tuple[int, ...]
    calibration: list[list[int]]
    first_text: str


def make_shape(name: str, work: Path) -> Shape:
    """Build or find the model folder of a shape.

    Args:
        name: One of `SHAPES`.
        work: Where a model without training is written.
    """
    from leanglot.demo import demo_model

    demo = demo_model()
    if name == "demo":
        return Shape(name, f"{demo.name}: 12 layers, hidden size 384, 250,037 rows of embeddings", demo, trained=True)
    about = "XLM-R base: 12 layers, hidden size 768, 250,002 rows of embeddings, 24 labels, random weights"
    return Shape(name, about, _random_xlmr_base(work / "model", demo), trained=False)


def make_workload(
    tokenizer: Tokenizer, train: Sequence[str], test: Examples, labels: Sequence[str], lengths: Sequence[int] = LENGTHS
) -> Workload:
    """Token sequences of sentences: cut out of one long stream where the length is fixed, whole where answers count.

    Args:
        tokenizer: Adds a special token at each end.
        train: Training texts, for calibration.
        test: Labelled texts whose answers are compared.
        labels: Names of the model's classes; empty for a model without training, whose answers are not counted.
        lengths: Lengths in tokens, special tokens included; the last one is the longest of the mixed texts.
    """
    rng = random.Random(_SEED)
    cut = _cutter(tokenizer, test.texts, rng)
    mixed = [cut(rng.randint(min(_SHORTEST, lengths[-1]), lengths[-1])) for _ in range(_MIXED_TEXTS)]
    pad_id = tokenizer.token_to_id("<pad>")
    if pad_id is None:
        raise ValueError("the tokenizer has no <pad>")
    judged = [_ids(tokenizer, text) for text in test.texts] if labels else mixed
    places = {label: index for index, label in enumerate(labels)}
    chosen = rng.sample(list(train), min(_CALIBRATION_TEXTS, len(train)))
    return Workload(
        by_length={length: [cut(length)[None, :] for _ in range(_CALLS)] for length in lengths},
        mixed=list(token_batches(mixed, pad_id, DEFAULT_BATCH_TOKENS)),
        mixed_texts=len(mixed),
        judged=list(token_batches(judged, pad_id, DEFAULT_BATCH_TOKENS)),
        judged_labels=tuple(places[label] for label in test.labels) if labels else (),
        calibration=[_ids(tokenizer, text).tolist() for text in chosen],
        first_text=test.texts[0],
    )


def balanced(examples: Examples, per_language: int) -> Examples:
    """So many examples of each language, drawn at random; all where there are fewer."""
    rng = np.random.default_rng(_SEED)
    chosen = [
        rng.choice(positions, min(per_language, len(positions)), replace=False)
        for positions in examples.by_language().values()
    ]
    return examples.subset(np.sort(np.concatenate(chosen)))


def _random_xlmr_base(folder: Path, demo: Path) -> Path:
    """The shape with the demo's tokenizer, which has XLM-R's own 250,002 pieces."""
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

    from leanglot.quiet import quiet_transformers

    if (folder / "model.safetensors").is_file():
        return folder
    torch.manual_seed(_SEED)
    names = {index: f"label-{index}" for index in range(24)}
    config = XLMRobertaConfig(
        vocab_size=250_002,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        id2label=names,
        label2id={name: index for index, name in names.items()},
    )
    with quiet_transformers():
        XLMRobertaForSequenceClassification(config).eval().save_pretrained(str(folder))
    shutil.copyfile(demo / "tokenizer.json", folder / "tokenizer.json")
    settings = json.loads((demo / "tokenizer_config.json").read_text(encoding="utf-8"))
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "model_max_length": 512}), encoding="utf-8")
    return folder


def _ids(tokenizer: Tokenizer, text: str) -> TokenIds:
    return np.asarray(tokenizer.encode(text).ids, dtype=np.int64)


def _cutter(tokenizer: Tokenizer, texts: Sequence[str], rng: random.Random) -> Callable[[int], TokenIds]:
    """Cuts a sequence of a given length out of all the texts' tokens, at a random place."""
    first, last = tokenizer.encode("").ids
    stream = [token for text in texts for token in tokenizer.encode(text, add_special_tokens=False).ids]

    def cut(length: int) -> TokenIds:
        start = rng.randrange(len(stream) - length)
        return np.asarray([first, *stream[start : start + length - 2], last], dtype=np.int64)

    return cut
