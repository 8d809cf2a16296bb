"""Translates with ONNX Runtime: an encoder and a decoder graph behind the project's own decode loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from leanglot.errors import ModelError
from leanglot.results.manifest import Manifest
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.beam_search import beam_search
from leanglot.runtimes.decode_loop import Candidates, Ending, greedy, pad_sources, start_tokens
from leanglot.runtimes.onnxruntime import session_options
from leanglot.runtimes.seq2seq import Decoded, Decoding, SourceRow
from leanglot.runtimes.seq2seq_graphs import (
    COUNT,
    DECODER_NAME,
    ENCODER_NAME,
    IDS,
    MASK,
    SCORES,
    TOKENS,
    past_names,
    present_names,
)

Values = dict[str, ort.OrtValue]


@dataclass(frozen=True, slots=True)
class OnnxSeq2Seq:
    """Both sessions of a translation model.

    Attributes:
        encoder: Session of the encoder's graph.
        decoder: Session of the decoder's.
        ending: What ends a translation.
        pad_id: Fills short rows of a batch.
    """

    encoder: ort.InferenceSession
    decoder: ort.InferenceSession
    ending: Ending
    pad_id: int

    def generate(self, rows: Sequence[SourceRow], decoding: Decoding) -> list[Decoded]:
        """Translate one batch; see `Seq2SeqEngine`."""
        if not rows:
            return []
        starts = start_tokens(rows)
        steps = OnnxSteps.of(self, *pad_sources(rows, self.pad_id), cache=decoding.cache)
        search = greedy if decoding.beam == 1 else beam_search
        return search(steps, starts, decoding, self.ending)


@dataclass(slots=True)
class OnnxSteps:
    """A batch between two steps; see `Steps`. What the graphs answer goes back into them without a copy.

    Attributes:
        session: The decoder's.
        layers: Its layers.
        source: What the encoder answered.
        past: Keys and values of earlier tokens by the names that the decoder takes them by.
        cache: Whether there is one.
        vocabulary: Most candidates that can be asked for.
    """

    session: ort.InferenceSession
    layers: int
    source: Values
    past: Values
    cache: bool
    vocabulary: int

    @classmethod
    def of(cls, engine: OnnxSeq2Seq, ids: TokenIds, mask: TokenIds, *, cache: bool) -> "OnnxSteps":
        """Encode a batch."""
        names = [output.name for output in engine.encoder.get_outputs()]
        feed = {IDS: _value(ids), MASK: _value(mask)}
        source = dict(zip(names, engine.encoder.run_with_ort_values(names, feed), strict=True))
        past = {
            item.name: _value(np.zeros((len(ids), item.shape[1], 0, item.shape[3]), dtype=np.float32))
            for item in engine.decoder.get_inputs()
            if item.name.startswith("past_")
        }
        vocabulary = int(engine.decoder.get_modelmeta().custom_metadata_map["vocabulary"])
        return cls(engine.decoder, len(past) // 2, source, past, cache, vocabulary)

    def next(self, tokens: TokenIds, count: int) -> Candidates:
        """See `Steps`."""
        if not self.cache:
            self._forget(len(tokens))
        wanted = np.asarray([min(count, self.vocabulary)], dtype=np.int64)
        feed = {IDS: _value(np.ascontiguousarray(tokens)), COUNT: _value(wanted), **self.source, **self.past}
        names = [SCORES, TOKENS]
        if self.cache:
            names += [name for layer in range(self.layers) for name in present_names(layer)]
        scores, best, *presents = self.session.run_with_ort_values(names, feed)
        if self.cache:
            pasts = [name for layer in range(self.layers) for name in past_names(layer)]
            self.past = dict(zip(pasts, presents, strict=True))
        return Candidates(best.numpy(), scores.numpy())

    def keep(self, sentences: NDArray[np.int64]) -> None:
        """See `Steps`."""
        self.source = {name: _rows(value, sentences) for name, value in self.source.items()}

    def reorder(self, rows: NDArray[np.int64]) -> None:
        """See `Steps`."""
        if self.cache:
            self.past = {name: _rows(value, rows) for name, value in self.past.items()}

    def _forget(self, rows: int) -> None:
        self.past = {
            name: _value(np.zeros((rows, shape[1], 0, shape[3]), dtype=np.float32))
            for name, shape in ((name, value.shape()) for name, value in self.past.items())
        }


def open_engine(folder: Path, manifest: Manifest, threads: int) -> OnnxSeq2Seq:
    """Load an artifact's graphs.

    Args:
        folder: The artifact.
        manifest: Its manifest.
        threads: Threads within one operator.

    Raises:
        ModelError: A graph is damaged or needs what this version of ONNX Runtime lacks.
    """
    if manifest.translation is None:
        raise ModelError(f"{folder} does not translate.", "Make it from a translation model.")
    sessions = []
    for name in (ENCODER_NAME, DECODER_NAME):
        options = session_options(threads)
        try:
            sessions.append(ort.InferenceSession(str(folder / name), options, providers=["CPUExecutionProvider"]))
        except Exception as error:  # ONNX Runtime raises types of its own, without a common base class
            raise ModelError(
                f"ONNX Runtime {ort.__version__} cannot load {folder / name}: {str(error)[:400]}",
                "The file may be damaged: make the artifact again.",
            ) from error
    ending = Ending(manifest.translation.eos_id, manifest.translation.suppressed)
    return OnnxSeq2Seq(sessions[0], sessions[1], ending, manifest.pad_id)


def _value(array: NDArray[np.generic]) -> ort.OrtValue:
    return ort.OrtValue.ortvalue_from_numpy(array)


def _rows(value: ort.OrtValue, rows: NDArray[np.int64]) -> ort.OrtValue:
    return _value(np.from_dlpack(value)[rows])
