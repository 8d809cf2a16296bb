"""The teacher's answers to the training texts, computed once and kept on disk, memory-mapped."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from leanglot.errors import ModelError, StorageError
from leanglot.models.text_classifier import TextClassifier
from leanglot.results.atomic import write_text_atomically
from leanglot.results.storage import storage_errors
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS, token_batches

_SPARE_BYTES: Final = 64 * 2**20
_CHUNKS: Final = 64
_ZEROS: Final = 2**22

Told = Callable[[int], None]


@dataclass(frozen=True)
class TeacherAnswers:
    """What a teacher answers to each training text.

    Attributes:
        logits: Shape (texts, classes), float32.
        hidden: Hidden states of the layers asked for, token after token, shape (tokens, layers, width), float16; None
            where none were asked for.
        starts: Where each text's tokens begin in `hidden`, shape (texts + 1,).
        comparable: Whether the student reads a text in the same tokens, shape (texts,); the hidden states of others
            cannot be matched.
    """

    logits: NDArray[np.float32]
    hidden: NDArray[np.float16] | None
    starts: NDArray[np.int64]
    comparable: NDArray[np.bool_]

    def logits_of(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits of some texts, shape (texts, classes)."""
        return np.asarray(self.logits[positions])

    def hidden_of(self, positions: NDArray[np.int64], length: int) -> NDArray[np.float32] | None:
        """Hidden states of some texts, shape (texts, length, layers, width); None without any.

        Zeros stand for the padding, and for texts that are not comparable.
        """
        if self.hidden is None:
            return None
        states = np.zeros((len(positions), length, *self.hidden.shape[1:]), dtype=np.float32)
        for place, position in enumerate(positions):
            if not self.comparable[position]:
                continue
            tokens = self.hidden[self.starts[position] : self.starts[position + 1]]
            states[place, : len(tokens)] = tokens
        return states


def ask_teacher(
    teacher: TextClassifier,
    rows: Sequence[TokenIds],
    folder: Path,
    key: str,
    layers: Sequence[int] = (),
    on_batch: Told | None = None,
) -> TeacherAnswers:
    """Have the teacher answer all texts, or take its answers from the folder where they are kept.

    Killed and called again, it goes on with the texts that are not answered yet.

    Args:
        teacher: Left as it is.
        rows: Token ids of each text, as the teacher reads it; each of shape (length,).
        folder: Where the answers are kept; answers with another key in it are replaced.
        key: Digest of all that the answers depend on.
        layers: Layers whose hidden states are kept too, counted from 0.
        on_batch: Called with the number of texts answered since the last call.

    Raises:
        StorageError: There is no space for them, or the folder cannot be written.
        ModelError: Some logits are not finite.
    """
    store = _Store(folder, key, rows, len(teacher.labels), len(layers), int(teacher.module.config.hidden_size))
    store.open()
    todo = np.flatnonzero(~store.done)
    if on_batch is not None and len(todo) < len(rows):
        on_batch(len(rows) - len(todo))
    home = next(teacher.module.parameters()).device
    device = torch.device("cuda") if torch.cuda.is_available() and len(todo) else home
    training, _ = teacher.module.training, teacher.module.eval().to(device)
    try:
        for chunk in np.array_split(todo, min(_CHUNKS, max(len(todo), 1))):
            for batch in token_batches([rows[position] for position in chunk], teacher.pad_id, DEFAULT_BATCH_TOKENS):
                _answer(teacher, store, chunk[batch.positions], batch.input_ids, batch.attention_mask, layers, device)
                if on_batch is not None:
                    on_batch(len(batch.positions))
            store.keep(chunk)
    finally:
        teacher.module.train(training).to(home)
    return TeacherAnswers(store.logits, store.hidden, store.starts, np.ones(len(rows), dtype=bool))


