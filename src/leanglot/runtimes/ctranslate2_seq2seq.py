"""CTranslate2 as an engine of translation."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from leanglot.errors import ConfigError, DataError, ModelError
from leanglot.extras import require
from leanglot.results.manifest import Manifest
from leanglot.runtimes.seq2seq import Decoded, Decoding, SourceRow
from leanglot.techniques import HalfPrecision, MixedInt8

Loaded = Any
"""An object of CTranslate2, which has no types."""

_TOO_LONG: Final = "position"  # what CTranslate2 says of an input beyond its table of positions


class CTranslate2Seq2Seq:
    """A loaded model.

    CTranslate2 names tokens instead of numbering them, so that ids are turned into names and back. Its greedy search
    finds what transformers' finds; its beam search ends as soon as as many translations are finished as the beam is
    wide, where transformers looks whether a longer one could still win, so that a few translations differ.

    Args:
        translator: A ``ctranslate2.Translator``.
        source: The source side's tokens by id.
        target: The target side's.
        end: The token that ends a translation.
        starts: The decoder's first token, where the model begins with it by itself; None where it has to be given.
    """

    def __init__(
        self, translator: Loaded, source: Sequence[str], target: Sequence[str], end: str, starts: str | None
    ) -> None:
        self._translator = translator
        self._source, self._target = source, target
        self._ids = {token: number for number, token in enumerate(target)}
        self._end, self._starts = end, starts

    def generate(self, rows: Sequence[SourceRow], decoding: Decoding) -> list[Decoded]:
        """Translate the sources as one batch, which CTranslate2 pads itself.

        Args:
            rows: Any number of sources.
            decoding: How to search. The log probabilities are those over the tokens that are not suppressed.

        Raises:
            ConfigError: It asks for a search without cache, which CTranslate2 does not have.
            DataError: A source or a translation is longer than the model's table of positions.
        """
        if not decoding.cache:
            raise ConfigError(
                "CTranslate2 always keeps the keys and values of earlier tokens.",
                "Set cache to true; without it, only pytorch and onnxruntime translate.",
            )
        found: list[Decoded | None] = [None] * len(rows)
        for given in sorted({len(row.start) for row in rows}):  # the bound on the length counts the given tokens
            places = [place for place, row in enumerate(rows) if len(row.start) == given]
            answers = self._answer([rows[place] for place in places], decoding)
            for place, answer in zip(places, answers, strict=True):
                found[place] = answer
        return [each for each in found if each is not None]

    def _answer(self, rows: Sequence[SourceRow], decoding: Decoding) -> list[Decoded]:
        """Translate sources whose decoder starts with the same number of tokens."""
        prefixes = [self._prefix(row) for row in rows]
        skip = len(prefixes[0]) - (self._starts is None)  # tokens of the prefix that come back in the answer
        most = decoding.max_tokens if decoding.forced is None else decoding.forced
        greedy = decoding.beam == 1
        try:
            results = self._translator.translate_batch(
                [[self._source[number] for number in row.ids] for row in rows],
                target_prefix=prefixes if any(prefixes) else None,
                beam_size=decoding.beam,
                length_penalty=0 if greedy else decoding.length_penalty,
                max_input_length=0,
                max_decoding_length=most + skip,
                min_decoding_length=0 if decoding.forced is None else most + skip,
                return_scores=True,
                return_end_token=True,
            )
        except (RuntimeError, ValueError) as error:
            raise _told(error) from error
        return [self._decoded(result, skip, decoding) for result in results]

    def _prefix(self, row: SourceRow) -> list[str]:
        tokens = [self._target[number] for number in row.start]
        if self._starts is None:
            return tokens
        if not tokens or tokens[0] != self._starts:
            raise ModelError(
                f"The decoder is to start with {tokens[:1]}, and this model starts with {self._starts!r} by itself.",
                "Make the artifact again.",
            )
        return tokens[1:]

    def _decoded(self, result: Loaded, skip: int, decoding: Decoding) -> Decoded:
        tokens: list[str] = result.hypotheses[0]
        finished = decoding.forced is None and bool(tokens[skip:]) and tokens[-1] == self._end
        length = len(tokens)
        penalty = 0.0 if decoding.beam == 1 else decoding.length_penalty
        own = tokens[skip : length - 1 if finished else length]
        return Decoded(
            ids=np.asarray([self._ids[token] for token in own], dtype=np.int64),
            log_probability=float(result.scores[0]) * length**penalty,
            finished=finished,
        )


def open_engine(folder: Path, manifest: Manifest, threads: int) -> CTranslate2Seq2Seq:
    """Load an exported model.

    Args:
        folder: The artifact's folder.
        manifest: Its manifest.
        threads: Threads of one translation.

    Raises:
        MissingExtraError: CTranslate2 is not installed.
        ModelError: The files are missing or damaged.
    """
    ctranslate2 = require("ctranslate2", "translation")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        source, target = vocabulary_of(folder)
        device, kind = _device(ctranslate2, manifest)
        translator = ctranslate2.Translator(
            str(folder), device=device, compute_type=kind, inter_threads=1, intra_threads=threads
        )
        return CTranslate2Seq2Seq(translator, source, target, config["eos_token"], config["decoder_start_token"])
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"CTranslate2 cannot load {folder}: {reason[:300]}", "Make the artifact again.") from error


def vocabulary_of(folder: Path) -> tuple[list[str], list[str]]:
    """The source's and the target's tokens of an exported model, by id.

    Raises:
        OSError: There are none.
        ValueError: They are damaged.
    """
    shared = folder / "shared_vocabulary.json"
    if shared.is_file():
        tokens: list[str] = json.loads(shared.read_text(encoding="utf-8"))
        return tokens, tokens
    source, target = (
        json.loads((folder / f"{side}_vocabulary.json").read_text(encoding="utf-8")) for side in ("source", "target")
    )
    return source, target


def _device(ctranslate2: ModuleType, manifest: Manifest) -> tuple[str, str]:
    """Where a model runs, and what it computes in.

    That is the processor with the types that it has, in place of 16 bits FP32; for INT8 with a 16-bit type that the
    processor lacks and a GPU here has, the GPU.
    """
    last = manifest.recipe[-1] if manifest.recipe else None
    if isinstance(last, HalfPrecision):
        kind, instead = {"fp16": "float16", "bf16": "bfloat16"}[last.dtype], "float32"
    elif isinstance(last, MixedInt8):
        kind, instead = {"fp16": "int8_float16", "bf16": "int8_bfloat16"}[last.rest], "int8_float32"
    else:
        return "cpu", "default"
    if kind in ctranslate2.get_supported_compute_types("cpu"):
        return "cpu", kind
    if isinstance(last, MixedInt8) and ctranslate2.get_cuda_device_count():
        on_gpu: set[str] = ctranslate2.get_supported_compute_types("cuda")
        return ("cuda", kind) if kind in on_gpu else ("cpu", instead)
    return "cpu", instead


def _told(error: Exception) -> Exception:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if _TOO_LONG in reason:
        return DataError(
            f"A source or its translation is longer than the model's table of positions: {reason[:200]}",
            "Split it, or lower the most tokens of a translation.",
        )
    return ModelError(f"CTranslate2 cannot translate: {reason[:300]}", "Make the artifact again.")
