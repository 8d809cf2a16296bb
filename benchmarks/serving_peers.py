"""What the serving benchmark compares: the servers, how each is started and asked, and what its answers say."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

PLAIN: Final = "pipeline"
LIMITED: Final = "pipeline-limited"
OURS: Final = {"fp32": "leanglot-fp32", "int8": "leanglot-int8"}
BARE: Final = {"fp32": "onnxruntime-fp32", "int8": "onnxruntime-int8"}

READY: Final = "/v2/health/ready"

Weights = Literal["fp32", "int8"]


@dataclass(frozen=True, slots=True)
class Peer:
    """A server.

    Attributes:
        name: Name in the tables.
        how: How it is used.
        weights: Whose answers its own must be.
        command: Starts it.
        health: Path that answers 200 once it is ready.
    """

    name: str
    how: str
    weights: Weights
    command: tuple[str, ...]
    health: str

    @property
    def ours(self) -> bool:
        """Whether it is leanglot."""
        return self.name in OURS.values()

    def body(self, text: str, language: str) -> str:
        """Of a request for one text."""
        if self.ours:
            return texts_body([text], [language])
        return json.dumps({"text": text}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer says.

    Attributes:
        label: The class.
        id: Its identifier; None where the server gives none.
    """

    label: str
    id: str | None


def texts_body(texts: Sequence[str], languages: Sequence[str]) -> str:
    """Of a request of leanglot's for several texts."""
    return json.dumps({"texts": texts, "languages": languages}, ensure_ascii=False)


def read_answers(body: str) -> list[Said]:
    """The answers to the texts of a request, of either server.

    Raises:
        ValueError: It is no such answer.
    """
    said = json.loads(body)
    if "label" in said:
        return [Said(said["label"], None)]
    if "predictions" not in said:
        raise ValueError(f"no predictions in {body[:200]}")
    return [Said(one["label"], one["id"]) for one in said["predictions"]]


def make_peers(model: Path, artifacts: Mapping[Weights, Path], cores: int, options: Sequence[str] = ()) -> list[Peer]:
    """All servers of the benchmark, in the order of the tables.

    Args:
        model: The transformers model folder of the pipelines.
        artifacts: What leanglot serves.
        cores: Of the machine.
        options: Of ``leanglot serve``.
    """
    script = (sys.executable, str(Path(__file__).with_name("serving_pipeline.py")), str(model))
    plain = Peer(
        PLAIN,
        'transformers\' pipeline("text-classification") in a def endpoint of FastAPI, which gives each request a '
        "thread; PyTorch FP32 with its default threads",
        "fp32",
        script,
        "/openapi.json",
    )
    limited = Peer(
        LIMITED,
        f"the same with {cores} requests at a time and one thread of PyTorch for each: the best of what was tried "
        "without batching",
        "fp32",
        (*script, "--at-once", str(cores), "--threads", "1"),
        "/openapi.json",
    )
    return [plain, limited, *(_ours(weights, folder, options) for weights, folder in artifacts.items())]


def serve_command(artifact: Path, options: Sequence[str] = ()) -> tuple[str, ...]:
    """``leanglot serve`` on any free port."""
    return (sys.executable, "-m", "leanglot.cli", "serve", str(artifact), "--port", "0", *options)


def _ours(weights: Weights, folder: Path, options: Sequence[str]) -> Peer:
    what = "the same weights exported to ONNX" if weights == "fp32" else "Int8(embeddings=True) of the same model"
    told = f"leanglot serve, {what}; {' '.join(options) or 'no options'}"
    return Peer(OURS[weights], told, weights, serve_command(folder, options), READY)