def _answer(
    teacher: TextClassifier,
    store: "_Store",
    positions: NDArray[np.int64],
    ids: TokenIds,
    mask: TokenIds,
    layers: Sequence[int],
    device: torch.device,
) -> None:
    with torch.inference_mode():
        output = teacher.module(
            input_ids=torch.from_numpy(ids).to(device),
            attention_mask=torch.from_numpy(mask).to(device),
            output_hidden_states=bool(layers),
        )
    logits = output.logits.float().cpu().numpy()
    if broken := int((~np.isfinite(logits).all(axis=1)).sum()):
        raise ModelError(f"The teacher's logits of {broken} of {len(logits)} texts are not finite (NaN or infinity).")
    store.logits[positions] = logits
    if store.hidden is not None:
        # The first of the hidden states are the embeddings, before any layer.
        states = torch.stack([output.hidden_states[layer + 1] for layer in layers], dim=2).half().cpu().numpy()
        if not np.isfinite(states).all():
            raise ModelError(
                "Hidden states of the teacher are too large for 16-bit floating point, in which they are kept.",
                "Match other layers under hidden: layers, or the answers alone.",
            )
        for place, position in enumerate(positions):
            start, end = store.starts[position], store.starts[position + 1]
            store.hidden[start:end] = states[place, : end - start]


class _Store:
    """The files of a folder: logits, hidden states, and which texts are answered."""

    def __init__(self, folder: Path, key: str, rows: Sequence[TokenIds], classes: int, layers: int, width: int) -> None:
        self.folder, self.key = folder, key
        self.starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        self._shapes: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {
            "logits": ((len(rows), classes), np.float32),
            "done": ((len(rows),), np.bool_),
        }
        if layers:
            self._shapes["hidden"] = ((int(self.starts[-1]), layers, width), np.float16)
        self.logits: NDArray[np.float32]
        self.done: NDArray[np.bool_]
        self.hidden: NDArray[np.float16] | None = None

    def open(self) -> None:
        """Map the files into memory, new ones where there are none with this key."""
        if not self._is_here():
            with storage_errors(self.folder, self._bytes()):
                shutil.rmtree(self.folder, ignore_errors=True)
                self.folder.mkdir(parents=True)
                self._check_space()
                for name, (shape, kind) in self._shapes.items():
                    self._make(name, shape, kind)
                write_text_atomically(self.folder / "key.json", json.dumps({"key": self.key}) + "\n")
        maps = {name: np.load(self._path(name), mmap_mode="r+") for name in self._shapes}
        self.logits, self.done, self.hidden = maps["logits"], maps["done"], maps.get("hidden")

    def keep(self, positions: NDArray[np.int64]) -> None:
        """Have texts counted as answered, once their answers are on the disk."""
        for kept in (self.logits, self.hidden):
            if isinstance(kept, np.memmap):
                kept.flush()
        self.done[positions] = True
        if isinstance(self.done, np.memmap):
            self.done.flush()

    def _is_here(self) -> bool:
        try:
            stored = json.loads((self.folder / "key.json").read_text(encoding="utf-8"))
            found = {name: np.load(self._path(name), mmap_mode="r") for name in self._shapes}
        except (OSError, ValueError, EOFError):
            return False
        shapes = {name: (each.shape, each.dtype.type) for name, each in found.items()}
        return bool(stored == {"key": self.key} and shapes == self._shapes)

    def _bytes(self) -> int:
        return sum(int(np.prod(shape)) * np.dtype(kind).itemsize for shape, kind in self._shapes.values())

    def _check_space(self) -> None:
        """A mapped file on a full disk ends the process without a word, so that space is looked for first."""
        free, needed = shutil.disk_usage(self.folder).free, self._bytes()
        if free < needed + _SPARE_BYTES:
            raise StorageError(
                f"The teacher's answers take {needed / 2**20:,.1f} MiB, beside which {_SPARE_BYTES / 2**20:.0f} MiB "
                f"are to stay free, and the disk that holds {self.folder} has {free / 2**20:,.0f} MiB free.",
                "Free some, use fewer training texts, or match no hidden states.",
            )

    def _make(self, name: str, shape: tuple[int, ...], kind: type[np.generic]) -> None:
        """Write zeros, so that the space is taken for good."""
        with self._path(name).open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": np.dtype(kind).str, "fortran_order": False, "shape": shape}
            )
            left = int(np.prod(shape)) * np.dtype(kind).itemsize
            while left:
                left -= file.write(bytes(min(left, _ZEROS)))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npy"
