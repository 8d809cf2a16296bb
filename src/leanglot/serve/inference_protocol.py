"""The Open Inference Protocol, version 2, over HTTP: health, metadata and inference, as KServe and Triton speak it.

Specification: https://github.com/open-inference/open-inference-protocol (``open_inference_rest.yaml``). Texts travel as
tensors of datatype ``BYTES``. The binary tensor extension and versions of models are not offered.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.responses import Response

from leanglot.serve.answering import Answering
from leanglot.serve.answers import Answer
from leanglot.serve.documenting import documented, failure
from leanglot.serve.errors import JSON, Refusal

_Datatype = Literal["BYTES", "FP32"]
_Element = str | float | None
_BINARY: Final = "inference-header-content-length"

_OUTPUTS: Final[Mapping[str, tuple[_Datatype, Callable[[Answer], _Element]]]] = {
    "label": ("BYTES", lambda answer: answer.label),
    "confidence": ("FP32", lambda answer: answer.confidence),
    "language": ("BYTES", lambda answer: answer.language or ""),
    "variant": ("BYTES", lambda answer: answer.variant),
    "id": ("BYTES", lambda answer: answer.id),
}


class ServerMetadata(BaseModel):
    """What this server is."""

    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    """Whether the process answers."""

    live: bool


class Ready(BaseModel):
    """Whether it can infer."""

    ready: bool


class ModelReady(BaseModel):
    """Whether a model can infer."""

    name: str
    ready: bool


class TensorMetadata(BaseModel):
    """An input or output of a model; -1 stands for any number of texts."""

    name: str
    datatype: _Datatype
    shape: list[int]


class ModelMetadata(BaseModel):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class InputTensor(BaseModel):
    """Texts, or their language tags; an empty tag stands for an unknown language."""

    model_config = ConfigDict(frozen=True, strict=True)

    name: Literal["text", "language"]
    shape: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, max_length=2, examples=[[2]])
    datatype: Literal["BYTES"]
    parameters: dict[str, Any] | None = None
    data: list[str | Annotated[list[str], Field(fail_fast=True)]] = Field(
        fail_fast=True, examples=[["schalte das Licht aus", "turn off the light"]]
    )


class RequestedOutput(BaseModel):
    """An output that is wanted."""

    model_config = ConfigDict(frozen=True, strict=True)

    name: Literal["label", "confidence", "language", "variant", "id"]
    parameters: dict[str, Any] | None = None


class InferRequest(BaseModel):
    """Texts to classify, as tensors."""

    model_config = ConfigDict(frozen=True, strict=True)

    id: str | None = Field(default=None, max_length=200)
    parameters: dict[str, Any] | None = None
    inputs: list[InputTensor] = Field(min_length=1, max_length=2)
    outputs: list[RequestedOutput] | None = Field(default=None, max_length=len(_OUTPUTS))


class OutputTensor(BaseModel):
    """One value for each text."""

    name: str
    shape: list[int]
    datatype: _Datatype
    data: list[str | float]


class InferResponse(BaseModel):
    """The answers, as tensors."""

    model_name: str
    id: str | None = None
    outputs: list[OutputTensor]


def protocol_router(answering: Answering) -> APIRouter:
    """The endpoints under ``/v2``."""
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol v2"])
    _add_metadata(router, answering)
    _add_models(router, answering)
    return router


def _add_metadata(router: APIRouter, answering: Answering) -> None:
    @router.get("", response_model=ServerMetadata, responses={401: failure(401)})
    async def server() -> Response:
        """Tell what this server is."""
        return _json({"name": "leanglot", "version": version("leanglot"), "extensions": []})

    @router.get("/health/live", response_model=Live)
    async def live() -> Response:
        """Tell that the process answers; needs no token."""
        return _json({"live": True})

    @router.get("/health/ready", response_model=Ready, responses={503: {"model": Ready}})
    async def ready() -> Response:
        """Tell whether it can infer; needs no token."""
        serving = answering.batcher.serving
        return _json({"ready": serving}, 200 if serving else 503)


def _add_models(router: APIRouter, answering: Answering) -> None:
    engine = answering.batcher.engine
    missing: dict[int | str, dict[str, Any]] = {code: failure(code) for code in (401, 404)}

    def check(name: str) -> None:
        if name != engine.name:
            raise Refusal(404, f"There is no model {name!r:.200}; this server has {engine.name!r}.")

    @router.get("/models/{name}", response_model=ModelMetadata, responses=missing)
    async def model(name: str) -> Response:
        """Tell what the model takes and gives."""
        check(name)
        inputs = [{"name": each, "datatype": "BYTES", "shape": [-1]} for each in ("text", "language")]
        outputs = [{"name": each, "datatype": kind, "shape": [-1]} for each, (kind, _) in _OUTPUTS.items()]
        facts = {"name": engine.name, "versions": [], "platform": engine.platform}
        return _json({**facts, "inputs": inputs, "outputs": outputs})

    @router.get("/models/{name}/ready", response_model=ModelReady, responses=missing | {503: {"model": ModelReady}})
    async def model_ready(name: str) -> Response:
        """Tell whether the model can infer."""
        check(name)
        serving = answering.batcher.serving
        return _json({"name": engine.name, "ready": serving}, 200 if serving else 503)

    @router.post("/models/{name}/infer", **documented(InferRequest, InferResponse, busy=True, named=True))
    async def infer(name: str, request: Request) -> Response:
        """Classify texts."""
        check(name)
        if _BINARY in request.headers:
            raise Refusal(415, "The binary tensor extension is not offered; send the tensors as JSON.")
        answering.check_room()
        asked = await answering.read(request, InferRequest)
        texts, tags = _tensors(asked)
        answers = await answering.answer(request, texts, tags)
        wanted = list(_OUTPUTS) if not asked.outputs else list(dict.fromkeys(each.name for each in asked.outputs))
        identified = {} if asked.id is None else {"id": asked.id}
        outputs = [_output(output, answers) for output in wanted]
        return _json({"model_name": engine.name, **identified, "outputs": outputs})


def _tensors(asked: InferRequest) -> tuple[list[str], Sequence[str | None]]:
    """The texts and a language tag for each.

    Raises:
        Refusal: There are no texts, or a tensor does not have its shape.
    """
    found: dict[str, list[str]] = {}
    for tensor in asked.inputs:
        if tensor.name in found:
            raise Refusal(422, f"The input {tensor.name!r} is given twice.")
        found[tensor.name] = _flat(tensor)
    if "text" not in found:
        raise Refusal(422, "The input 'text' is missing.")
    tags = found.get("language")
    return found["text"], [None] * len(found["text"]) if tags is None else [tag or None for tag in tags]


def _flat(tensor: InputTensor) -> list[str]:
    """The values of a tensor of shape ``[n]`` or ``[n, 1]``, whose rows may be nested.

    Raises:
        Refusal: It has another shape, or other values than its shape says.
    """
    values: list[str] = []
    for value in tensor.data:
        if isinstance(value, str):
            values.append(value)
        elif len(value) == 1 and len(tensor.shape) == 2:
            values.append(value[0])
        else:
            raise Refusal(422, f"The input {tensor.name!r} has rows that do not fit its shape {tensor.shape}.")
    if tensor.shape[0] != len(values) or tensor.shape[1:] not in ([], [1]):
        message = f"The input {tensor.name!r} has {len(values)} values and the shape {tensor.shape}; allowed are"
        raise Refusal(422, f"{message} [{len(values)}] and [{len(values)}, 1].")
    return values


def _output(name: str, answers: Sequence[Answer]) -> dict[str, Any]:
    datatype, value = _OUTPUTS[name]
    return {"name": name, "shape": [len(answers)], "datatype": datatype, "data": [value(each) for each in answers]}


def _json(content: Mapping[str, Any], status: int = 200) -> Response:
    return Response(to_json(content), status, media_type=JSON)
