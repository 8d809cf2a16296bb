"""A teacher's translations of the training sentences: made once, kept on disk, gone on with after a kill."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from leanglot.results.atomic import foreign_file_atomically, write_text_atomically
from leanglot.results.storage import storage_errors
from leanglot.runtimes.seq2seq import Decoded, Decoding, SourceRow
from leanglot.runtimes.translator import Translator

_PART: Final = 512
_BATCH_TOKENS: Final = 4096


def teacher_translations(
    translator: Callable[[], Translator],
    rows: Sequence[SourceRow],
    decoding: Decoding,
    folder: Path,
    key: str,
    on_batch: Callable[[int], None] | None = None,
) -> list[Decoded]:
    """Have the teacher translate all sources, or take its translations from the folder where they are kept.

    The sources are translated by length, so that a part of them is a few full batches; killed and called again, it
    goes on with the parts that are missing.

    Args:
        translator: Opens the teacher; called only where something is left to translate.
        rows: The sources as the teacher reads them.
        decoding: How it searches.
        folder: Where the translations are kept; those with another key in it are replaced.
        key: Digest of all that they depend on.
        on_batch: Called with the number of sources done since the last call.

    Returns:
        One per source, in the order given.

    Raises:
        StorageError: The folder cannot be written.
        ConfigError: The search asks for more than the model or the memory allows.
    """
    with storage_errors(folder):
        _open(folder, key)
    with torch_threads_kept():
        return _translated(translator, rows, decoding, folder, on_batch)


@contextmanager
def torch_threads_kept() -> Iterator[None]:
    """Puts PyTorch's number of threads back, which opening an engine of CTranslate2 changes for the whole process."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _translated(
    translator: Callable[[], Translator],
    rows: Sequence[SourceRow],
    decoding: Decoding,
    folder: Path,
    on_batch: Callable[[int], None] | None,
) -> list[Decoded]:
    order = np.argsort([len(row) for row in rows], kind="stable")
    found: dict[int, Decoded] = {}
    opened: Translator | None = None
    for number, start in enumerate(range(0, len(order), _PART)):
        places, path = order[start : start + _PART], folder / f"{number:05}.safetensors"
        answers = _read(path, len(places))
        if answers is None:
            opened = opened or translator()
            answers = opened.generate([rows[place] for place in places], _BATCH_TOKENS, on_batch, decoding)
            with storage_errors(folder):
                _write(path, answers)
        elif on_batch is not None:
            on_batch(len(places))
        found |= dict(zip(places.tolist(), answers, strict=True))
    return [found[place] for place in range(len(rows))]


def _open(folder: Path, key: str) -> None:
    """Empties the folder where it holds others' translations."""
    name = folder / "key.json"
    try:
        same = json.loads(name.read_text(encoding="utf-8")) == {"key": key}
    except (OSError, ValueError):
        same = False
    if not same:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write_text_atomically(name, json.dumps({"key": key}) + "\n")


def _write(path: Path, answers: Sequence[Decoded]) -> None:
    arrays: dict[str, NDArray[np.generic]] = {
        "ids": np.concatenate([*(each.ids for each in answers), np.zeros(0, np.int64)]).astype(np.int32),
        "lengths": np.asarray([len(each.ids) for each in answers], dtype=np.int32),
        "log_probability": np.asarray([each.log_probability for each in answers], dtype=np.float64),
        "finished": np.asarray([each.finished for each in answers], dtype=np.bool_),
    }
    with foreign_file_atomically(path) as temporary:
        save_file(arrays, temporary)


def _read(path: Path, count: int) -> list[Decoded] | None:
    """The stored translations of a part; None where there are none, or they are damaged."""
    try:
        with safe_open(path, framework="np") as file:
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        ends = np.cumsum(stored["lengths"])
        if len(ends) != count or (count and ends[-1] != len(stored["ids"])):
            return None
        texts = np.split(stored["ids"].astype(np.int64), ends[:-1])
        columns = zip(texts, stored["log_probability"], stored["finished"], strict=True)
        return [Decoded(ids, float(total), finished=bool(done)) for ids, total, done in columns]
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
