"""Translates with OpenVINO's CPU plugin: an encoder and a decoder graph behind the project's own decode loop."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from leanglot.errors import ModelError
from leanglot.results.manifest import Manifest
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.beam_search import beam_search
from leanglot.runtimes.decode_loop import Candidates, Ending, greedy, pad_sources, start_tokens
from leanglot.runtimes.openvino import cpu_settings, import_openvino
from leanglot.runtimes.seq2seq import Decoded, Decoding, SourceRow
from leanglot.runtimes.seq2seq_graphs import COUNT, IDS, MASK, SCORES, TOKENS

if TYPE_CHECKING:
    from openvino import InferRequest

ENCODER_GRAPH: Final = "encoder.xml"
DECODER_GRAPH: Final = "decoder.xml"
_PAST: Final = "past_"
_PRESENT: Final = "present_"

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class OpenVinoSeq2Seq:
    """Both compiled graphs of a translation model; threads that share it take turns.

    Attributes:
        encoder: Request of the encoder's graph.
        decoder: Request of the decoder's.
        empty: Keys and values of no tokens, for one row, by the names that the decoder takes them by.
        vocabulary: Most candidates that can be asked for.
        ending: What ends a translation.
        pad_id: Fills short rows of a batch.
    """

    encoder: "InferRequest"
    decoder: "InferRequest"
    empty: Arrays
    vocabulary: int
    ending: Ending
    pad_id: int
    turn: Lock = field(default_factory=Lock, repr=False)

    def generate(self, rows: Sequence[SourceRow], decoding: Decoding) -> list[Decoded]:
        """Translate one batch; see `Seq2SeqEngine`."""
        if not rows:
            return []
        starts = start_tokens(rows)
        ids, mask = pad_sources(rows, self.pad_id)
        with self.turn:
            source = _answers(self.encoder, {IDS: ids, MASK: mask})
            steps = OpenVinoSteps(self, source, self.none(len(rows)), decoding.cache)
            search = greedy if decoding.beam == 1 else beam_search
            return search(steps, starts, decoding, self.ending)

    def none(self, rows: int) -> Arrays:
        """The cache of rows that have no tokens yet."""
        return {name: np.repeat(values, rows, axis=0) for name, values in self.empty.items()}


@dataclass(slots=True)
class OpenVinoSteps:
    """A batch between two steps; see `Steps`.

    Attributes:
        engine: What it runs on.
        source: What the encoder answered.
        past: Keys and values of earlier tokens.
        cache: Whether they are kept.
    """

    engine: OpenVinoSeq2Seq
    source: Arrays
    past: Arrays
    cache: bool

    def next(self, tokens: TokenIds, count: int) -> Candidates:
        """See `Steps`."""
        if not self.cache:
            self.past = self.engine.none(len(tokens))
        wanted = np.asarray([min(count, self.engine.vocabulary)], dtype=np.int64)
        feed = {IDS: np.ascontiguousarray(tokens), COUNT: wanted, **self.source, **self.past}
        answers = _answers(self.engine.decoder, feed)
        if self.cache:
            self.past = {name: answers[name.replace(_PAST, _PRESENT)] for name in self.past}
        return Candidates(answers[TOKENS], answers[SCORES])

    def keep(self, sentences: NDArray[np.int64]) -> None:
        """See `Steps`."""
        self.source = {name: values[sentences] for name, values in self.source.items()}

    def reorder(self, rows: NDArray[np.int64]) -> None:
        """See `Steps`."""
        if self.cache:
            self.past = {name: values[rows] for name, values in self.past.items()}


def open_engine(folder: Path, manifest: Manifest, threads: int) -> OpenVinoSeq2Seq:
    """Load an artifact's graphs and compile them for this machine, keeping nothing of that on disk.

    Args:
        folder: The artifact.
        manifest: Its manifest.
        threads: Threads within one operator.

    Raises:
        ModelError: A graph is damaged or needs what this version of OpenVINO lacks.
        MissingExtraError: OpenVINO is not installed.
    """
    openvino = import_openvino()
    facts = manifest.translation
    if facts is None:
        raise ModelError(f"{folder} does not translate.", "Make it from a translation model.")
    compiled = []
    for name in (ENCODER_GRAPH, DECODER_GRAPH):
        try:
            compiled.append(openvino.Core().compile_model(str(folder / name), "CPU", cpu_settings(threads)))
        except Exception as error:  # OpenVINO raises RuntimeError and types of its own
            raise ModelError(
                f"OpenVINO {openvino.__version__} cannot load {folder / name}: {str(error)[:400]}",
                "The file may be damaged: make the artifact again.",
            ) from error
    shapes = {port.get_any_name(): port.get_partial_shape() for port in compiled[1].inputs}
    empty = {
        name: np.zeros((1, shape[1].get_length(), 0, shape[3].get_length()), dtype=np.float32)
        for name, shape in shapes.items()
        if name.startswith(_PAST)
    }
    requests = [graph.create_infer_request() for graph in compiled]
    ending = Ending(facts.eos_id, facts.suppressed)
    return OpenVinoSeq2Seq(requests[0], requests[1], empty, facts.vocabulary, ending, manifest.pad_id)


def _answers(request: "InferRequest", feed: Arrays) -> Arrays:
    """All outputs by name; copies, which later calls leave alone."""
    found = request.infer(feed, share_inputs=True, share_outputs=False)
    return {port.get_any_name(): values for port, values in found.items()}
