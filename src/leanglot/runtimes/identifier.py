"""Tells the language of a text: one logistic regression per language over hashed character n-grams."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from scipy.special import expit

from leanglot.errors import ModelError
from leanglot.results.router_manifest import IDENTIFIER_FILE, IdentifierInfo

_AT_ONCE: Final = 4096


@dataclass(frozen=True, eq=False)
class Identifier:
    """A language identifier, ready to tell.

    Each language has its own probability, so that a text of none of them has none that is large: nothing makes the
    probabilities sum to 1. One of nothing familiar gets about one half for each.

    Attributes:
        info: Its languages and settings.
        weights: Shape ``(buckets, languages)``, float16 as stored.
    """

    info: IdentifierInfo
    weights: NDArray[np.float16]

    def tell(self, texts: Sequence[str]) -> list[str | None]:
        """The language of each text; None where it is too unsure."""
        probabilities = self.probabilities(texts)
        best = probabilities.argmax(axis=1)
        sure = probabilities[np.arange(len(best)), best] >= self.info.threshold
        return [
            self.info.languages[number] if known else None for number, known in zip(best.tolist(), sure, strict=True)
        ]

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Each language's own probability, shape ``(texts, languages)``."""
        out = np.zeros((len(texts), len(self.info.languages)), dtype=np.float32)
        for start in range(0, len(texts), _AT_ONCE):
            rows = hashed(texts[start : start + _AT_ONCE], self.info)
            out[start : start + _AT_ONCE] = expit(rows @ self._wide)
        return out

    @cached_property
    def _wide(self) -> NDArray[np.float32]:
        return self.weights.astype(np.float32)


def hashed(texts: Sequence[str], info: IdentifierInfo) -> Any:  # noqa: ANN401 - a sparse matrix of scipy
    """Hashed character n-grams of texts, rows of length 1; sparse, shape ``(texts, buckets)``."""
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(
        analyzer="char_wb", ngram_range=info.ngrams, n_features=info.buckets, norm="l2", dtype=np.float32
    )
    return vectorizer.transform(texts)


def save_identifier(folder: Path, identifier: Identifier) -> None:
    """Write the weights into a router's folder; the settings go into its manifest."""
    # Written as bytes: save_file keeps others from reading the file.
    (folder / IDENTIFIER_FILE).write_bytes(save({"weights": np.ascontiguousarray(identifier.weights)}))


def load_identifier(folder: Path, info: IdentifierInfo) -> Identifier:
    """Read a router's identifier.

    Raises:
        ModelError: Its file is missing, damaged, or does not fit the manifest.
    """
    path = folder / IDENTIFIER_FILE
    again = "Copy the folder again, or make it again with: leanglot route RUN --out ROUTER"
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"The language identifier {path} cannot be read: {error}", again) from error
    shapes = {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
    wanted = {"weights": ((info.buckets, len(info.languages)), np.dtype(np.float16))}
    if shapes != wanted or not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        raise ModelError(f"The language identifier {path} does not fit the router's manifest.", again)
    return Identifier(info, tensors["weights"])
