"""The engines of the translation benchmark: how each is made, opened, and measured in a process of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from leanglot.measure.cold_start import peak_rss_bytes
from leanglot.runtimes.loading import load_translator
from leanglot.runtimes.seq2seq import Decoding, SourceRow
from leanglot.techniques import Int8, Recipe, Runtime, WeightOnly

_TIMEOUT_S: Final = 600


@dataclass(frozen=True, slots=True)
class Engine:
    """One row of the table.

    Attributes:
        name: Of the row.
        runtime: What executes it.
        recipe: How it is made.
        cache: Whether keys and values of earlier tokens are kept.
        artifact: Whose folder it uses; None where it has its own.
    """

    name: str
    runtime: Runtime
    recipe: Recipe = ()
    cache: bool = True
    artifact: str | None = None

    @property
    def folder(self) -> str:
        """Name of the artifact's folder."""
        return self.artifact or self.name


REFERENCE: Final = "transformers"
ENGINES: Final = (
    Engine(REFERENCE, "pytorch"),
    Engine("transformers, no cache", "pytorch", cache=False, artifact=REFERENCE),
    Engine("onnxruntime FP32", "onnxruntime"),
    Engine("onnxruntime FP32, no cache", "onnxruntime", cache=False, artifact="onnxruntime FP32"),
    Engine("onnxruntime INT8", "onnxruntime", (Int8(embeddings=True),)),
    Engine("onnxruntime INT8, table INT4", "onnxruntime", (Int8(embeddings=True, embedding_bits=4),)),
    Engine("openvino FP32", "openvino"),
    Engine("openvino INT8 weights", "openvino", (WeightOnly(bits=8, embeddings=True),)),
    Engine("ctranslate2 FP32", "ctranslate2"),
    Engine("ctranslate2 INT8", "ctranslate2", (Int8(embeddings=True),)),
)


@dataclass(frozen=True, slots=True)
class Work:
    """What every engine translates: sources, and the number of tokens of each translation; None lets them end."""

    rows: tuple[SourceRow, ...]
    forced: int | None
    beam: int = 1
    most: int = 128

    def decoding(self, *, cache: bool) -> Decoding:
        """The search that is timed."""
        return Decoding(beam=self.beam, max_tokens=self.most, forced=self.forced, cache=cache)


def make(model_folder: Path, engine: Engine, folder: Path) -> None:
    """Write an engine's artifact; one that is there is used again."""
    from leanglot.config.settings import CandidateConfig
    from leanglot.models.translation_model import load_translation_model
    from leanglot.results.environment import read_environment
    from leanglot.results.manifest import is_artifact
    from leanglot.translating.making import TranslationMaking, make_translation_artifact

    if is_artifact(folder):
        return
    folder.mkdir(parents=True, exist_ok=True)
    model = load_translation_model(model_folder)
    candidate = CandidateConfig(name="benchmark", runtime=engine.runtime, recipe=engine.recipe)
    make_translation_artifact(model, candidate, folder, TranslationMaking(isa=read_environment().isa, threads=1))


def peak_memory(folder: Path, threads: int, work: Work, *, cache: bool, count: int) -> int:
    """Peak resident bytes of a fresh process that loads an artifact and translates so many sources at once."""
    rows = [{"ids": row.ids.tolist(), "start": list(row.start)} for row in work.rows[:count]]
    request = {"folder": str(folder), "threads": threads, "cache": cache, "rows": rows}
    request |= {"forced": work.forced, "beam": work.beam, "most": work.most}
    command = [sys.executable, str(Path(__file__).resolve())]
    done = subprocess.run(  # noqa: S603 - this interpreter runs this file
        command, input=json.dumps(request), capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
    )
    if done.returncode != 0:
        words = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"a fresh process failed: {words[:300]}")
    return int(json.loads(done.stdout.splitlines()[-1])["peak_rss_bytes"])


def _answer(request: dict[str, Any]) -> dict[str, int]:
    rows = tuple(SourceRow(np.asarray(row["ids"], dtype=np.int64), tuple(row["start"])) for row in request["rows"])
    work = Work(rows, request["forced"], request["beam"], request["most"])
    translator = load_translator(request["folder"], request["threads"])
    found = translator.engine.generate(rows, replace(work.decoding(cache=request["cache"])))
    if len(found) != len(rows):
        raise RuntimeError("not every source was translated")
    return {"peak_rss_bytes": peak_rss_bytes()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_answer(json.load(sys.stdin))) + "\n")
